/**
 * What a move is worth by what is foreseen: the late jobs of staying, less those at the target, over the predictor's horizon. Of an ECU that this
 * manager follows its own forecasters say it; of one in another share the manager that follows it (`foresight.ts`).
 */
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { ResourceKind } from '../src/domain/model/task.ts';
import type { LoadAfter } from '../src/domain/proposal/foresight.ts';
import { lateJobsOfStaying, type MovableTask, type Outlook } from '../src/domain/proposal/proposal.ts';
import { sumAhead, type TaskAhead } from '../src/domain/proposal/tasks-ahead.ts';
import type { Quantiles } from '../src/domain/proposal/threat.ts';
import type { PredictedLateJobs } from '../src/ports/predicted-gain.ts';
import type { EcuFollower } from './ecu-follower.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { FleetPerformance } from './fleet-performance.ts';
import type { Foresight } from './foresight.ts';
import type { TaskLoads } from './task-loads.ts';

export interface MoveGainParts {
  readonly knowledge: FleetKnowledge;
  readonly performance: FleetPerformance;
  readonly loads: TaskLoads | undefined;
  readonly horizonS: number;
  readonly foresight: Foresight;
  /** Undefined: it is not followed here, or has not been heard of late. */
  readonly seeing: (mac: Mac) => EcuFollower | undefined;
  readonly threatened: (mac: Mac) => boolean;
  readonly movable: (follower: EcuFollower, task: TaskName, epoch: number) => MovableTask;
  readonly by: (from: Mac) => string;
}

/** A target, whoever sees it. */
interface Seen extends Pick<Outlook, 'mac' | 'failure' | 'overload' | 'loadQuantiles'> {
  readonly loadByTasks: Quantiles | undefined;
  readonly after: LoadAfter | undefined;
  readonly threatened: boolean;
  readonly kind?: ResourceKind;
}

const CALM = { failure: 0, overload: 0 } as const;
const DOOMED = 'it is foreseen to fail or to be overloaded itself';
const UNSAID = 'the managers that keep it do not say what is foreseen of it';

export class MoveGain {
  private readonly parts: MoveGainParts;

  constructor(parts: MoveGainParts) {
    this.parts = parts;
  }

  async of(move: { readonly task: TaskName; readonly from: Mac; readonly to: Mac }): Promise<PredictedLateJobs | undefined> {
    const { horizonS, seeing, movable, by, loads } = this.parts;
    const ahead = loads?.of(move.task);
    const from = seeing(move.from);
    const to = await this.target(move.to, move.task, ahead);
    if (to === 'unsaid') return { lateJobs: 0, by: by(move.from), shunned: UNSAID };
    const shunned = to?.threatened === true ? { shunned: DOOMED } : {};
    if (to === undefined || from === undefined)
      return to?.threatened === true ? { lateJobs: 0, by: by(move.from), ...shunned } : undefined;
    const task = movable(from, move.task, 0);
    const performance = this.performanceOf(move.task, from, to);
    const { after } = to;
    const here = from.outlook();
    const late = (seen: Pick<Outlook, 'failure' | 'overload'>, predicted: number, overload = 0): number => {
      const outlook = { failure: seen.failure, overload: Math.max(seen.overload, overload) };
      const overloaded = lateJobsOfStaying(task, { ...outlook, failure: 0 }, horizonS);
      // Late for one reason, seen in two ways; and where it fails the task goes elsewhere anyway, and does no better there than this.
      const slow = Math.max(overloaded, (1 - here.failure) * predicted);
      return lateJobsOfStaying(task, { ...outlook, overload: 0 }, horizonS) + slow;
    };
    const lateJobs = late(here, performance?.here.lateJobs ?? 0) - late(to, performance?.there.lateJobs ?? 0, after?.overload);
    const told = { by: by(move.from), performance, ...shunned };
    if (ahead === undefined || after === undefined) return { lateJobs, ...told };
    return { lateJobs: lateJobs - after.disturbs, ...told, ahead: { ...ahead, horizonS }, loadAfter: after.load[2] };
  }

  /** What becomes of the load there, and the jobs of those there that would be late for it. `ahead`: in cores. */
  afterMove(to: EcuFollower, task: TaskName | undefined, ahead: Quantiles | undefined): LoadAfter | undefined {
    const { knowledge, horizonS, movable } = this.parts;
    const mine = ahead === undefined ? undefined : sumAhead([{ now: 0, quantiles: ahead }], this.coresOf(to.mac));
    if (mine === undefined) return undefined;
    const { load, overload } = to.withMore(mine.quantiles);
    const worse = Math.max(0, overload - to.outlook().overload);
    let disturbs = 0;
    for (const other of knowledge.index.placedAt(to.mac).keys())
      if (other !== task) disturbs += lateJobsOfStaying(movable(to, other, 0), { ...CALM, overload: worse }, horizonS);
    return { load, overload, disturbs };
  }

  private async target(mac: Mac, task: TaskName, ahead: TaskAhead | undefined): Promise<Seen | 'unsaid' | undefined> {
    const { knowledge, foresight, seeing, threatened } = this.parts;
    const follower = seeing(mac);
    if (follower !== undefined) {
      const { failure, overload, loadQuantiles } = follower.outlook();
      const after = this.afterMove(follower, task, ahead?.quantiles);
      const load = { loadQuantiles, loadByTasks: follower.loadByTasks() };
      return { mac, failure, overload, ...load, after, threatened: threatened(mac) };
    }
    if (!knowledge.elsewhere.has(mac)) return undefined;
    const { sights, unsaid } = await foresight.ask([mac], { task, ahead: ahead?.quantiles });
    const sight = sights.get(mac);
    if (sight === undefined) return unsaid.has(mac) ? 'unsaid' : undefined;
    return { ...sight, kind: sight.resourceKind };
  }

  private performanceOf(task: TaskName, from: EcuFollower, to: Seen): PredictedLateJobs['performance'] {
    const { knowledge, performance, horizonS } = this.parts;
    const spec = knowledge.placement(task)?.context.spec;
    if (spec === undefined) return undefined;
    const jobsPerS = spec.periodUs > 0 ? 1e6 / spec.periodUs : from.jobsPerS(task);
    // By the series of its tasks where there are some: the middle of where it runs, and the upper end of where it would go.
    const here = { mac: from.mac, load: Math.min(1, from.loadByTasks()?.[1] ?? from.outlook().loadQuantiles[1]) };
    const { mac, kind } = to;
    const load = Math.min(1, to.loadByTasks?.[2] ?? to.loadQuantiles[1]);
    const there = { mac, load, ...(kind === undefined ? {} : { kind }) };
    return performance.compare(spec, [here, there], { jobsPerS, horizonS });
  }

  private coresOf(mac: Mac): number {
    return Math.max(1, this.parts.knowledge.descriptions.get(mac)?.cores ?? 1);
  }
}
