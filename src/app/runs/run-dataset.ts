/**
 * A data set whose labels come from running its sets: every ECU works off series of its own (`candidates.ts`), one set at a time.
 *
 * Where the machine was elsewhere during a run (the set's jobs took much longer than the same work alone), the run says little about
 * the set: it is made again a little later, a few times at most, and the last one counts, with the number of attempts beside it.
 */
import { loadavg } from 'node:os';
import { pause } from '../../../actors/host.ts';
import { decodeDataset, encodeDataset } from '../../../infra/arrow/dataset-file.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { GrownTask } from '../../domain/realtime/draw/grow.ts';
import { costsOf, slowdownOf } from '../../domain/realtime/runs/calibration.ts';
import { inOrderOfRun, type RunSource, seriesOf } from '../../domain/realtime/runs/candidates.ts';
import type { Clock } from '../../ports/clock.ts';
import { writeWhole } from '../learn/files.ts';
import type { Generated } from '../learn/generate-dataset.ts';
import { calibrate } from './calibrate.ts';
import { Distributor } from './distributor.ts';
import type { MeasuringFleet } from './measuring-fleet.ts';
import { type RunRow, type Series, SeriesStore } from './series-store.ts';

/** What is written into the file, and what a resumed run must agree with. */
export type RunSpec = {
  readonly label: 'run';
  readonly seed: number;
  readonly sets: number;
  /** Lanes of each ECU, where the fleet is our own. */
  readonly cores?: number;
} & RunSource;

export interface RunOptions {
  readonly spec: RunSpec;
  readonly out: string;
  /** Of a set whose runs are disturbed. */
  readonly attemptsMost: number;
  readonly onProgress: (setsDone: number, more: string) => void;
  readonly say: (sentence: string) => void;
  readonly signal: AbortSignal;
  /** Called when it is known that something is left to be run. */
  readonly openFleet: () => Promise<MeasuringFleet>;
}

/** Above this a run counts as disturbed. */
const SLOWDOWN_MOST = 1.25;
/** Whoever has the machine is given more and more time to be done with it. */
const CALM_US = 500_000;

export async function runDataset(options: RunOptions): Promise<Generated> {
  const { spec, out, signal } = options;
  const specText = JSON.stringify(spec);
  const store = await SeriesStore.open(`${out}.parts`, specText);
  const resumed = store.count;
  if (store.count < spec.sets && !signal.aborted) {
    const fleet = await options.openFleet();
    try {
      await runSeries(options, fleet, store);
    } finally {
      await fleet.close();
    }
  }
  const finished = store.count >= spec.sets;
  const rows = [...store.series].sort((a, b) => a.head.series - b.head.series).flatMap((series) => series.rows);
  const written = rows.length === 0 ? { schedulable: 0, bytes: 0 } : await writeRows(options, store, rows, specText);
  if (finished) await store.remove();
  return { sets: rows.length, ...written, setsResumed: resumed, finished };
}

/** Also of what is there after an interruption: runs are dear. */
async function writeRows({ out }: RunOptions, store: SeriesStore, rows: readonly RunRow[], spec: string) {
  const calibrations = store.series.map(({ head: { spec: _, ...head } }) => head);
  const more = { 'drover.calibration': JSON.stringify(calibrations) };
  const bytes = encodeDataset(rows, { firstSet: 0, spec, more });
  const schedulable = decodeDataset(bytes, out).sets.schedulable.reduce((sum, flag) => sum + flag, 0);
  await writeWhole(out, bytes);
  return { schedulable, bytes: bytes.length };
}

async function runSeries(options: RunOptions, fleet: MeasuringFleet, store: SeriesStore): Promise<void> {
  const missing = store.series.find(({ head, ended }) => !ended && !fleet.macs.includes(head.mac));
  if (missing !== undefined)
    options.say(`ECU ${missing.head.mac} is not there: its series ${missing.head.series} stays as it is`);
  const distributor = await Distributor.open(fleet.client, options.say);
  const runner = new Runner(options, { distributor, store, clock: fleet.client.host.clock });
  try {
    const ends = await Promise.allSettled(fleet.macs.map((mac) => runner.workOff(mac)));
    const failed = ends.find((end) => end.status === 'rejected');
    // Whoever was interrupted says so by what is missing, not by an error.
    if (failed !== undefined && !options.signal.aborted) throw failed.reason;
  } finally {
    distributor.close();
  }
}

