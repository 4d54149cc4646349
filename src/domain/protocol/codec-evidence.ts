/** Decision evidence (`evidence.proto`). */
import type { Candidate, DecisionEvidence } from '../model/evidence.ts';
import { envelopeCodec } from './codec-envelope.ts';
import {
  actorText,
  finite,
  idText,
  listWithin,
  macText,
  safeInteger,
  sentenceText,
  taskText,
  textWithin,
  wide,
} from './field-check.ts';
import type { Candidate as WireCandidate } from './generated/drover/v1/evidence_pb.ts';
import { LIST_MAX, TERMS_MAX } from './limits.ts';

const TERM_CHARS = { min: 1, max: 64 };
const UNIT_CHARS = { min: 0, max: 64 };

export const { encode: encodeDecisionEvidence, decode: decodeDecisionEvidence } = envelopeCodec<
  'decisionEvidence',
  DecisionEvidence
>(
  'decisionEvidence',
  (evidence) => ({
    decision: evidence.decision,
    task: evidence.task,
    epoch: wide(evidence.epoch),
    actor: evidence.actor,
    decidedAtUs: wide(evidence.decidedAtUs),
    candidates: evidence.candidates.map((candidate) => ({
      mac: candidate.mac,
      filters: candidate.filters.map((filter) => ({ ...filter })),
      scores: candidate.scores.map((score) => ({ ...score })),
      tests: candidate.tests.map((test) => ({ ...test })),
    })),
    ...(evidence.chosen === undefined ? {} : { chosen: evidence.chosen }),
    sentence: evidence.sentence,
  }),
  (wire) => ({
    decision: idText(wire.decision, 'evidence.decision'),
    task: taskText(wire.task, 'evidence.task'),
    epoch: safeInteger(wire.epoch, 'evidence.epoch'),
    actor: actorText(wire.actor, 'evidence.actor'),
    decidedAtUs: safeInteger(wire.decidedAtUs, 'evidence.decided_at_us'),
    candidates: listWithin(wire.candidates, 'evidence.candidates', LIST_MAX).map(readCandidate),
    chosen: wire.chosen === undefined ? undefined : macText(wire.chosen, 'evidence.chosen'),
    sentence: sentenceText(wire.sentence, 'evidence.sentence'),
  }),
);

const readCandidate = (wire: WireCandidate): Candidate => ({
  mac: macText(wire.mac, 'candidate.mac'),
  filters: listWithin(wire.filters, 'candidate.filters', TERMS_MAX).map((filter) => ({
    filter: textWithin(filter.filter, 'filter.filter', TERM_CHARS),
    passed: filter.passed,
    needed: finite(filter.needed, 'filter.needed'),
    available: finite(filter.available, 'filter.available'),
    unit: textWithin(filter.unit, 'filter.unit', UNIT_CHARS),
    detail: sentenceText(filter.detail, 'filter.detail'),
  })),
  scores: listWithin(wire.scores, 'candidate.scores', TERMS_MAX).map((score) => ({
    term: textWithin(score.term, 'score.term', TERM_CHARS),
    value: finite(score.value, 'score.value'),
    weight: finite(score.weight, 'score.weight'),
  })),
  tests: listWithin(wire.tests, 'candidate.tests', LIST_MAX).map((test) => ({
    test: textWithin(test.test, 'test.test', TERM_CHARS),
    task: taskText(test.task, 'test.task'),
    passed: test.passed,
    value: finite(test.value, 'test.value'),
    limit: finite(test.limit, 'test.limit'),
    unit: textWithin(test.unit, 'test.unit', UNIT_CHARS),
  })),
});
