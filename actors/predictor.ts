/**
 * Sees failures coming, and has tasks moved before (DESIGN 7): follows the metrics of the ECUs of this manager's share, reviews them once a
 * second (`src/domain/proposal/review.ts`), publishes what it proposes, has it carried out (`proposal-moves.ts`), and scores
 * each proposal when its horizon is over. `statecharts/predictor.machine.ts` keeps what survives a crash.
 *
 * E1. It delays nobody: samples are read at most five times a second and ECU, models take a step a second, and nothing else waits for it.
 * E2. Managers that keep the same ECU propose the same; the migration's record lets one begin, and the others see it moved.
 * E3. The migration weighs the proposal once more, with the newest outlooks (`gainOf`): what is not worth it any more stays.
 *     It also says how the task would do there, against how it does (`fleet-performance.ts`), over the same horizon.
 * E4. Reasons are what an ECU's owner has named a limit of: heat, memory, wear (it dies there), and load (its tasks are late above it). The tasks that are on
 *     their way to an ECU, and what is reserved there, are known future load.
 * E5. What was foreseen came when the ECU died or the level behind the proposal got to its limit. Where the task had left and it did not come,
 *     `without-move.ts` says whether it would have.
 * E6. What a task's own series were is kept by task and goes with it (`task-series.ts`); who asks is answered by `forecast-desk.ts`.
 * E7. What the series of tasks foretell counts beside the ECU's own (`task-loads.ts`): of where they run, and of where one of them would go.
 * E8. In a fleet that is shared out the tasks of an ECU may go into another share: what is foreseen of targets there is asked of the managers that
 *     follow them (`foresight.ts`), for a proposal and again when it is weighed, and answered to others in the same way (`foresee`).
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { EcuSample } from '../src/domain/metrics/sample.ts';
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { EcuForesight, ForesightQuery } from '../src/domain/proposal/foresight.ts';
import { type EcuRules, PREDICTION_POLICY, type PredictionPolicy, rulesFor } from '../src/domain/proposal/prediction-policy.ts';
import type { MovableTask, Outlook, Proposal } from '../src/domain/proposal/proposal.ts';
import type { ProposalNotice } from '../src/domain/proposal/proposal-notice.ts';
import { type EcuView, NOTHING_REMEMBERED, type ReviewMemory, review } from '../src/domain/proposal/review.ts';
import { FULL_CREDIT, missesAbove, type ProposalScore, scoreProposal } from '../src/domain/proposal/score.ts';
import { sumAhead } from '../src/domain/proposal/tasks-ahead.ts';
import { chanceWithoutMove } from '../src/domain/proposal/without-move.ts';
import { decodeEcuSample } from '../src/domain/protocol/codec-metrics.ts';
import { encodeProposal } from '../src/domain/protocol/codec-proposal.ts';
import type { ForecastQuery, ManagerAnswer } from '../src/domain/protocol/messages.ts';
import { ecuSubject, proposalSubject } from '../src/domain/protocol/subjects.ts';
import { bookedShareAhead } from '../src/domain/reservation/booking.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { PredictedGain, PredictedLateJobs } from '../src/ports/predicted-gain.ts';
import type { SeriesShelf } from '../src/ports/series-shelf.ts';
import type { PredictorContext, PredictorEffect } from '../statecharts/predictor.machine.ts';
import type { BackgroundFits } from './background-fits.ts';
import type { ChainMoves } from './chain-moves.ts';
import { EcuFollower, LOOK_US } from './ecu-follower.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { FleetPerformance, type MeasuredStep } from './fleet-performance.ts';
import { doubted, ForecastDesk } from './forecast-desk.ts';
import type { Foresight } from './foresight.ts';
import { envelope, type Host } from './host.ts';
import type { MigrationPast } from './migration-past.ts';
import type { MigrationRequests } from './migration-requests.ts';
import { MoveGain } from './move-gain.ts';
import type { EffectOutcome } from './outbox.ts';
import { ProposalMoves, type Pursuit } from './proposal-moves.ts';
import { TaskLoads } from './task-loads.ts';
import { TaskSeries } from './task-series.ts';

export interface PredictorParts {
  readonly host: Host;
  readonly manager: string;
  readonly knowledge: FleetKnowledge;
  readonly requests: MigrationRequests;
  readonly chains: Pick<ChainMoves, 'leave'>;
  readonly keeps: (mac: Mac) => boolean;
  readonly foresight: Foresight;
  /** Some ECUs that others watch and that could take one of these. */
  readonly drawnBeyond: (specs: readonly TaskSpec[]) => readonly Mac[];
  /** Fits what its forecasters ask for, in the background; absent: they go on without. */
  readonly fits?: BackgroundFits | undefined;
  readonly context: () => PredictorContext | undefined;
  readonly past: Pick<MigrationPast, 'blackoutUs'>;
  /** Where the series of tasks are handed on; absent: they are not. */
  readonly shelf?: SeriesShelf | undefined;
  /** Of those that follow the same ECU, one writes its tasks' series. */
  readonly writes: (mac: Mac) => boolean;
  /** Absent: what drover does by itself. */
  readonly policy?: PredictionPolicy | undefined;
  /** To this predictor's chart. */
  readonly tell: (event: ActorEvent) => Promise<void>;
}