class Runner {
  private readonly options: RunOptions;
  private readonly distributor: Distributor;
  private readonly store: SeriesStore;
  private readonly clock: Clock;
  /** Sets that are being run just now. */
  private underWay = 0;
  private beginning: Promise<unknown> = Promise.resolve();

  constructor(
    options: RunOptions,
    parts: { readonly distributor: Distributor; readonly store: SeriesStore; readonly clock: Clock },
  ) {
    this.options = options;
    this.distributor = parts.distributor;
    this.store = parts.store;
    this.clock = parts.clock;
  }

  async workOff(mac: Mac): Promise<void> {
    while (this.wanted()) {
      const series = this.store.series.find(({ head, ended }) => head.mac === mac && !ended) ?? (await this.begin(mac));
      await this.continueSeries(series);
      if (series.ended && series.rows.length === 0)
        throw new DroverError('ERR_USAGE', 'no task set has such a utilisation with so few tasks: lower --utilisation');
    }
  }

  private wanted(): boolean {
    return this.store.count + this.underWay < this.options.spec.sets && !this.options.signal.aborted;
  }

  /** One ECU after the other, so that each series has a number of its own. */
  private begin(mac: Mac): Promise<Series> {
    const begun = this.beginning.then(async () => {
      const { spec, say, signal } = this.options;
      const known = this.store.series.find(({ head }) => head.mac === mac && head.calibratedAt >= SESSION);
      if (known === undefined) say(`measuring what work costs on ECU ${mac}`);
      const calibration = known?.head.calibration ?? (await calibrate(this.distributor, mac, signal));
      return this.store.begin({
        ...{ spec: JSON.stringify(spec), series: this.store.nextNumber(), mac, calibration },
        calibratedAt: known?.head.calibratedAt ?? new Date().toISOString(),
        loadAverage: Math.round(100 * (loadavg()[0] ?? 0)) / 100,
      });
    });
    this.beginning = begun.catch(() => {});
    return begun;
  }

  private async continueSeries(series: Series): Promise<void> {
    const { seed } = this.options.spec;
    const { head } = series;
    const rng = createRng(seed, 'runs').stream(`series ${head.series}`);
    const candidates = seriesOf(rng, this.options.spec, costsOf(head.calibration));
    let next = candidates.next();
    for (const row of series.rows) next = candidates.next(isGood(row));
    while (next.done !== true && this.wanted()) {
      this.underWay++;
      try {
        const row = await this.runSet(head.mac, inOrderOfRun(next.value));
        await this.store.append(series, row);
        next = candidates.next(isGood(row));
      } finally {
        this.underWay--;
      }
      const { slowdown, attempts } = series.rows.at(-1)?.run ?? { slowdown: 1, attempts: 1 };
      this.options.onProgress(
        this.store.count,
        `the last one on ${head.mac} slowed by ${slowdown.toFixed(2)}, attempt ${attempts}`,
      );
    }
    series.ended = next.done === true;
  }

  private async runSet(mac: Mac, tasks: readonly GrownTask[]): Promise<RunRow> {
    for (let attempts = 1; ; attempts++) {
      const verdict = await this.distributor.run(mac, tasks, this.options.signal);
      const slowdown = verdict === undefined ? Number.POSITIVE_INFINITY : slowdownOf(tasks, verdict.jobs);
      if (slowdown > SLOWDOWN_MOST && attempts < this.options.attemptsMost) {
        await pause(this.clock, attempts * CALM_US);
        if (!this.options.signal.aborted) continue;
      }
      if (verdict === undefined)
        throw new DroverError('ERR_NOT_RUNNING', `job records of ECU ${mac} were lost ${attempts} times in a row`, {
          retryable: true,
        });
      const { responsesUs, missed, executionUs, jobs } = verdict;
      return { tasks, responsesUs, run: { ecu: mac, attempts, slowdown, executionUs, missed, jobs } };
    }
  }
}

/** Costs measured by an earlier session may be those of another machine, or of another hour. */
const SESSION = new Date().toISOString();

const isGood = ({ responsesUs }: RunRow): boolean => responsesUs.every((responseUs) => responseUs > 0);
