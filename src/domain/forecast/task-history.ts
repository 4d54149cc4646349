/** What is remembered of a task's own series, wherever it runs, and how its counters become them. */
import type { TaskSample } from '../metrics/sample.ts';
import type { TaskName } from '../model/ids.ts';
import { SeriesHistory } from './series-history.ts';

export const TASK_SERIES = {
  load: { unit: 'cores', what: 'share of a core that its jobs take' },
  response: { unit: 'µs', what: 'from an input’s coming to the end of its job, the mean of a second' },
} as const;
export type TaskSeriesName = keyof typeof TASK_SERIES;
export const TASK_SERIES_NAMES = Object.keys(TASK_SERIES) as readonly TaskSeriesName[];

/** As it is handed on: beside the task's other records, and from manager to manager. */
export interface TaskHistoryEntry {
  readonly task: TaskName;
  readonly epoch: number;
  readonly newestS: number;
  readonly series: readonly { readonly name: string; readonly values: Float32Array }[];
}

interface Counted {
  readonly sample: TaskSample;
  readonly atUs: number;
}

export class TaskHistory {
  readonly task: TaskName;
  /** Of the instance that was heard last. */
  epoch = 0;
  #load = new SeriesHistory();
  #response = new SeriesHistory();
  #before: Counted | undefined;

  constructor(task: TaskName) {
    this.task = task;
  }

  get newestS(): number {
    return this.#load.newestS;
  }

  of(name: TaskSeriesName): SeriesHistory {
    return name === 'load' ? this.#load : this.#response;
  }

  /** `atUs` of the bridge's clock, between two samples of one instance; `second` of the wall clock. */
  heard(sample: TaskSample, atUs: number, second: number): void {
    const before = this.#before;
    this.#before = { sample, atUs };
    this.epoch = sample.epoch;
    // Counters begin anew with every instance: the first sample of one only says from where to count.
    if (before === undefined || before.sample.epoch !== sample.epoch || atUs <= before.atUs) return;
    const jobs = sample.jobs - before.sample.jobs;
    const responses = sample.responses - before.sample.responses;
    if (jobs < 0 || responses < 0) return;
    // Samples come about a second apart: which side of a full second one falls on must neither lose a value nor make one up.
    const next = this.newestS + Math.max(1, Math.round((atUs - before.atUs) / 1e6));
    const at = this.newestS > 0 && Math.abs(next - second) <= 1 ? next : second;
    this.#load.observe(at, (sample.executionUs - before.sample.executionUs) / (atUs - before.atUs));
    this.#response.observe(at, responses === 0 ? Number.NaN : (sample.responseUs - before.sample.responseUs) / responses);
  }

  entry(): TaskHistoryEntry {
    const { task, epoch, newestS } = this;
    return { task, epoch, newestS, series: TASK_SERIES_NAMES.map((name) => ({ name, values: this.of(name).values() })) };
  }

  /** What another knew of the task comes before what was heard here. */
  adopt({ newestS, series }: TaskHistoryEntry): void {
    const joined = (name: TaskSeriesName): SeriesHistory => {
      const values = series.find((one) => one.name === name)?.values;
      return values === undefined ? this.of(name) : SeriesHistory.joined({ newestS, values }, this.of(name));
    };
    [this.#load, this.#response] = [joined('load'), joined('response')];
  }
}