const PURSUE_US = 200_000;
/** What could not be published is published again after so long. */
const ASKED_AGAIN_US = 1_000_000;
const APPEND_TIMEOUT_US = 2_000_000;
/** What an ECU that has just been found has to say something in. */
const GRACE_US = 5_000_000;
/** As measured by `drover bench failover` and `bench migrate`, with room for a busy machine. */
const USUAL = { restoreSilenceS: 0.25, moveS: 2, lateShare: 0.1 } as const;
/** Of a task that does nothing now: it may be asked any moment. */
const JOBS_PER_S_LEAST = 0.5;

interface Followed {
  readonly follower: EcuFollower;
  readonly sinceUs: number;
  readonly incarnation: number;
  readonly rules: EcuRules;
  readonly cancel: Cancel;
}

export class Predictor implements PredictedGain {
  private readonly parts: PredictorParts;
  private readonly policy: PredictionPolicy;
  private readonly followed = new Map<Mac, Followed>();
  private readonly pursuits = new Map<string, Pursuit>();
  private readonly performance: FleetPerformance;
  private memory: ReviewMemory = NOTHING_REMEMBERED;
  private waiting: Cancel | undefined;
  private stopped = false;
  private reviewing = false;
  private told = '';

  private readonly moves: ProposalMoves;
  private readonly desk: ForecastDesk;
  /** E3. */
  private readonly gain: MoveGain;
  /** E6. */
  private readonly series: TaskSeries | undefined;
  /** E7. */
  private readonly loads: TaskLoads | undefined;

  constructor(parts: PredictorParts) {
    this.parts = parts;
    this.performance = new FleetPerformance(parts.knowledge);
    this.policy = parts.policy ?? PREDICTION_POLICY;
    const { host, shelf, knowledge, keeps, writes } = parts;
    this.moves = new ProposalMoves({
      ...parts,
      costMost: this.policy.costMost,
      atOnce: (from) => this.followed.get(from)?.rules.atOnce ?? this.policy.atOnce,
      pursuits: () => this.pursuits.values(),
    });
    this.desk = new ForecastDesk(host);
    const placedAt = (task: TaskName): Mac | undefined => knowledge.placement(task)?.context.owner?.mac;
    this.series = shelf === undefined ? undefined : new TaskSeries({ host, shelf, keeps, writes, placedAt });
    const nowUs = () => host.clock.monotonicUs();
    const { taskSeries, review: reviewed } = this.policy;
    const { horizonS } = reviewed;
    if (taskSeries) this.loads = new TaskLoads({ horizonS, nowUs, series: (task) => this.series?.of(task) });
    this.gain = new MoveGain({
      ...{ knowledge, performance: this.performance, loads: this.loads, horizonS, foresight: parts.foresight },
      movable: (follower, task, epoch) => this.movable(follower, task, epoch),
      seeing: (mac) => this.seeing(mac),
      threatened: (mac) => this.memory.ecus.get(mac)?.isThreatened === true,
      by: (from) => `the predictor of ${parts.manager}${this.ruleText(from)}`,
    });
  }

