/**
 * From what is foreseen of each ECU to proposals, once a review. A pure function of what was remembered and what is seen now.
 *
 *   R1  An ECU whose data stopped is *blind*: nothing is proposed about it or towards it, whatever was foreseen before. When more than half are,
 *       the whole review is `degraded` and proposes nothing: then it is the data's way that failed, not the ECUs.
 *   R2  Hysteresis: an ECU becomes *threatened* after `rows` reviews above `raiseAt` and calm again below `clearAt` (after `rows` reviews);
 *       between the two it stays what it was.
 *   R3  A task is proposed once, then left alone for `restUs`, wherever it is by then: no ping-pong.
 *   R4  Budget: at most `openMost` proposals whose horizon is not over, the greatest benefit for the least time left first.
 *   R5  A benefit counts when it is above `benefitLeast` times what the credit demands (`score.ts`), and nobody is moved to where as much
 *       threatens: a threatened ECU is no candidate.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import { lateJobsOfStaying, type MovableTask, type Outlook, type Proposal, valueCandidates } from './proposal.ts';
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
  now: { readonly nowUs: number; readonly credit: Credit; readonly policy: ReviewPolicy },
): Review {
  const { nowUs, credit, policy } = now;
  const seeing = views.filter((view) => canSee(view, nowUs, policy));
  const blind = views.filter((view) => !seeing.includes(view)).map(({ outlook }) => outlook.mac);
  const ecus = new Map(seeing.map(({ outlook }) => [outlook.mac, remember(before.ecus.get(outlook.mac), outlook, policy)]));
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

  const calm = warm.filter(({ outlook }) => !isThreatened(outlook.mac)).map(({ outlook }) => outlook);
  const possible = threatened
    .filter(({ outlook }) => isWarm(outlook.mac))
    .flatMap(({ outlook, tasks }) =>
      tasks
        .filter(({ task }) => !memory.proposedAtUs.has(task))
        .flatMap((task) => propose(task, outlook, calm, { nowUs, credit, policy })),
    )
    .sort((a, b) => urgency(b, nowUs) - urgency(a, nowUs) || (a.task < b.task ? -1 : 1));
  const proposals = possible.slice(0, Math.max(0, policy.openMost - open.length));
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

function propose(
  task: MovableTask,
  from: Outlook,
  calm: readonly Outlook[],
  { nowUs, credit, policy }: { readonly nowUs: number; readonly credit: Credit; readonly policy: ReviewPolicy },
): readonly Proposal[] {
  const least = policy.benefitLeast * credit.demands;
  const candidates = valueCandidates(task, from, calm, policy.horizonS).filter(({ benefit }) => benefit > least);
  const [best] = candidates;
  if (best === undefined) return [];
  const isDeadly = from.failure >= from.overload;
  const behind = from.threats.filter(({ deadly, probability }) => deadly === isDeadly && probability >= EVIDENT);
  const cause = behind[0]?.cause ?? (isDeadly ? 'failure' : 'overload');
  const leftS = Math.max(0, Math.min(policy.horizonS, isDeadly ? from.failsInS : policy.horizonS) - task.moveS);
  return [
    {
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
      benefit: best.benefit,
      candidates,
      madeAtUs: nowUs,
      deadlineUs: nowUs + Math.round(leftS * 1e6),
    },
  ];
}

/** Late jobs saved for each second that is left to save them. */
const urgency = ({ benefit, deadlineUs }: Proposal, nowUs: number): number => benefit / (1 + (deadlineUs - nowUs) / 1e6);
