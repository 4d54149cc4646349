/** What bridges saw of the task sets on their lanes (`learn.proto`), as the stream LEARNING keeps it. */
import {
  type ExactVerdict,
  type LearnerState,
  OUTCOME_TASKS_MAX,
  type Outcome,
  type OutcomeReport,
  type OutcomeRow,
  type SchedulingKind,
} from '../learn/fleet/outcome.ts';
import { TIME_US_MAX } from '../realtime/set-check.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { enumTable, listWithin, macText, refuse, safeInteger, wide } from './field-check.ts';
import {
  ExactVerdict as WireExact,
  type LearnerState as WireLearner,
  Outcome as WireOutcome,
  type OutcomeRow as WireRow,
  SchedulingKind as WireScheduling,
} from './generated/drover/v1/learn_pb.ts';
import { OUTCOME_ROWS_MAX } from './limits.ts';

const schedulings = enumTable<SchedulingKind>({
  fp: WireScheduling.FP,
  npfp: WireScheduling.NPFP,
  edf: WireScheduling.EDF,
  npedf: WireScheduling.NPEDF,
  rr: WireScheduling.RR,
  other: WireScheduling.OTHER,
});
const outcomes = enumTable<Outcome>({ met: WireOutcome.MET, missed: WireOutcome.MISSED });
const verdicts = enumTable<ExactVerdict>({ yes: WireExact.YES, no: WireExact.NO, unknown: WireExact.UNKNOWN });

const codec = envelopeCodec<'outcomeReport', OutcomeReport>(
  'outcomeReport',
  (report) => ({
    mac: report.mac,
    incarnation: wide(report.incarnation),
    sequence: wide(report.sequence),
    scheduling: schedulings.toWire[report.scheduling] as WireScheduling,
    windowUs: wide(report.windowUs),
    rows: report.rows.map(writeRow),
    learner: {
      version: wide(report.learner.version),
      learned: wide(report.learner.learned),
      rightAsCame: wide(report.learner.rightAsCame),
      rightLearning: wide(report.learner.rightLearning),
      stateBytes: wide(report.learner.stateBytes),
      updateUsMax: wide(report.learner.updateUsMax),
    },
  }),
  (wire) => ({
    mac: macText(wire.mac, 'report.mac'),
    incarnation: safeInteger(wire.incarnation, 'report.incarnation'),
    sequence: safeInteger(wire.sequence, 'report.sequence', 1),
    scheduling: schedulings.word(wire.scheduling, 'report.scheduling'),
    windowUs: safeInteger(wire.windowUs, 'report.window_us', 1),
    rows: listWithin(wire.rows, 'report.rows', OUTCOME_ROWS_MAX).map(readRow),
    learner: wire.learner === undefined ? refuse('report.learner is missing') : readLearner(wire.learner),
  }),
);

export const { encode: encodeOutcomeReport, decode: decodeOutcomeReport } = codec;

const writeRow = ({ lane, tasks, outcome, exact, windows, jobs, misses, observedUs }: OutcomeRow) => ({
  lane,
  tasks: tasks.map(({ wcetUs, periodUs, deadlineUs, isMeasured }) => ({
    wcetUs: wide(wcetUs),
    periodUs: wide(periodUs),
    deadlineUs: wide(deadlineUs),
    isMeasured,
  })),
  outcome: outcomes.toWire[outcome] as WireOutcome,
  exact: verdicts.toWire[exact] as WireExact,
  windows: wide(windows),
  jobs: wide(jobs),
  misses: wide(misses),
  observedUs: wide(observedUs),
});

function readRow(wire: WireRow): OutcomeRow {
  const tasks = listWithin(wire.tasks, 'row.tasks', OUTCOME_TASKS_MAX);
  if (tasks.length === 0) refuse('row.tasks is empty');
  return {
    lane: wire.lane,
    tasks: tasks.map((task) => ({
      wcetUs: timeUs(task.wcetUs, 'row.tasks.wcet_us'),
      periodUs: timeUs(task.periodUs, 'row.tasks.period_us'),
      deadlineUs: timeUs(task.deadlineUs, 'row.tasks.deadline_us'),
      isMeasured: task.isMeasured,
    })),
    outcome: outcomes.word(wire.outcome, 'row.outcome'),
    exact: verdicts.word(wire.exact, 'row.exact'),
    windows: safeInteger(wire.windows, 'row.windows', 1),
    jobs: safeInteger(wire.jobs, 'row.jobs'),
    misses: safeInteger(wire.misses, 'row.misses'),
    observedUs: safeInteger(wire.observedUs, 'row.observed_us'),
  };
}

/** What the analysis takes: a row from outside must not make features that are no numbers. */
function timeUs(value: bigint, field: string): number {
  const us = safeInteger(value, field, 1);
  if (us > TIME_US_MAX) refuse(`${field} is ${us}; it must be 1 to ${TIME_US_MAX}`);
  return us;
}

const readLearner = (wire: WireLearner): LearnerState => ({
  version: safeInteger(wire.version, 'learner.version'),
  learned: safeInteger(wire.learned, 'learner.learned'),
  rightAsCame: safeInteger(wire.rightAsCame, 'learner.right_as_came'),
  rightLearning: safeInteger(wire.rightLearning, 'learner.right_learning'),
  stateBytes: safeInteger(wire.stateBytes, 'learner.state_bytes'),
  updateUsMax: safeInteger(wire.updateUsMax, 'learner.update_us_max'),
});