  start(): void {
    this.waiting = this.parts.host.clock.after(this.policy.reviewUs, () => {
      if (this.stopped) return;
      this.start();
      void this.look();
    });
  }

  stop(): void {
    this.stopped = true;
    this.waiting?.();
    for (const { cancel } of this.followed.values()) cancel();
    this.followed.clear();
  }

  // ——— following ———

  private follow(): void {
    const { knowledge, keeps } = this.parts;
    for (const [mac, { incarnation }] of this.followed) {
      const description = knowledge.descriptions.get(mac);
      if (description?.incarnation !== incarnation || !keeps(mac)) this.leave(mac);
    }
    for (const [mac, description] of knowledge.descriptions)
      if (description.metrics !== undefined && keeps(mac) && !this.followed.has(mac)) this.take(mac, description);
  }

  private leave(mac: Mac): void {
    this.followed.get(mac)?.cancel();
    this.followed.delete(mac);
  }

  private take(mac: Mac, description: EcuDescription): void {
    const { incarnation } = description;
    const rules = rulesFor(this.policy, description);
    const { bus, clock } = this.parts.host;
    const { temperatureLimit: _, ...metrics } = description.metrics ?? {};
    const limits = { ...metrics, ...(rules.temperatureC === undefined ? {} : { temperatureLimit: rules.temperatureC }) };
    const { horizonS } = this.policy.review;
    const onSample = (sample: EcuSample): void => {
      this.series?.heard(sample);
      this.loads?.heard(sample);
    };
    const onStep = (step: MeasuredStep): void => this.performance.measured(step);
    const follower = new EcuFollower({ mac, limits, horizonS, onSample, onStep });
    const cancel = bus.subscribe(ecuSubject.metrics(mac), ({ payload }) => {
      const nowUs = clock.monotonicUs();
      if (nowUs - follower.lookedAtUs < LOOK_US) return;
      follower.lookedAtUs = nowUs;
      const decoded = decodeEcuSample(payload);
      if (!decoded.ok) return this.parts.host.counters.add(`wire.${decoded.error.kind}`);
      if (decoded.value.body.incarnation === incarnation) follower.heard(decoded.value.body, nowUs);
    });
    this.followed.set(mac, { follower, sinceUs: clock.monotonicUs(), incarnation, rules, cancel });
  }

  /** Load that reservations will bring, as a share of the ECU's cores. */
  private bookedIn(mac: Mac, aheadS: number): number {
    const { knowledge, host } = this.parts;
    const bookings = knowledge.bookedOn(mac);
    if (bookings === undefined) return 0;
    const nowUs = host.clock.wallUs();
    const cores = knowledge.descriptions.get(mac)?.cores ?? 1;
    return bookedShareAhead(bookings, { nowUs, atUs: nowUs + aheadS * 1e6, cores });
  }

