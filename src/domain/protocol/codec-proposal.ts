/** Proposals and what became of them (`proposal.proto`), as the stream PROPOSALS keeps them. */
import type { ProposalNotice } from '../proposal/proposal-notice.ts';
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
import { ProposalCause as WireCause, type ProposalScore as WireScore } from './generated/drover/v1/proposal_pb.ts';

const CANDIDATES_MAX = 1024;

const causes = enumTable<ProposalNotice['cause']>({ failure: WireCause.FAILURE, overload: WireCause.OVERLOAD });

const codec = envelopeCodec<'proposal', ProposalNotice>(
  'proposal',
  ({ epoch, cause, candidates, madeAtUs, deadlineUs, loadQuantiles, score, ...rest }) => ({
    ...rest,
    epoch: wide(epoch),
    cause: causes.toWire[cause] as WireCause,
    loadQuantiles: [...loadQuantiles],
    candidates: candidates
      .slice(0, CANDIDATES_MAX)
      .map(({ mac, incarnation, moving, benefit }) => ({ mac, incarnation: wide(incarnation), moving, benefit })),
    madeAtUs: wide(madeAtUs),
    deadlineUs: wide(deadlineUs),
    ...(score === undefined ? {} : { score: { ...score, leadUs: wide(score.leadUs ?? 0) } }),
  }),
  (wire) => ({
    manager: managerText(wire.manager, 'proposal.manager'),
    id: idText(wire.id, 'proposal.id'),
    task: taskText(wire.task, 'proposal.task'),
    epoch: safeInteger(wire.epoch, 'proposal.epoch', 1),
    from: macText(wire.from, 'proposal.from'),
    cause: causes.word(wire.cause, 'proposal.cause'),
    probability: share(wire.probability, 'proposal.probability'),
    horizonS: finite(wire.horizonS, 'proposal.horizon_s'),
    loadQuantiles: threeOf(wire.loadQuantiles),
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

const readScore = ({ came, leadUs, wasDone, regretNothing, regretOracle, paid }: WireScore) => ({
  leadUs: came ? safeInteger(leadUs, 'proposal.score.lead_us') : undefined,
  wasDone,
  came,
  regretNothing: finite(regretNothing, 'proposal.score.regret_nothing'),
  regretOracle: finite(regretOracle, 'proposal.score.regret_oracle'),
  paid,
});

function share(value: number, field: string): number {
  if (!(value >= 0 && value <= 1)) refuse(`${field} is ${value}; it must be from 0 to 1`);
  return value;
}

function threeOf(list: readonly number[]): readonly [number, number, number] {
  const [low, median, high] = list;
  if (list.length !== 3 || low === undefined || median === undefined || high === undefined)
    return refuse(`proposal.load_quantiles has ${list.length} entries; it must have 3`);
  const field = 'proposal.load_quantiles';
  return [finite(low, field), finite(median, field), finite(high, field)];
}
