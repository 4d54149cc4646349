/**
 * Group assignment: all tasks of a failed ECU are placed together, over all candidates.
 *
 * The tasks are decided one after the other: highest criticality first, then the least slack of its own
 * ((deadline − WCET) / deadline), then the largest (CPU, then memory), then by name. Each placed task counts at once in its
 * target's accepted set. What this greedy promises, and tests hold it to:
 *
 *  P1. Every assignment is admitted by the exact test (admit.ts), with everything placed there before it in the plan.
 *  P2. The plan does not depend on the order of tasks, candidates or accepted tasks.
 *  P3. Every task is either assigned or unplaced with a reason; it is unplaced only if, at its turn, every candidate refuses
 *      it. Only tasks that come before it in the order are placed by then, so no task of lower criticality is in its way.
 *  P4. Among the SHORTLIST candidates best by all terms but slack and advice, it takes the one with the best total; in a fleet of no
 *      more than that, the best of all. If all of those fail the exact test, the next are tried, to the last.
 *
 * It does not promise the most tasks, nor the best sum of scores: an earlier task may take the only place of a later one.
 * `together` is a wish ("should share"): when it leaves no candidate it is given up, and the decision says so.
 *
 * Cost: one pass over typed arrays per task, and an exact test for SHORTLIST candidates of each.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import { acceptedTaskOf, admits, admittingEcuOf, chargePpb } from './admit.ts';
import type {
  AdmissionEvidence,
  Assignment,
  Candidate,
  CandidateEvidence,
  Decision,
  Newcomer,
  Plan,
  Refusal,
  RefusalKind,
  Score,
  Unplaced,
} from './evidence.ts';
import { boundCoreOf, sentenceOf } from './evidence.ts';
import { lacksCpu, lacksMemory, loadRefusal, staticKeyOf, staticRefusal } from './feasible.ts';
import { FleetRoom } from './fleet-room.ts';
import { roomByShedding } from './make-room.ts';
import type { ScoreWeights } from './score.ts';
import { headroomOf, preferredOf, SCORE_WEIGHTS, scoreOf, slackOf, spreadOf } from './score.ts';
import { Shortlist } from './shortlist.ts';

export interface AssignRequest {
  readonly newcomers: readonly Newcomer[];
  readonly candidates: readonly Candidate[];
  /** ECUs no task may go to: the failed one. */
  readonly excluded?: readonly Mac[];
  /** `apart` lists of tasks that run already, by task: those tasks are not asked again, but their wish holds. */
  readonly apartOfRunning?: Readonly<Record<TaskName, readonly TaskName[]>>;
  /** Criticality of a task that runs already; one of which it is not known is never named as able to make room. */
  readonly criticalityOfRunning?: (task: TaskName) => number | undefined;
  readonly weights?: ScoreWeights;
  /**
   * A guess at how well a candidate suits, 0 … 1, more is better: a learned model's place. It ranks those of the shortlist that the
   * test lets through and decides nothing: P1 holds whatever it says, and what is no number counts as 0.
   */
  readonly adviser?: Adviser;
  /** Whoever only asks whether there is room needs not be told what would make some. */
  readonly withoutShedding?: boolean;
  /** Told of every exact test. */
  readonly onTest?: () => void;
  /** Who that is, for whoever reads the decision later: a version of the fleet's model, or a file. */
  readonly advisedBy?: string;
}

export type Adviser = (newcomer: Newcomer, candidate: Candidate) => number;

/** Candidates that get the exact test at a time. */
export const SHORTLIST = 16;
/** Candidates written out per decision. */
export const EVIDENCE_MAX = 8;

