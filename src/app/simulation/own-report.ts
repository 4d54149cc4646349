/**
 * What a user's own fleet came to, over all losses or all seeds that were played: who went elsewhere and how long it took, who found no
 * place and why, which deadlines were missed, and whether everything that must survive did.
 */
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { type QuantileSummary, summarise } from '../../domain/statistics/quantiles.ts';
import type { DeadlineCount } from './deadline-watch.ts';
import type { SeedFailure, SeedVerdict } from './judge-seed.ts';
import type { LossOutcome } from './loss-trial.ts';
import type { OwnFleet } from './own-fleet.ts';

export interface OwnTaskReport extends DeadlineCount {
  readonly task: TaskName;
  readonly criticality: number;
  readonly mustSurvive: boolean;
  readonly failovers: number;
  readonly downtimeMs: QuantileSummary;
  /** In so many losses it found no place, or nobody brought it back. */
  readonly lostTimes: number;
}

export interface TaskLoss {
  readonly task: TaskName;
  /** The names of the ECUs that were gone. */
  readonly lost: readonly string[];
  readonly how: 'shed' | 'down';
  readonly reason: string;
  readonly mustSurvive: boolean;
}

export interface BrokenPromise {
  /** The names of the ECUs that were lost; none where it was a life with random faults. */
  readonly lost: readonly string[];
  readonly seed: number;
  readonly kind: SeedFailure['kind'];
  readonly sentence: string;
  /** The last messages before it, oldest first. */
  readonly sequence: readonly string[];
}

export interface OwnReport {
  readonly ecus: number;
  readonly managers: number;
  readonly trials: number;
  readonly survives: boolean;
  readonly failovers: number;
  readonly downtimeMs: QuantileSummary;
  readonly deadlines: DeadlineCount;
  readonly tasks: readonly OwnTaskReport[];
  /** Tasks that find no place even while nothing is lost. */
  readonly neverPlaced: readonly { readonly task: TaskName; readonly reason: string; readonly mustSurvive: boolean }[];
  readonly losses: readonly TaskLoss[];
  /** Promises that were broken: bugs of drover's. */
  readonly broken: readonly BrokenPromise[];
  readonly simulatedSeconds: number;
}

interface Gathered {
  readonly downtimesUs: number[];
  due: number;
  late: number;
  skipped: number;
  lostTimes: number;
}

export class OwnTally {
  private readonly own: OwnFleet;
  private readonly byTask: Map<TaskName, Gathered>;
  private readonly losses: TaskLoss[] = [];
  private readonly broken: BrokenPromise[] = [];
  private readonly neverPlaced: OwnReport['neverPlaced'][number][] = [];
  private trials = 0;
  private simulatedUs = 0;
  private all: DeadlineCount = { due: 0, late: 0, skipped: 0 };

  constructor(own: OwnFleet) {
    this.own = own;
    this.byTask = new Map(
      own.tasks.map(({ draft: { name } }) => [name, { downtimesUs: [], due: 0, late: 0, skipped: 0, lostTimes: 0 }]),
    );
  }

  get failed(): number {
    return this.broken.length + this.losses.filter(({ mustSurvive }) => mustSurvive).length;
  }

  /** While nothing was lost. */
  addBaseline({ shed, down, failure, seed, simulatedUs }: LossOutcome): void {
    this.simulatedUs += simulatedUs;
    for (const { task, reason } of [...shed, ...down.map(({ task, state }) => ({ task, reason: `it is ${state}` }))])
      this.neverPlaced.push({ task, reason, mustSurvive: this.mustSurvive(task) });
    this.note(failure, { lost: [], seed });
  }

  addLoss(outcome: LossOutcome): void {
    const { lost, seed, failovers, shed, down, deadlines, failure, simulatedUs } = outcome;
    const names = lost.map((mac) => this.nameOf(mac));
    this.trials++;
    this.simulatedUs += simulatedUs;
    for (const { task, us } of failovers) this.byTask.get(task)?.downtimesUs.push(us);
    for (const [task, count] of Object.entries(deadlines)) this.count(task, count);
    const gone = [
      ...shed.map(({ task, reason }) => ({ task, how: 'shed' as const, reason })),
      ...down.map(({ task, state }) => ({ task, how: 'down' as const, reason: `its placement is ${state}` })),
    ];
    for (const one of gone) {
      this.losses.push({ ...one, lost: names, mustSurvive: this.mustSurvive(one.task) });
      const gathered = this.byTask.get(one.task);
      if (gathered !== undefined) gathered.lostTimes++;
    }
    this.note(failure, { lost: names, seed });
  }

  addSeed({ outcome, failure }: SeedVerdict): void {
    const { seed, downtimes, deadlines, simulatedUs } = outcome;
    this.trials++;
    this.simulatedUs += simulatedUs;
    for (const { task, us } of downtimes) this.byTask.get(task)?.downtimesUs.push(us);
    const { due, late, skipped } = this.all;
    this.all = { due: due + deadlines.due, late: late + deadlines.late, skipped: skipped + deadlines.skipped };
    this.note(failure, { lost: [], seed });
  }

  report(): OwnReport {
    const tasks = this.own.tasks.map(({ draft: { name, criticality }, mustSurvive }) => {
      const { downtimesUs, ...counted } = this.byTask.get(name) as Gathered;
      const downtimeMs = inMs(downtimesUs);
      return { task: name, criticality, mustSurvive, failovers: downtimesUs.length, downtimeMs, ...counted };
    });
    const downtimesUs = [...this.byTask.values()].flatMap((gathered) => gathered.downtimesUs);
    const mustNot = [...this.losses, ...this.neverPlaced].some(({ mustSurvive }) => mustSurvive);
    return {
      ecus: this.own.ecus.length,
      managers: this.own.managers.length,
      trials: this.trials,
      survives: this.broken.length === 0 && !mustNot,
      failovers: downtimesUs.length,
      downtimeMs: inMs(downtimesUs),
      deadlines: this.all,
      tasks,
      neverPlaced: this.neverPlaced,
      losses: this.losses,
      broken: this.broken,
      simulatedSeconds: Math.round(this.simulatedUs / 1e5) / 10,
    };
  }

  private note(failure: SeedFailure | undefined, where: Pick<BrokenPromise, 'lost' | 'seed'>): void {
    if (failure === undefined) return;
    const { kind, sentence, sequence } = failure;
    this.broken.push({ ...where, kind, sentence, sequence });
  }

  private count(task: TaskName, { due, late, skipped }: DeadlineCount): void {
    for (const sum of [this.byTask.get(task), this.all] as (Mutable<DeadlineCount> | undefined)[]) {
      if (sum === undefined) continue;
      sum.due += due;
      sum.late += late;
      sum.skipped += skipped;
    }
  }

  private mustSurvive(task: TaskName): boolean {
    return this.own.tasks.find(({ draft }) => draft.name === task)?.mustSurvive === true;
  }

  private nameOf(mac: Mac): string {
    return this.own.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac;
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function inMs(samplesUs: readonly number[]): QuantileSummary {
  const { n, p50, p99, max } = summarise(samplesUs);
  const ms = (us: number): number => Math.round(us / 100) / 10;
  return { n, p50: ms(p50), p99: ms(p99), max: ms(max) };
}
