/**
 * From what is foreseen of each ECU to proposals, once a review. A pure function of what was remembered and what is seen now.
 *
 *   R1  An ECU whose data stopped is *blind*: nothing is proposed about it or towards it, whatever was foreseen before. When more than half are,
 *       the whole review is `degraded` and proposes nothing: then it is the data's way that failed, not the ECUs.
 *   R2  Hysteresis: an ECU becomes *threatened* after `rows` reviews above `raiseAt` and calm again below `clearAt` (after `rows` reviews);
 *       between the two it stays what it was.
 *   R3  A task is proposed once, then left alone for `restUs`, wherever it is by then: no ping-pong.
 *   R4  Budget: at most `openMost` proposals whose horizon is not over, the greatest benefit for the least time left first.
 *       The tasks of a chain that an ECU is to be left by count each for itself, and are proposed together or, where the budget has no room for all,
 *       one by one.
 *   R5  A benefit counts when it is above `benefitLeast` times what the credit demands (`score.ts`), and nobody is moved to where as much
 *       threatens: a threatened ECU is no candidate. That of a chain is its tasks' mean: none stays behind because it alone would not be worth it.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import {
  type CandidateValue,
  lateJobsOfStaying,
  type MovableTask,
  type Outlook,
  type Proposal,
  valueCandidates,
} from './proposal.ts';
import type { Credit } from './score.ts';

export interface ReviewPolicy {
  readonly horizonS: number;
  readonly raiseAt: number;
  readonly clearAt: number;
  readonly rows: number;
  readonly restUs: number;
  readonly openMost: number;
  readonly benefitLeast: number;
  /** Data older than this is none. */
  readonly staleUs: number;
  /** Reviews with data until an ECU's forecasts count. */
  readonly warmRows: number;
}

export const REVIEW_POLICY: ReviewPolicy = {
  horizonS: 30,
  raiseAt: 0.5,
  clearAt: 0.2,
  rows: 3,
  restUs: 120_000_000,
  openMost: 32,
  benefitLeast: 0.5,
  staleUs: 3_000_000,
  warmRows: 5,
};

export interface EcuView {
  readonly outlook: Outlook;
  /** When its newest sample was taken. */
  readonly sampledAtUs: number;
  readonly tasks: readonly MovableTask[];
  /** This ECU's own; absent: the policy's. */
  readonly thresholds?: Pick<ReviewPolicy, 'raiseAt' | 'clearAt'>;
}

interface EcuMemory {
  readonly incarnation: number;
  readonly seenRows: number;
  readonly above: number;
  readonly below: number;
  readonly isThreatened: boolean;
}

export interface ReviewMemory {
  readonly ecus: ReadonlyMap<Mac, EcuMemory>;
  readonly proposedAtUs: ReadonlyMap<TaskName, number>;
  /** When the horizon of each open proposal is over. */
  readonly openUntilUs: readonly number[];
}

export const NOTHING_REMEMBERED: ReviewMemory = { ecus: new Map(), proposedAtUs: new Map(), openUntilUs: [] };

export interface Review {
  readonly state: 'warming' | 'forecasting' | 'degraded';
  readonly blind: readonly Mac[];
  readonly threatened: readonly Mac[];
  readonly proposals: readonly Proposal[];
  readonly memory: ReviewMemory;
}

export function review(
  before: ReviewMemory,
  views: readonly EcuView[],
  now: {
    readonly nowUs: number;
    readonly credit: Credit;
    readonly policy: ReviewPolicy;
    /** Calm ones that others follow, as targets. */
    readonly elsewhere?: readonly Outlook[];
  },
): Review {
  const { nowUs, credit, policy, elsewhere = [] } = now;
  const seeing = views.filter((view) => canSee(view, nowUs, policy));
  const blind = views.filter((view) => !seeing.includes(view)).map(({ outlook }) => outlook.mac);
  const ecus = new Map(
    seeing.map(({ outlook, thresholds }) => [
      outlook.mac,
      remember(before.ecus.get(outlook.mac), outlook, { ...policy, ...thresholds }),
    ]),
  );
  // Blindness neither calms nor threatens: who comes back is what it was.
  for (const { outlook } of views) {
    const known = before.ecus.get(outlook.mac);
    if (!ecus.has(outlook.mac) && known?.incarnation === outlook.incarnation) ecus.set(outlook.mac, known);
  }
  const isWarm = (mac: Mac): boolean => (ecus.get(mac)?.seenRows ?? 0) >= policy.warmRows;
  const isThreatened = (mac: Mac): boolean => ecus.get(mac)?.isThreatened === true;
  const rests = [...before.proposedAtUs].filter(([, atUs]) => nowUs - atUs < policy.restUs);
  const open = before.openUntilUs.filter((untilUs) => untilUs > nowUs);
  const warm = seeing.filter(({ outlook }) => isWarm(outlook.mac));
  const threatened = seeing.filter(({ outlook }) => isThreatened(outlook.mac));
  const memory: ReviewMemory = { ecus, proposedAtUs: new Map(rests), openUntilUs: open };
  const state = 2 * blind.length > views.length ? 'degraded' : warm.length === 0 ? 'warming' : 'forecasting';
  const told = { state, blind, threatened: threatened.map(({ outlook }) => outlook.mac) } as const;
  if (state !== 'forecasting') return { ...told, proposals: [], memory };

  const calm = [...warm.filter(({ outlook }) => !isThreatened(outlook.mac)).map(({ outlook }) => outlook), ...elsewhere];
  const possible = threatened
    .filter(({ outlook }) => isWarm(outlook.mac))
    .flatMap(({ outlook, tasks }) =>
      byChain(tasks.filter(({ task }) => !memory.proposedAtUs.has(task))).flatMap((chain) => {
        const together = propose(chain, outlook, calm, { nowUs, credit, policy });
        if (together.length > 0) return [together];
        // Not worth it together; what is worth it alone goes alone.
        return chain.length === 1 ? [] : chain.map((task) => propose([task], outlook, calm, { nowUs, credit, policy }));
      }),
    )
    .filter((batch) => batch.length > 0)
    .sort((a, b) => urgency(b, nowUs) - urgency(a, nowUs) || (nameOf(a) < nameOf(b) ? -1 : 1));
  const proposals = withinBudget(possible, policy.openMost - open.length);
  return {
    ...told,
    proposals,
    memory: {
      ...memory,
      proposedAtUs: new Map([...rests, ...proposals.map(({ task }) => [task, nowUs] as const)]),
      openUntilUs: [...open, ...proposals.map(() => nowUs + policy.horizonS * 1e6)],
    },
  };
}