  /** What is forecast, for whoever asks. */
  async forecast(query: ForecastQuery): Promise<ManagerAnswer> {
    const { knowledge, host, manager } = this.parts;
    const { task } = query;
    const mac = query.mac ?? knowledge.placement(task ?? '')?.context.owner?.mac;
    if (task !== undefined && mac === undefined)
      return { kind: 'refused', code: 'ERR_NO_TASK', sentence: `there is no task ${task} that runs anywhere` };
    if (mac === undefined || !(knowledge.descriptions.has(mac) || knowledge.elsewhere.has(mac)))
      return { kind: 'refused', code: 'ERR_NO_ECU', sentence: `there is no ECU ${mac ?? ''}` };
    const follower = this.followed.get(mac)?.follower;
    if (follower === undefined) {
      const sentence = `ECU ${mac} does not say how it is, or another manager follows it: its metrics are off, or it has just come`;
      return { kind: 'refused', code: 'ERR_NO_FORECAST', sentence };
    }
    const nowUs = host.clock.monotonicUs();
    const { staleUs, horizonS } = this.policy.review;
    const sinceUs = this.followed.get(mac)?.sinceUs ?? 0;
    const silentUs = nowUs - Math.max(follower.lookedAtUs, sinceUs);
    const isSilent = silentUs > staleUs;
    const isBlind = isSilent || follower.seenAtUs === 0 || nowUs - follower.seenAtUs > staleUs;
    const { failure: probability, failsInS: inS } = follower.outlook();
    const about = {
      manager,
      failure: isBlind ? undefined : doubted({ probability, inS, horizonS }, follower.deadly),
      ...(isBlind && !isSilent ? { unmeasured: 'temperature' } : {}),
      silentS: Math.round(silentUs / 1e6),
      isSilent,
    };
    if (task === undefined)
      return this.desk.ofEcu(follower, query, { ...about, bookedIn: (aheadS) => this.bookedIn(mac, aheadS) });
    const history = this.series?.of(task);
    if (history === undefined)
      return {
        kind: 'refused',
        code: 'ERR_NO_FORECAST',
        sentence: `nothing has been heard of ${task} by manager ${manager} yet`,
      };
    return this.desk.ofTask(history, query, { ...about, ecu: mac });
  }

  // ——— reviewing ———

  private async look(): Promise<void> {
    const { host } = this.parts;
    // One waits for what other managers say, at times: what it remembers is the next one's.
    if (this.reviewing) return;
    this.reviewing = true;
    try {
      if (host.bus.connected()) await this.review();
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('the ECUs could not be reviewed; they will be', { cause });
    } finally {
      this.reviewing = false;
    }
  }

  private async review(): Promise<void> {
    this.follow();
    this.series?.look();
    this.plan();
    const { host, manager, context, tell, fits } = this.parts;
    const ofEcus = [...this.followed.values()].flatMap(({ follower }) => follower.forecasters);
    fits?.look([...ofEcus, ...(this.loads?.forecasters ?? [])]);
    const nowUs = host.clock.monotonicUs();
    const credit = context()?.credit ?? FULL_CREDIT;
    const views = this.views(nowUs);
    const elsewhere = await this.calmElsewhere(views);
    const found = review(this.memory, views, { nowUs, credit, policy: this.policy.review, elsewhere });
    this.memory = found.memory;
    const { state, blind } = found;
    const told = `${state} ${blind.join()}`;
    if (told !== this.told) {
      await tell({ type: 'REVIEWED', id: `reviewed:${host.incarnation}:${nowUs}`, state, blind });
      this.told = told;
    }
    // By the wall clock from here on: it outlives this process.
    const aheadUs = host.clock.wallUs() - nowUs;
    for (const { id, madeAtUs, deadlineUs, ...rest } of found.proposals) {
      const times = { madeAtUs: madeAtUs + aheadUs, deadlineUs: deadlineUs + aheadUs };
      const proposal: Proposal = { ...rest, ...times, id: `${manager}.${host.incarnation}.${id}` };
      host.counters.add('predictor.proposed');
      await tell({ type: 'PROPOSED', id: `proposed:${proposal.id}`, proposal });
    }
  }

  /** E4. */
  private plan(): void {
    const { knowledge } = this.parts;
    const coming = new Map<Mac, number>();
    for (const { context } of knowledge.index.openMigrations()) {
      const { cause, target } = context;
      const spec = cause === undefined ? undefined : knowledge.placement(cause.task)?.context.spec;
      const stated = spec === undefined || spec.periodUs === 0 ? 0 : spec.wcetUs / spec.periodUs;
      const foretold = this.loads?.of(cause?.task ?? '')?.quantiles[2] ?? 0;
      if (target === undefined) continue;
      coming.set(target.mac, (coming.get(target.mac) ?? 0) + Math.max(stated, foretold) / this.coresOf(target.mac));
    }
    for (const [mac, { follower }] of this.followed) {
      follower.plan((coming.get(mac) ?? 0) + this.bookedIn(mac, this.policy.review.horizonS));
      const tasks = [...knowledge.index.placedAt(mac).keys()].flatMap((task) => this.loads?.of(task) ?? []);
      follower.planTasks(sumAhead(tasks, this.coresOf(mac)));
    }
  }