export function assign(request: AssignRequest): Plan {
  const fleet = new FleetRoom(request.candidates, namesOfInterest(request));
  const planner = new Planner(request, fleet);
  const assignments: Assignment[] = [];
  const decisions: Decision[] = [];
  const left: { newcomer: Newcomer; decision: Decision }[] = [];
  for (const newcomer of [...request.newcomers].sort(byUrgency)) {
    const { decision, assignment } = planner.decide(newcomer, decisions.length);
    decisions.push(decision);
    if (assignment === undefined) left.push({ newcomer, decision });
    else assignments.push(assignment);
  }
  // Asked at the end, when it is known what the rest of the plan took.
  const unplaced = left.map(({ newcomer, decision }): Unplaced => {
    const { task, criticality, refusedByKind } = decision;
    const mayTake = (index: number): boolean => planner.refusalBeforeTest(newcomer, index, false, true) === undefined;
    const { criticalityOf } = planner;
    const roomBy = request.withoutShedding === true ? undefined : roomByShedding(newcomer, fleet, { mayTake, criticalityOf });
    return { task, criticality, sentence: sentenceOfUnplaced(decision), refusedByKind, roomBy };
  });
  return { assignments, unplaced, decisions };
}

/** Highest criticality first; then least slack; then largest; then by name: a total order over distinct names. */
export function byUrgency({ spec: a }: Newcomer, { spec: b }: Newcomer): number {
  if (a.criticality !== b.criticality) return b.criticality - a.criticality;
  const slack = ownSlack(a) - ownSlack(b);
  if (slack !== 0) return slack;
  const [demandA, demandB] = [acceptedTaskOf(a, 0), acceptedTaskOf(b, 0)];
  const charge = chargePpb(demandB) - chargePpb(demandA);
  if (charge !== 0) return charge;
  const memory = demandB.memoryBytesMax - demandA.memoryBytesMax;
  if (memory !== 0) return memory;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

const ownSlack = ({ hardDeadline, deadlineUs, wcetUs }: Newcomer['spec']): number =>
  hardDeadline && deadlineUs > 0 ? (deadlineUs - wcetUs) / deadlineUs : 1;

interface Tested {
  readonly index: number;
  readonly score: Score;
  readonly admission: AdmissionEvidence;
}

/** The numbers of the pass, for one task. */
interface Wish {
  readonly newcomer: Newcomer;
  readonly memoryBytes: number;
  readonly chargePpb: number;
  readonly requireTogether: boolean;
  readonly preferredLabels: readonly (readonly [string, string])[];
  readonly hasPreference: boolean;
  /** Where each of those runs that it is to be near. */
  readonly near: readonly ReadonlySet<number>[];
  readonly dataAt: ReadonlySet<number>;
  /** Where it runs already, by what the bridges say. */
  readonly own: ReadonlySet<number>;
}

interface StaticAnswer {
  /** 1 for a candidate that is refused. */
  readonly refused: Uint8Array;
  readonly countByKind: ReadonlyMap<RefusalKind, number>;
}

class Planner {
  readonly #request: AssignRequest;
  readonly #fleet: FleetRoom;
  readonly #weights: ScoreWeights;
  readonly #adviser: Adviser | undefined;
  readonly #excluded: ReadonlySet<Mac>;
  readonly #shortlist: Shortlist;
  /** Refused ones to write out: those with the smallest MACs. */
  readonly #refusedShown: Shortlist;
  readonly #staticByKey = new Map<string, StaticAnswer>();
  readonly #criticality = new Map<TaskName, number>();

  constructor(request: AssignRequest, fleet: FleetRoom) {
    this.#request = request;
    this.#fleet = fleet;
    this.#weights = request.weights ?? SCORE_WEIGHTS;
    this.#adviser = request.adviser;
    this.#excluded = new Set(request.excluded ?? []);
    this.#shortlist = new Shortlist(SHORTLIST, fleet.macNumber);
    this.#refusedShown = new Shortlist(EVIDENCE_MAX, fleet.macNumber);
    for (const { spec } of request.newcomers) this.#criticality.set(spec.name, spec.criticality);
  }

  readonly criticalityOf = (task: TaskName): number | undefined =>
    this.#criticality.get(task) ?? this.#request.criticalityOfRunning?.(task);

  decide(newcomer: Newcomer, order: number): { decision: Decision; assignment: Assignment | undefined } {
    const { together } = newcomer.spec.affinity;
    const { advisedBy } = this.#request;
    const wished = together.length > 0 && together.some((partner) => this.#livePartnerHosts(partner).length > 0);
    const first = this.#search(newcomer, wished);
    const gaveUpTogether = wished && first.best === undefined;
    const search = gaveUpTogether ? this.#search(newcomer, false) : first;
    const { best, refusedByKind, untested, shown } = search;
    const decision: Decision = {
      task: newcomer.spec.name,
      criticality: newcomer.spec.criticality,
      order,
      candidateCount: this.#fleet.count,
      refusedByKind,
      untested,
      gaveUpTogether,
      ...(this.#adviser === undefined || advisedBy === undefined ? {} : { advisedBy }),
      candidates: shown,
    };
    if (best === undefined) return { decision, assignment: undefined };
    const { mac, incarnation, description } = this.#fleet.candidates[best.index] as Candidate;
    this.#fleet.place(best.index, newcomer.spec, boundCoreOf(description, best.admission, newcomer.spec.name));
    return {
      decision,
      assignment: { task: newcomer.spec.name, mac, incarnation, score: best.score, admission: best.admission },
    };
  }

  /** Everything but the exact test, in full words. `ignoreLoad`: as if the ECU were empty. */
  refusalBeforeTest(newcomer: Newcomer, index: number, requireTogether: boolean, ignoreLoad = false): Refusal | undefined {
    const candidate = this.#fleet.candidates[index] as Candidate;
    const fixed =
      staticRefusal(candidate, newcomer, this.#excluded) ?? this.#neighbourRefusal(newcomer, index, requireTogether);
    if (fixed !== undefined || ignoreLoad) return fixed;
    const demand = acceptedTaskOf(newcomer.spec, 0);
    return loadRefusal(this.#fleet.roomFor(index, newcomer.spec.name), {
      memoryBytes: demand.memoryBytesMax,
      chargePpb: chargePpb(demand),
    });
  }

  #search(newcomer: Newcomer, requireTogether: boolean) {
    const { spec } = newcomer;
    const demand = acceptedTaskOf(spec, 0);
    const { preferredEcus, preferredLabels, preferredKind, near = [] } = spec.affinity;
    const wish: Wish = {
      newcomer,
      memoryBytes: demand.memoryBytesMax,
      chargePpb: chargePpb(demand),
      requireTogether,
      preferredLabels: Object.entries(preferredLabels).sort(([a], [b]) => (a < b ? -1 : 1)),
      hasPreference: preferredEcus.length > 0 || Object.keys(preferredLabels).length > 0 || preferredKind !== undefined,
      near: near.map((name) => this.#fleet.hostsOf(name)),
      own: this.#fleet.hostsOf(spec.name),
      dataAt: new Set((newcomer.dataAt ?? []).map((mac) => this.#fleet.indexOf(mac)).filter((index) => index !== undefined)),
    };
    const counts = new Map<RefusalKind, number>();
    const viable = this.#pass(wish, counts);

    const tested: Tested[] = [];
    const refusedByTest: { index: number; refusal: Refusal }[] = [];
    let testedCount = 0;
    const test = (indexes: ArrayLike<number>): void => {
      for (let at = 0; at < indexes.length; at++) {
        const index = indexes[at] as number;
        const candidate = this.#fleet.candidates[index] as Candidate;
        const ecu = admittingEcuOf(candidate.description, candidate.draining, candidate.booked);
        const answer = admits(this.#fleet.accepted(index), [spec], ecu);
        testedCount++;
        this.#request.onTest?.();
        if (answer.ok) {
          tested.push({ index, score: this.#score(wish, index, slackOf(answer.value)), admission: answer.value });
        } else {
          counts.set(answer.error.kind, (counts.get(answer.error.kind) ?? 0) + 1);
          if (refusedByTest.length < EVIDENCE_MAX) refusedByTest.push({ index, refusal: answer.error });
        }
      }
    };
    test(this.#shortlist.indexes());
    if (tested.length === 0 && viable > testedCount) {
      const rest = this.#rest(wish);
      for (let from = 0; from < rest.length && tested.length === 0; from += SHORTLIST) test(rest.slice(from, from + SHORTLIST));
    }
    tested.sort((a, b) => b.score.total - a.score.total || this.#byMac(a.index, b.index));
    return {
      best: tested[0],
      refusedByKind: inOrder(counts),
      untested: viable - testedCount,
      shown: this.#evidence(wish, tested, refusedByTest),
    };
  }

  /** One look at every candidate: counts refusals, fills the shortlist by the score without slack. Returns how many are left. */
  #pass(wish: Wish, counts: Map<RefusalKind, number>): number {
    const fleet = this.#fleet;
    const { newcomer, memoryBytes, chargePpb: neededPpb } = wish;
    const { refused, countByKind } = this.#staticAnswer(newcomer);
    for (const [kind, count] of countByKind) counts.set(kind, count);
    const { memoryFree, cpuFreePpb } = fleet;
    const special = this.#specialPlaces(wish);
    const shortlist = this.#shortlist;
    const refusedShown = this.#refusedShown;
    shortlist.clear();
    refusedShown.clear();
    let viable = 0;
    let memoryRefusals = 0;
    let cpuRefusals = 0;
    for (let index = 0; index < fleet.count; index++) {
      if (refused[index] !== 0) {
        refusedShown.offer(index, 0);
      } else if (special !== undefined && special[index] !== 0) {
        const refusal = this.refusalBeforeTest(newcomer, index, wish.requireTogether);
        if (refusal !== undefined) {
          counts.set(refusal.kind, (counts.get(refusal.kind) ?? 0) + 1);
          refusedShown.offer(index, 0);
        } else {
          viable++;
          shortlist.offer(index, this.#cheapScore(wish, index));
        }
      } else if (lacksMemory(memoryFree[index] as number, memoryBytes)) {
        memoryRefusals++;
        refusedShown.offer(index, 0);
      } else if (lacksCpu(cpuFreePpb[index] as number, neededPpb)) {
        cpuRefusals++;
        refusedShown.offer(index, 0);
      } else {
        viable++;
        shortlist.offer(index, this.#cheapScore(wish, index));
      }
    }
    if (memoryRefusals > 0) counts.set('memory', (counts.get('memory') ?? 0) + memoryRefusals);
    if (cpuRefusals > 0) counts.set('utilisation', (counts.get('utilisation') ?? 0) + cpuRefusals);
    return viable;
  }

  /** Marks the ECUs where arrays alone do not decide: neighbours to mind, or the task's own former place. Undefined: none. */
  #specialPlaces(wish: Wish): Uint8Array | undefined {
    const { spec } = wish.newcomer;
    const hosts = [spec.name, ...this.#apartFrom(wish.newcomer)].map((name) => this.#fleet.hostsOf(name));
    if (!wish.requireTogether && hosts.every((set) => set.size === 0)) return undefined;
    const marks = new Uint8Array(this.#fleet.count);
    if (wish.requireTogether) return marks.fill(1);
    for (const set of hosts) for (const index of set) marks[index] = 1;
    return marks;
  }

  /** All viable candidates that were not on the shortlist, best first. */
  #rest(wish: Wish): number[] {
    const done = new Set(this.#shortlist.indexes());
    const rest: { index: number; score: number }[] = [];
    for (let index = 0; index < this.#fleet.count; index++) {
      if (done.has(index) || this.refusalBeforeTest(wish.newcomer, index, wish.requireTogether) !== undefined) continue;
      rest.push({ index, score: this.#cheapScore(wish, index) });
    }
    rest.sort((a, b) => b.score - a.score || this.#byMac(a.index, b.index));
    return rest.map(({ index }) => index);
  }

  /** The total without slack, which the test finds, and without advice, which costs as much as the test. */
  #cheapScore(wish: Wish, index: number): number {
    const { headroom, data, preferred, spread, near } = this.#weights;
    return (
      headroom * this.#headroom(wish, index) +
      data * this.#data(wish, index) +
      preferred * this.#preferred(wish, index) +
      near * this.#near(wish, index) +
      spread * spreadOf(this.#fleet.placed[index] as number)
    );
  }

  #score(wish: Wish, index: number, slack: number): Score {
    const terms = {
      headroom: this.#headroom(wish, index),
      slack,
      data: this.#data(wish, index),
      preferred: this.#preferred(wish, index),
      spread: spreadOf(this.#fleet.placed[index] as number),
      ...(wish.near.length === 0 ? {} : { near: this.#near(wish, index) }),
      ...(this.#adviser === undefined ? {} : { advice: this.#advice(this.#adviser, wish, index) }),
    };
    return scoreOf(terms, this.#weights);
  }

  #headroom(wish: Wish, index: number): number {
    const fleet = this.#fleet;
    let cpuFree = fleet.cpuFreePpb[index] as number;
    let memoryFree = fleet.memoryFree[index] as number;
    if (wish.own.size > 0 && wish.own.has(index)) {
      const room = fleet.roomFor(index, wish.newcomer.spec.name);
      cpuFree = room.cpuFreePpb;
      memoryFree = room.memoryFreeBytes;
    }
    cpuFree -= fleet.bookedPpb[index] as number;
    memoryFree -= fleet.bookedBytes[index] as number;
    return headroomOf(
      (cpuFree - wish.chargePpb) / (fleet.cpuCapacityPpb[index] as number),
      (memoryFree - wish.memoryBytes) / (fleet.memoryCapacity[index] as number),
    );
  }

  #advice(adviser: Adviser, wish: Wish, index: number): number {
    const said = adviser(wish.newcomer, this.#fleet.candidates[index] as Candidate);
    return said > 0 ? Math.min(1, said) : 0;
  }

  #data(wish: Wish, index: number): number {
    return this.#fleet.holdsPages[index] === 1 || (wish.dataAt.size > 0 && wish.dataAt.has(index)) ? 1 : 0;
  }

  /** Which share of those that it is to be near runs there. */
  #near({ near }: Wish, index: number): number {
    if (near.length === 0) return 0;
    let there = 0;
    for (const hosts of near) if (hosts.has(index)) there++;
    return there / near.length;
  }

  #preferred(wish: Wish, index: number): number {
    if (!wish.hasPreference) return 0;
    return preferredOf(this.#fleet.candidates[index] as Candidate, wish.newcomer.spec.affinity, wish.preferredLabels);
  }

  /** Tasks with the same requirements share one answer. */
  #staticAnswer(newcomer: Newcomer): StaticAnswer {
    const key = staticKeyOf(newcomer);
    let answer = this.#staticByKey.get(key);
    if (answer === undefined) {
      const refused = new Uint8Array(this.#fleet.count);
      const countByKind = new Map<RefusalKind, number>();
      for (let index = 0; index < refused.length; index++) {
        const kind = staticRefusal(this.#fleet.candidates[index] as Candidate, newcomer, this.#excluded)?.kind;
        if (kind === undefined) continue;
        refused[index] = 1;
        countByKind.set(kind, (countByKind.get(kind) ?? 0) + 1);
      }
      answer = { refused, countByKind };
      this.#staticByKey.set(key, answer);
    }
    return answer;
  }

  #neighbourRefusal(newcomer: Newcomer, index: number, requireTogether: boolean): Refusal | undefined {
    for (const other of this.#apartFrom(newcomer)) {
      if (this.#fleet.hostsOf(other).has(index)) return { kind: 'apart', from: other };
    }
    if (!requireTogether) return undefined;
    for (const partner of newcomer.spec.affinity.together) {
      const hosts = this.#livePartnerHosts(partner);
      const host = hosts[0];
      if (host !== undefined && !hosts.includes(index)) {
        return { kind: 'together', partner, partnerMac: (this.#fleet.candidates[host] as Candidate).mac };
      }
    }
    return undefined;
  }

  /** Where a partner runs and goes on running, smallest MAC first. */
  #livePartnerHosts(partner: TaskName): number[] {
    const live: number[] = [];
    for (const index of this.#fleet.hostsOf(partner)) {
      const candidate = this.#fleet.candidates[index] as Candidate;
      if (candidate.alive && !this.#excluded.has(candidate.mac)) live.push(index);
    }
    return live.sort((a, b) => this.#byMac(a, b));
  }

  readonly #apartCache = new Map<TaskName, readonly TaskName[]>();

  /** Tasks to keep away from, whoever of the two asked for it; sorted, so that the first one found is always the same. */
  #apartFrom({ spec }: Newcomer): readonly TaskName[] {
    let names = this.#apartCache.get(spec.name);
    if (names === undefined) {
      const all = new Set(spec.affinity.apart);
      for (const other of this.#request.newcomers) if (other.spec.affinity.apart.includes(spec.name)) all.add(other.spec.name);
      for (const [running, apart] of Object.entries(this.#request.apartOfRunning ?? {}))
        if (apart.includes(spec.name)) all.add(running);
      all.delete(spec.name);
      names = [...all].sort();
      this.#apartCache.set(spec.name, names);
    }
    return names;
  }

  #evidence(
    wish: Wish,
    tested: readonly Tested[],
    refusedByTest: readonly { index: number; refusal: Refusal }[],
  ): CandidateEvidence[] {
    const shown: CandidateEvidence[] = [];
    for (const { index, score, admission } of tested.slice(0, EVIDENCE_MAX)) {
      const { mac, incarnation } = this.#fleet.candidates[index] as Candidate;
      const { memoryBeforeBytes, memoryUsedBytes, memoryCapacityBytes } = admission;
      const { utilisationBeforePpm, utilisationPpm, test, joining, tightest } = admission;
      const memory = { memoryBeforeBytes, memoryUsedBytes, memoryCapacityBytes };
      const reserved = admission.reserved === undefined ? {} : { reserved: admission.reserved };
      const numbers = { ...memory, utilisationBeforePpm, utilisationPpm, test, joining, tightest, ...reserved };
      shown.push({ mac, incarnation, verdict: 'feasible', score, admission: numbers });
    }
    const refused = [...refusedByTest];
    for (const index of this.#refusedShown.indexes()) {
      const refusal = this.refusalBeforeTest(wish.newcomer, index, wish.requireTogether);
      if (refusal !== undefined) refused.push({ index, refusal });
    }
    refused.sort((a, b) => this.#byMac(a.index, b.index));
    for (const { index, refusal } of refused.slice(0, EVIDENCE_MAX - shown.length)) {
      const { mac, incarnation } = this.#fleet.candidates[index] as Candidate;
      shown.push({ mac, incarnation, verdict: 'refused', refusal });
    }
    return shown;
  }

  #byMac(a: number, b: number): number {
    const [macA, macB] = [(this.#fleet.candidates[a] as Candidate).mac, (this.#fleet.candidates[b] as Candidate).mac];
    return macA < macB ? -1 : macA > macB ? 1 : 0;
  }
}

function namesOfInterest(request: AssignRequest): ReadonlySet<TaskName> {
  const names = new Set<TaskName>(Object.keys(request.apartOfRunning ?? {}));
  for (const { spec } of request.newcomers) {
    names.add(spec.name);
    for (const name of spec.affinity.together) names.add(name);
    for (const name of spec.affinity.apart) names.add(name);
    for (const name of spec.affinity.near ?? []) names.add(name);
  }
  return names;
}

function inOrder(counts: ReadonlyMap<RefusalKind, number>): Partial<Record<RefusalKind, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Kinds whose name says everything; the others get the words of one ECU that refused so, as an example. */
const TELLING: ReadonlySet<string> = new Set<RefusalKind>(['excluded', 'not-alive', 'draining', 'asleep']);

function sentenceOfUnplaced({ candidateCount, refusedByKind, candidates }: Decision): string {
  if (candidateCount === 0) return 'no ECU is known';
  const reasons = Object.entries(refusedByKind).map(([kind, count]) => {
    const example = candidates.find((one) => one.verdict === 'refused' && one.refusal.kind === kind);
    return TELLING.has(kind) || example?.verdict !== 'refused'
      ? `${count} ${kind}`
      : `${count} ${kind} (${sentenceOf(example.refusal)})`;
  });
  return `none of ${candidateCount} ECUs can take it: ${reasons.join(', ')}`;
}
