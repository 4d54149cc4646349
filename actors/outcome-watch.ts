/**
 * The bridge's part in learning: watches whether the task sets of its lanes meet their deadlines (`lane-watch.ts`), learns on from each that is
 * worth telling (`bridge-learner.ts`), and reports it on `learn.<mac>`.
 *
 * O1. It delays nobody. Jobs run in the lanes' threads; here a look reads counters, and everything that is computed of a row (the exact test
 *     within its bound, one update of the learner) is one turn of the event loop a row, so that heartbeats, ticks and commands come in between.
 * O2. Bounded: a row a lane waits at most, ROWS_WAITING_MAX for the broker; what is above is dropped and counted.
 * O3. A report that is lost is lost: the sets are told of again after `repeatUs`.
 * O4. Without a version of the fleet's model it observes and reports; a version that cannot be taken is told of once, and the one before stays.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { boundedVerdict } from '../src/domain/learn/fleet/bounded-verdict.ts';
import { BridgeLearner } from '../src/domain/learn/fleet/bridge-learner.ts';
import { LaneWatch, type SeenWindow, type WatchedTask } from '../src/domain/learn/fleet/lane-watch.ts';
import { versionText } from '../src/domain/learn/fleet/model-head.ts';
import { type OutcomeReport, type OutcomeRow, schedulingKindOf } from '../src/domain/learn/fleet/outcome.ts';
import { ReportFilter } from '../src/domain/learn/fleet/report-filter.ts';
import type { TaskCounters } from '../src/domain/metrics/task-counters.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { SchedulingEcu } from '../src/domain/placement/platform-of.ts';
import { encodeOutcomeReport } from '../src/domain/protocol/codec-learn.ts';
import { OUTCOME_ROWS_MAX } from '../src/domain/protocol/limits.ts';
import { learnSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { ModelBoard } from '../src/ports/model-board.ts';
import { envelope, type Host } from './host.ts';

/** What is looked at of a running task. */
export interface LearnedTask {
  readonly instance: {
    readonly spec: Pick<TaskSpec, 'wcetUs' | 'periodUs' | 'deadlineUs' | 'priority'>;
    readonly lane: number | undefined;
    readonly totals: TaskCounters;
    readonly state: { readonly phase: string; readonly pauseWanted: boolean; readonly inputsWaiting: number };
  };
}

export interface OutcomeWatchParts {
  readonly host: Host;
  readonly mac: Mac;
  readonly ecu: SchedulingEcu;
  readonly windowUs: number;
  readonly board: ModelBoard;
  readonly tasks: () => Iterable<LearnedTask>;
}

/** A set is told of again after so many windows. */
const REPEAT_WINDOWS = 60;
/** A look that comes so much later than it should is that of a process that stood still, which says nothing about the set. */
const LATE_US = 500_000;
const ROWS_WAITING_MAX = OUTCOME_ROWS_MAX;
const APPEND_TIMEOUT_US = 5_000_000;

export class OutcomeWatch {
  private readonly parts: OutcomeWatchParts;
  private readonly watch: LaneWatch;
  private readonly filter: ReportFilter;
  private readonly learner: BridgeLearner;
  private readonly repeatUs: number;
  private readonly cancels: Cancel[] = [];
  private looking: Cancel | undefined;
  private working: Cancel | undefined;
  private dueUs = 0;
  private disturbed = false;
  private stopped = false;
  private seen: SeenWindow[] = [];
  private rows: OutcomeRow[] = [];
  private sequence = 0;
  private reportedUs: number | undefined;
  private reportedVersion = 0;
  private sending = false;

  constructor(parts: OutcomeWatchParts) {
    this.parts = parts;
    const { windowUs, ecu, host } = parts;
    this.repeatUs = REPEAT_WINDOWS * windowUs;
    this.watch = new LaneWatch({ windowUs, lanesMax: ecu.cores });
    this.filter = new ReportFilter(this.repeatUs);
    this.learner = new BridgeLearner({ rng: host.rng.stream('learner'), nowUs: () => host.clock.monotonicUs() });
  }

  async start(): Promise<void> {
    const { host, board, windowUs } = this.parts;
    this.cancels.push(
      host.bus.onConnection(() => {
        this.disturbed = true;
      }),
    );
    this.dueUs = host.clock.monotonicUs() + windowUs;
    this.lookLater();
    try {
      const follow = await board.follow({
        onVersion: (version, model) => {
          this.learner.begin(version.number, model);
          host.log.info('the bridge learns on from a version of the fleet’s model', { version: versionText(version) });
        },
        onRefused: (sentence) => {
          host.counters.add('learn.modelRefused');
          host.log.error('a version of the fleet’s model is not taken; the one before stays', {
            code: 'ERR_MODEL_FILE',
            why: sentence,
          });
        },
      });
      if (this.stopped) follow();
      else this.cancels.push(follow);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.warn('the fleet’s model cannot be followed here; sets are observed and reported', { cause });
    }
  }