  private coresOf(mac: Mac): number {
    return Math.max(1, this.parts.knowledge.descriptions.get(mac)?.cores ?? 1);
  }

  private views(nowUs: number): EcuView[] {
    const { knowledge } = this.parts;
    const views: EcuView[] = [];
    for (const [mac, { follower, sinceUs, rules }] of this.followed) {
      if (knowledge.ecu(mac)?.state !== 'alive' || knowledge.index.draining.has(mac)) continue;
      if (follower.seenAtUs === 0 && nowUs - sinceUs < GRACE_US) continue;
      const outlook = follower.outlook();
      const threat = Math.max(outlook.failure, outlook.overload);
      const tasks = rules.moves && threat > rules.clearAt ? this.tasksOf(follower) : NO_TASKS;
      const { raiseAt, clearAt } = rules;
      views.push({ outlook, sampledAtUs: follower.seenAtUs, tasks, thresholds: { raiseAt, clearAt } });
    }
    return views;
  }

  private tasksOf(follower: EcuFollower): MovableTask[] {
    return this.parts.knowledge.index.leavingGroups(follower.mac).flatMap((group) =>
      group.map(({ context: { task, epoch } }) => {
        const chain = group.length === 1 ? {} : { chain: group[0]?.context.task };
        return { ...this.movable(follower, task, epoch), ...chain };
      }),
    );
  }

  /** E3. */
  gainOf(move: { readonly task: TaskName; readonly from: Mac; readonly to: Mac }): Promise<PredictedLateJobs | undefined> {
    return this.gain.of(move);
  }

  /** E8. */
  foresee({ macs, task, ahead }: ForesightQuery): EcuForesight[] {
    const { knowledge } = this.parts;
    return macs.flatMap((mac): EcuForesight[] => {
      const follower = this.seeing(mac);
      if (follower === undefined || knowledge.ecu(mac)?.state !== 'alive') return [];
      const { incarnation, failure, overload, failsInS, loadQuantiles } = follower.outlook();
      const known = this.memory.ecus.get(mac);
      const isWarm = (known?.seenRows ?? 0) >= this.policy.review.warmRows;
      const state = { ready: isWarm && !knowledge.index.draining.has(mac), threatened: known?.isThreatened === true };
      const load = { loadQuantiles, loadByTasks: follower.loadByTasks() };
      const resourceKind = knowledge.descriptions.get(mac)?.resourceKind ?? 'cpu';
      const asked = {
        after: this.gain.afterMove(follower, task, ahead),
        misses: task === undefined ? undefined : follower.misses(task),
      };
      return [{ mac, incarnation, ...state, failure, overload, failsInS, ...load, resourceKind, ...asked }];
    });
  }

  /** E8. Calm ones that others watch, drawn anew for each review that has somebody to move. */
  private async calmElsewhere(views: readonly EcuView[]): Promise<readonly Outlook[]> {
    const { knowledge, drawnBeyond, foresight } = this.parts;
    const leaving = views.flatMap(({ tasks }) => tasks);
    if (knowledge.elsewhere.size === 0 || leaving.length === 0) return [];
    const specs = leaving.flatMap(({ task }) => knowledge.placement(task)?.context.spec ?? []);
    const { sights } = await foresight.ask(drawnBeyond(specs), { task: undefined, ahead: undefined });
    return [...sights.values()].flatMap(({ ready, threatened, ...outlook }) =>
      ready && !threatened ? [{ ...outlook, threats: [] }] : [],
    );
  }

  /** Whether it fails within the horizon, and the upper decile of its load then; undefined: nothing is seen of it. */
  outlookOf(mac: Mac): { readonly failure: number; readonly load: number } | undefined {
    const { failure, loadQuantiles } = this.seeing(mac)?.outlook() ?? {};
    return failure === undefined || loadQuantiles === undefined ? undefined : { failure, load: loadQuantiles[2] };
  }

