/**
 * The series of tasks, kept by task and not by ECU, so that a forecast goes on where a task goes.
 *
 *   it moves between ECUs that this manager follows   nothing has to be done: the series is the task's (gaps are missing values)
 *   it moves to an ECU that another manager follows   whoever followed it writes its series when it is seen to be gone, besides now and
 *                                                     then; whoever follows it next reads them
 *   the manager dies                                  what it wrote last is at most WRITTEN_EVERY_S older where there are few tasks
 *
 * Y1. A series is read when a task appears here, and whenever it appears in a new epoch after it was not heard of here for a while; what
 *     is read is continued by what was heard here after it.
 * Y2. Writing is slow on purpose: WRITES_AT_ONCE a second. What is lost costs a warm-up.
 */
import { TaskHistory } from '../src/domain/forecast/task-history.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { EcuSample } from '../src/domain/metrics/sample.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { SeriesShelf } from '../src/ports/series-shelf.ts';
import type { Host } from './host.ts';

export interface TaskSeriesParts {
  readonly host: Host;
  readonly shelf: SeriesShelf;
  /** Where the task is now, as far as is known. */
  readonly placedAt: (task: TaskName) => Mac | undefined;
  readonly keeps: (mac: Mac) => boolean;
  /** Of those that follow the same ECU, one writes. */
  readonly writes: (mac: Mac) => boolean;
}

interface Followed {
  readonly history: TaskHistory;
  mac: Mac;
  /** By the wall clock, in seconds. */
  heardS: number;
  writtenS: number;
}

const WRITTEN_EVERY_S = 30;
const WRITES_AT_ONCE = 20;
/** Not heard of for so long, another may have followed it meanwhile. */
const AWAY_S = 5;
const FORGOTTEN_S = 1_200;

export class TaskSeries {
  private readonly parts: TaskSeriesParts;
  private readonly followed = new Map<TaskName, Followed>();

  constructor(parts: TaskSeriesParts) {
    this.parts = parts;
  }

  of(task: TaskName): TaskHistory | undefined {
    return this.followed.get(task)?.history;
  }

  /** A step of an ECU, once a second. */
  heard({ mac, atUs, tasks }: EcuSample): void {
    const second = this.second();
    for (const sample of tasks) {
      const { task, epoch } = sample;
      let one = this.followed.get(task);
      const isBack = one !== undefined && one.history.epoch !== epoch && second - one.heardS > AWAY_S;
      if (one === undefined) {
        one = { history: new TaskHistory(task), mac, heardS: second, writtenS: second };
        this.followed.set(task, one);
        void this.fetch(one);
      } else if (epoch < one.history.epoch) continue;
      else if (isBack) void this.fetch(one);
      one.history.heard(sample, atUs, second);
      one.mac = mac;
      one.heardS = second;
    }
  }

  /** Once a second: writes what is due, and what has gone elsewhere first. */
  look(): void {
    const second = this.second();
    const { placedAt, keeps, writes } = this.parts;
    let left = WRITES_AT_ONCE;
    for (const [task, one] of this.followed) {
      if (left === 0) return;
      const at = placedAt(task);
      const isGone = at !== undefined && at !== one.mac && !keeps(at) && second - one.heardS >= 1;
      const isDue = second - one.writtenS >= WRITTEN_EVERY_S && one.heardS > one.writtenS && writes(one.mac);
      if (second - one.heardS > FORGOTTEN_S) this.followed.delete(task);
      if (!(isGone && one.writtenS < one.heardS) && !isDue) continue;
      one.writtenS = second;
      left--;
      void this.write(one);
    }
  }

  private second(): number {
    return Math.floor(this.parts.host.clock.wallUs() / 1_000_000);
  }

  private async write({ history }: Followed): Promise<void> {
    const { host, shelf } = this.parts;
    try {
      await shelf.put(history.entry());
      host.counters.add('series.written');
    } catch (cause) {
      this.failed(cause, history.task);
    }
  }

  /** Y1. */
  private async fetch({ history }: Followed): Promise<void> {
    const { host, shelf } = this.parts;
    try {
      const entry = await shelf.read(history.task);
      if (entry === undefined) return;
      history.adopt(entry);
      host.counters.add('series.takenOver');
    } catch (cause) {
      this.failed(cause, history.task);
    }
  }

  private failed(cause: unknown, task: TaskName): void {
    if (!(cause instanceof DroverError)) throw cause;
    this.parts.host.log.info('the series of a task could not be handed on', { task, cause });
  }
}