  stop(): void {
    this.stopped = true;
    this.looking?.();
    this.working?.();
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  private lookLater(): void {
    const { clock } = this.parts.host;
    const nowUs = clock.monotonicUs();
    this.looking = clock.after(Math.max(0, this.dueUs - nowUs), () => {
      const lookUs = clock.monotonicUs();
      if (lookUs - this.dueUs > LATE_US) this.disturbed = true;
      this.dueUs = Math.max(this.dueUs, lookUs) + this.parts.windowUs;
      this.lookLater();
      this.look(lookUs);
    });
  }

  private look(nowUs: number): void {
    const dropped = this.watch.dropped;
    const ended = this.watch.look(nowUs, watchedOf(this.parts.tasks()), this.disturbed);
    this.disturbed = false;
    const { counters } = this.parts.host;
    if (this.watch.dropped > dropped) counters.add('learn.windowsDropped', this.watch.dropped - dropped);
    if (ended.length > 0) counters.add('learn.windows', ended.length);
    // O2: those of the last look should be done; a process that gets so little time learns nothing new from more.
    if (this.seen.length > 0) counters.add('learn.rowsDropped', this.seen.length);
    this.seen = [...ended];
    this.work();
  }

  /** O1. */
  private work(): void {
    this.working?.();
    this.working = this.parts.host.clock.after(0, () => {
      this.working = undefined;
      const window = this.seen.shift();
      if (window === undefined) {
        this.report();
        return;
      }
      this.workOn(window);
      this.work();
    });
  }

  private workOn(window: SeenWindow): void {
    const { host, ecu } = this.parts;
    const row = this.filter.offer(host.clock.monotonicUs(), window, () => boundedVerdict(window.tasks, ecu));
    if (row === undefined) return;
    this.learner.learn(row);
    if (this.rows.length < ROWS_WAITING_MAX) this.rows.push(row);
    else host.counters.add('learn.rowsDropped');
  }

  private report(): void {
    const { host, mac, ecu, windowUs } = this.parts;
    const nowUs = host.clock.monotonicUs();
    const learner = this.learner.state();
    const isQuiet = this.reportedUs !== undefined && nowUs - this.reportedUs < this.repeatUs;
    if (this.rows.length === 0 && isQuiet && learner.version === this.reportedVersion) return;
    if (this.sending || !host.bus.connected()) return;
    const rows = this.rows.splice(0);
    const report: OutcomeReport = {
      mac,
      incarnation: host.incarnation,
      sequence: ++this.sequence,
      scheduling: schedulingKindOf(ecu),
      windowUs,
      rows,
      learner,
    };
    this.reportedUs = nowUs;
    this.reportedVersion = learner.version;
    void this.send(encodeOutcomeReport(envelope(host, report)), rows.length);
  }

  private async send(bytes: Uint8Array, rows: number): Promise<void> {
    const { host, mac } = this.parts;
    this.sending = true;
    try {
      const answer = await host.bus.append(learnSubject.of(mac), bytes, { timeoutUs: APPEND_TIMEOUT_US });
      host.counters.add(answer.kind === 'appended' ? 'learn.rowsReported' : 'learn.rowsDropped', rows);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.counters.add('learn.rowsDropped', rows);
      host.log.debug('what was seen of task sets could not be reported', { cause });
    } finally {
      this.sending = false;
    }
  }
}

function* watchedOf(tasks: Iterable<LearnedTask>): Generator<WatchedTask> {
  for (const { instance } of tasks) {
    const { spec, lane, totals, state } = instance;
    // In a thread of its own it shares its core with nobody that is known here.
    if (lane === undefined) continue;
    const { wcetUs, periodUs, deadlineUs, priority } = spec;
    yield {
      instance: totals,
      lane,
      ...{ wcetUs, periodUs, deadlineUs, priority },
      runs: state.phase === 'running' && !state.pauseWanted,
      responses: totals.responses,
      misses: totals.misses,
      skipped: totals.skipped,
      waiting: state.inputsWaiting,
      takeLongestUs: () => totals.takeLongestUs(),
    };
  }
}