  /** For `explain`: by which rule, and from which file. */
  private ruleText(mac: Mac): string {
    const { review, file } = this.policy;
    const raiseAt = this.followed.get(mac)?.rules.raiseAt ?? review.raiseAt;
    const by = file === undefined ? '' : ` by the policy ${file}`;
    return ` (threatened above ${Math.round(raiseAt * 100)} % within ${review.horizonS} s${by})`;
  }

  private seeing(mac: Mac): EcuFollower | undefined {
    const follower = this.followed.get(mac)?.follower;
    const nowUs = this.parts.host.clock.monotonicUs();
    return follower !== undefined && nowUs - follower.seenAtUs <= this.policy.review.staleUs ? follower : undefined;
  }

  // ——— proposals ———

  async perform(effect: PredictorEffect): Promise<EffectOutcome> {
    switch (effect.kind) {
      case 'publishProposal': {
        const { proposal } = effect;
        if (!(await this.publish(proposal, undefined))) return { kind: 'again', afterUs: ASKED_AGAIN_US };
        return { kind: 'event', event: { type: 'PROPOSAL.PUBLISHED', proposal } };
      }
      case 'judgeProposal':
        return this.pursue(effect.proposal);
      case 'retrain':
        // Its models learn with every step, and are fitted when their series has grown (`background-fits.ts`).
        return { kind: 'event', event: { type: 'RETRAINED' } };
    }
  }

  private async publish(proposal: Proposal, score: ProposalScore | undefined): Promise<boolean> {
    const { host, manager } = this.parts;
    const { proposal: _, ...scored } = score ?? { proposal: '' };
    const heat = proposal.evidence.find(({ level }) => level === 'temperature');
    const deadly = proposal.evidence.find((threat) => threat.deadly);
    const notice: ProposalNotice = {
      ...proposal,
      manager,
      temperature: finiteOr0(heat?.now),
      temperatureLimit: finiteOr0(heat?.limit),
      failsInS: finiteOr0(deadly?.inS ?? proposal.horizonS),
      score: score === undefined ? undefined : (scored as ProposalNotice['score']),
    };
    try {
      const subject = proposalSubject.of(proposal.from, proposal.task);
      const bytes = encodeProposal(envelope(host, notice));
      const messageId = `${proposal.id}${score === undefined ? '' : '.scored'}`;
      const { kind } = await host.bus.append(subject, bytes, { timeoutUs: APPEND_TIMEOUT_US, messageId });
      return kind === 'appended' || kind === 'duplicate';
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.info('a proposal could not be published yet', { proposal: proposal.id, cause });
      return false;
    }
  }

  /** Asks for the move until it has begun or it is too late; says what became of it when the horizon is over. */
  private async pursue(proposal: Proposal): Promise<EffectOutcome> {
    const wallUs = this.parts.host.clock.wallUs();
    const pursuit = this.pursuitOf(proposal);
    this.notice(proposal, pursuit, wallUs);
    if (wallUs >= proposal.madeAtUs + this.policy.review.horizonS * 1e6) return this.scored(proposal, pursuit);
    if (wallUs < proposal.deadlineUs) await this.moves.ask(pursuit, wallUs);
    return { kind: 'again', afterUs: PURSUE_US };
  }

  private pursuitOf(proposal: Proposal): Pursuit {
    const { id, from, task } = proposal;
    let pursuit = this.pursuits.get(id);
    if (pursuit === undefined) {
      const incarnation = this.parts.knowledge.ecu(from)?.context.incarnation ?? 0;
      const follower = this.followed.get(from)?.follower;
      const missesBefore = follower?.misses(task) ?? 0;
      const rates = { missesPerS: follower?.missesPerS(task) ?? 0, jobsPerS: follower?.jobsPerS(task) ?? 0 };
      const before = { missesBefore, ...rates, loadBefore: follower?.load ?? 0 };
      const open = { cameAtUs: undefined, movedAtUs: undefined, askedAtUs: 0, aloneBecause: undefined };
      pursuit = { proposal, incarnation, ...before, ...open };
      this.pursuits.set(id, pursuit);
    }
    return pursuit;
  }

