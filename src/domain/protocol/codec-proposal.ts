/** Proposals and what became of them (`proposal.proto`), as the stream PROPOSALS keeps them. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ProposalNotice } from '../proposal/proposal-notice.ts';
import type { Threat } from '../proposal/threat.ts';
import { envelopeCodec } from './codec-envelope.ts';
import {
  enumTable,
  finite,
  idText,
  listWithin,
  macText,
  managerText,
  refuse,
  safeInteger,
  taskText,
  wide,
} from './field-check.ts';
import {
  type ProposalEvidenceSchema,
  ProposalCause as WireCause,
  type ProposalEvidence as WireEvidence,
  type ProposalScore as WireScore,
} from './generated/drover/v1/proposal_pb.ts';

const CANDIDATES_MAX = 1024;

const EVIDENCE_MAX = 16;
const TOGETHER_MAX = 1024;

const causes = enumTable<ProposalNotice['cause']>({
  failure: WireCause.FAILURE,
  overload: WireCause.OVERLOAD,
  heat: WireCause.HEAT,
  ageing: WireCause.AGEING,
});
const LEVELS: readonly Threat['level'][] = ['temperature', 'memory', 'load', 'wear', 'misses', 'backlog'];

const codec = envelopeCodec<'proposal', ProposalNotice>(
  'proposal',
  ({ epoch, cause, evidence, candidates, madeAtUs, deadlineUs, loadQuantiles, score, together = [], ...rest }) => ({
    ...rest,
    together: together.slice(0, TOGETHER_MAX),
    epoch: wide(epoch),
    cause: causes.toWire[cause] as WireCause,
    evidence: evidence.slice(0, EVIDENCE_MAX).map(writeEvidence),
    loadQuantiles: [...loadQuantiles],
    candidates: candidates
      .slice(0, CANDIDATES_MAX)
      .map(({ mac, incarnation, moving, benefit }) => ({ mac, incarnation: wide(incarnation), moving, benefit })),
    madeAtUs: wide(madeAtUs),
    deadlineUs: wide(deadlineUs),
    ...(score === undefined
      ? {}
      : { score: { ...score, leadUs: wide(score.leadUs ?? 0), wouldHaveCome: score.came ? 0 : score.wouldHaveCome } }),
  }),
  (wire) => ({
    ...(wire.together.length === 0
      ? {}
      : {
          together: listWithin(wire.together, 'proposal.together', TOGETHER_MAX).map((task) =>
            taskText(task, 'proposal.together'),
          ),
        }),
    manager: managerText(wire.manager, 'proposal.manager'),
    id: idText(wire.id, 'proposal.id'),
    task: taskText(wire.task, 'proposal.task'),
    epoch: safeInteger(wire.epoch, 'proposal.epoch', 1),
    from: macText(wire.from, 'proposal.from'),
    cause: causes.word(wire.cause, 'proposal.cause'),
    probability: share(wire.probability, 'proposal.probability'),
    horizonS: finite(wire.horizonS, 'proposal.horizon_s'),
    // A level that this build does not know says nothing here.
    evidence: listWithin(wire.evidence, 'proposal.evidence', EVIDENCE_MAX).filter(isKnown).map(readEvidence),
    loadQuantiles: threeOf(wire.loadQuantiles, 'proposal.load_quantiles'),
    staying: finite(wire.staying, 'proposal.staying'),
    benefit: finite(wire.benefit, 'proposal.benefit'),
    candidates: listWithin(wire.candidates, 'proposal.candidates', CANDIDATES_MAX).map((candidate) => ({
      mac: macText(candidate.mac, 'proposal.candidates.mac'),
      incarnation: safeInteger(candidate.incarnation, 'proposal.candidates.incarnation'),
      moving: finite(candidate.moving, 'proposal.candidates.moving'),
      benefit: finite(candidate.benefit, 'proposal.candidates.benefit'),
    })),
    madeAtUs: safeInteger(wire.madeAtUs, 'proposal.made_at_us'),
    deadlineUs: safeInteger(wire.deadlineUs, 'proposal.deadline_us'),
    temperature: finite(wire.temperature, 'proposal.temperature'),
    temperatureLimit: finite(wire.temperatureLimit, 'proposal.temperature_limit'),
    failsInS: finite(wire.failsInS, 'proposal.fails_in_s'),
    score: wire.score === undefined ? undefined : readScore(wire.score),
  }),
);

export const { encode: encodeProposal, decode: decodeProposal } = codec;

const writeEvidence = ({
  cause,
  quantiles,
  inS,
  byTasks = false,
  ...rest
}: Omit<Threat, 'byTasks'> & { readonly byTasks?: boolean | undefined }): MessageInitShape<typeof ProposalEvidenceSchema> => ({
  ...rest,
  byTasks,
  cause: causes.toWire[cause] as WireCause,
  quantiles: [...quantiles],
  reachesInS: inS,
});

const isKnown = ({ level }: WireEvidence): boolean => (LEVELS as readonly string[]).includes(level);

const readEvidence = ({
  level,
  cause,
  probability,
  now,
  limit,
  quantiles,
  reachesInS,
  deadly,
  byTasks,
}: WireEvidence): Threat => ({
  ...(byTasks ? { byTasks } : {}),
  level: level as Threat['level'],
  cause: causes.word(cause, 'proposal.evidence.cause'),
  deadly,
  probability: share(probability, 'proposal.evidence.probability'),
  now: finite(now, 'proposal.evidence.now'),
  limit: finite(limit, 'proposal.evidence.limit'),
  quantiles: threeOf(quantiles, 'proposal.evidence.quantiles'),
  inS: finite(reachesInS, 'proposal.evidence.reaches_in_s'),
});

const readScore = ({ came, leadUs, wasDone, wouldHaveCome, regretNothing, regretOracle, paid }: WireScore) => ({
  leadUs: came ? safeInteger(leadUs, 'proposal.score.lead_us') : undefined,
  wasDone,
  came,
  // What came would have come.
  wouldHaveCome: came ? 1 : share(wouldHaveCome, 'proposal.score.would_have_come'),
  regretNothing: finite(regretNothing, 'proposal.score.regret_nothing'),
  regretOracle: finite(regretOracle, 'proposal.score.regret_oracle'),
  paid,
});

function share(value: number, field: string): number {
  if (!(value >= 0 && value <= 1)) refuse(`${field} is ${value}; it must be from 0 to 1`);
  return value;
}

function threeOf(list: readonly number[], field: string): readonly [number, number, number] {
  const [low, median, high] = list;
  if (list.length !== 3 || low === undefined || median === undefined || high === undefined)
    return refuse(`${field} has ${list.length} entries; it must have 3`);
  return [finite(low, field), finite(median, field), finite(high, field)];
}