/** A level that is less likely to get to its limit is no reason. */
const EVIDENT = 0.1;

const isProbability = (value: number): boolean => value >= 0 && value <= 1;

/** A forecast that is no number is as good as none. */
function canSee({ outlook, sampledAtUs }: EcuView, nowUs: number, { staleUs }: ReviewPolicy): boolean {
  return nowUs - sampledAtUs <= staleUs && isProbability(outlook.failure) && isProbability(outlook.overload);
}

function remember(known: EcuMemory | undefined, outlook: Outlook, policy: ReviewPolicy): EcuMemory {
  const { raiseAt, clearAt, rows } = policy;
  const same = known?.incarnation === outlook.incarnation ? known : undefined;
  const danger = Math.max(outlook.failure, outlook.overload);
  const above = danger > raiseAt ? (same?.above ?? 0) + 1 : 0;
  const below = danger < clearAt ? (same?.below ?? 0) + 1 : 0;
  const isThreatened = same?.isThreatened === true ? below < rows : above >= rows;
  return { incarnation: outlook.incarnation, seenRows: (same?.seenRows ?? 0) + 1, above, below, isThreatened };
}

function byChain(tasks: readonly MovableTask[]): readonly (readonly MovableTask[])[] {
  const chains = new Map<TaskName, MovableTask[]>();
  for (const one of tasks) {
    const key = one.chain ?? one.task;
    chains.set(key, [...(chains.get(key) ?? []), one]);
  }
  return [...chains.values()];
}

/** R4. */
function withinBudget(batches: readonly (readonly Proposal[])[], room: number): readonly Proposal[] {
  const taken: Proposal[] = [];
  for (const batch of batches) {
    const left = room - taken.length;
    if (left <= 0) break;
    if (batch.length <= left) taken.push(...batch);
    else taken.push(...batch.slice(0, left).map(({ together: _, ...alone }) => alone));
  }
  return taken;
}

/** Of one task, or of those of a chain that go together: to wherever their benefits together are greatest. */
function propose(
  tasks: readonly MovableTask[],
  from: Outlook,
  calm: readonly Outlook[],
  about: { readonly nowUs: number; readonly credit: Credit; readonly policy: ReviewPolicy },
): readonly Proposal[] {
  const { credit, policy } = about;
  const least = policy.benefitLeast * credit.demands;
  const valued = tasks.map((task) => valueCandidates(task, from, calm, policy.horizonS));
  const totals = new Map<Mac, number>();
  for (const { mac, benefit } of valued.flat()) totals.set(mac, (totals.get(mac) ?? 0) + benefit);
  const ranked = [...totals]
    .filter(([, total]) => total > least * tasks.length)
    .sort(([macA, a], [macB, b]) => b - a || (macA < macB ? -1 : 1));
  if (ranked.length === 0) return [];
  return tasks.map((task, at) => {
    const candidates = ranked.flatMap(([mac]) => valued[at]?.find((one) => one.mac === mac) ?? []);
    const proposal = proposed(task, from, candidates, about);
    const together = tasks.filter((other) => other !== task).map((other) => other.task);
    return together.length === 0 ? proposal : { ...proposal, together };
  });
}

function proposed(
  task: MovableTask,
  from: Outlook,
  candidates: readonly CandidateValue[],
  { nowUs, policy }: { readonly nowUs: number; readonly policy: ReviewPolicy },
): Proposal {
  const isDeadly = from.failure >= from.overload;
  const behind = from.threats.filter(({ deadly, probability }) => deadly === isDeadly && probability >= EVIDENT);
  const cause = behind[0]?.cause ?? (isDeadly ? 'failure' : 'overload');
  const leftS = Math.max(0, Math.min(policy.horizonS, isDeadly ? from.failsInS : policy.horizonS) - task.moveS);
  return {
    id: `${task.task}.${task.epoch}.${nowUs}`,
    task: task.task,
    epoch: task.epoch,
    from: from.mac,
    cause,
    evidence: behind,
    probability: Math.max(from.failure, from.overload),
    horizonS: policy.horizonS,
    loadQuantiles: from.loadQuantiles,
    staying: lateJobsOfStaying(task, from, policy.horizonS),
    benefit: candidates[0]?.benefit ?? 0,
    candidates,
    madeAtUs: nowUs,
    deadlineUs: nowUs + Math.round(leftS * 1e6),
  };
}

/** Late jobs saved for each second that is left to save them, the mean of those that go together. */
const urgency = (batch: readonly Proposal[], nowUs: number): number =>
  batch.reduce((sum, { benefit, deadlineUs }) => sum + benefit / (1 + (deadlineUs - nowUs) / 1e6), 0) / batch.length;

const nameOf = ([first]: readonly Proposal[]): TaskName => first?.task ?? '';