  private notice({ from, task, epoch, evidence }: Proposal, pursuit: Pursuit, wallUs: number): void {
    const { knowledge } = this.parts;
    const follower = this.followed.get(from)?.follower;
    const placement = knowledge.placement(task)?.context;
    // A restore gives a new epoch as well, but not by a migration.
    const isMoved = (placement?.epoch ?? 0) > epoch && placement?.takenBy?.startsWith('migration/') === true;
    if (isMoved) pursuit.movedAtUs ??= wallUs;
    const isThere = evidence.slice(0, 1).some(({ level, limit }) => (follower?.threat(level)?.now ?? 0) >= limit);
    if (isThere || knowledge.isGone({ mac: from, incarnation: pursuit.incarnation })) pursuit.cameAtUs ??= wallUs;
  }

  private async scored(proposal: Proposal, pursuit: Pursuit): Promise<EffectOutcome> {
    const { host, knowledge } = this.parts;
    const { task, from } = proposal;
    const at = (await knowledge.freshPlacement(task))?.context.owner?.mac ?? from;
    const follower = this.followed.get(at)?.follower;
    const missed = follower === undefined ? await this.missesElsewhere(at, task) : follower.misses(task);
    const counted = Math.max(0, (missed ?? 0) - (at === from ? pursuit.missesBefore : 0));
    const misses = missesAbove(counted, pursuit.missesPerS * proposal.horizonS);
    const jobsPerS = Math.max(JOBS_PER_S_LEAST, follower?.jobsPerS(task) ?? pursuit.jobsPerS);
    const usual = { ofFailure: USUAL.restoreSilenceS * jobsPerS, ofMove: this.blackoutS(task) * jobsPerS };
    const { cameAtUs, movedAtUs } = pursuit;
    const wasDone = movedAtUs !== undefined && (cameAtUs === undefined || movedAtUs <= cameAtUs);
    // Silence is not a miss of any job that ran: its usual price is added.
    const lateJobs = misses + (wasDone ? usual.ofMove : cameAtUs === undefined ? 0 : usual.ofFailure);
    const withoutMove = this.withoutMove(proposal, pursuit);
    const score = scoreProposal(proposal, { cameAtUs, movedAtUs, withoutMove, lateJobs }, usual);
    host.counters.add(score.paid ? 'predictor.paid' : 'predictor.inVain');
    await this.publish(proposal, score);
    this.pursuits.delete(proposal.id);
    return { kind: 'event', event: { type: 'PROPOSAL.SCORED', score } };
  }

  /** E8. */
  private async missesElsewhere(mac: Mac, task: TaskName): Promise<number | undefined> {
    if (!this.parts.knowledge.elsewhere.has(mac)) return undefined;
    return (await this.parts.foresight.ask([mac], { task, ahead: undefined })).sights.get(mac)?.misses;
  }

  private movable(follower: EcuFollower, task: TaskName, epoch: number): MovableTask {
    const jobsPerS = Math.max(JOBS_PER_S_LEAST, follower.jobsPerS(task));
    return { task, epoch, jobsPerS, blackoutS: this.blackoutS(task), ...USUAL };
  }

  /** Of a move, by those that were measured here. */
  private blackoutS(task: TaskName): number {
    return this.parts.past.blackoutUs(this.parts.knowledge.placement(task)?.context.spec) / 1e6;
  }

  /** E5. */
  private withoutMove({ from, evidence: [behind] }: Proposal, { loadBefore }: Pursuit): number {
    const follower = this.followed.get(from)?.follower;
    if (behind === undefined || follower === undefined) return 0;
    const level = follower.threat(behind.level)?.now ?? Number.NaN;
    return chanceWithoutMove(behind, { level, loadBefore, load: follower.load });
  }
}

const NO_TASKS: readonly MovableTask[] = [];

const finiteOr0 = (value: number | undefined): number => (value !== undefined && Number.isFinite(value) ? value : 0);
