/** Start and stop records of jobs (`JobJournal` in `record.proto`). */
import type { JobJournal, JobRecord } from '../model/job.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { enumTable, listWithin, macText, refusal, refuse, safeInteger, taskText, wide } from './field-check.ts';
import { JobOutcome, InputKind as WireInputKind, type JobRecord as WireJobRecord } from './generated/drover/v1/record_pb.ts';
import { JOB_RECORDS_MAX } from './limits.ts';

const inputKinds = enumTable<'data' | 'tick'>({ data: WireInputKind.DATA, tick: WireInputKind.TICK });
const outcomes = enumTable<'done' | 'failed'>({ done: JobOutcome.DONE, failed: JobOutcome.FAILED });

export const { encode: encodeJobJournal, decode: decodeJobJournal } = envelopeCodec<'jobJournal', JobJournal>(
  'jobJournal',
  (journal) => ({ mac: journal.mac, incarnation: wide(journal.incarnation), records: journal.records.map(writeRecord) }),
  (wire) => ({
    mac: macText(wire.mac, 'job_journal.mac'),
    incarnation: safeInteger(wire.incarnation, 'job_journal.incarnation'),
    records: listWithin(wire.records, 'job_journal.records', JOB_RECORDS_MAX).map(readRecord),
  }),
);

function writeRecord(record: JobRecord) {
  const key = { task: record.task, epoch: wide(record.epoch), jobNumber: wide(record.jobNumber) };
  if (record.kind === 'started') {
    const value = {
      inputKind: inputKinds.toWire[record.inputKind] as WireInputKind,
      inputNumber: wide(record.inputNumber),
      releasedAtUs: wide(record.releasedAtUs),
      startedAtUs: wide(record.startedAtUs),
    };
    return { ...key, what: { case: 'started' as const, value } };
  }
  const value = {
    stoppedAtUs: wide(record.stoppedAtUs),
    outcome: record.failure === undefined ? JobOutcome.DONE : JobOutcome.FAILED,
    code: record.failure ?? '',
    fuelUsed: wide(record.fuelUsed),
    outputs: record.outputs,
    ...(record.executionUs === undefined ? {} : { executionUs: wide(record.executionUs) }),
  };
  return { ...key, what: { case: 'stopped' as const, value } };
}

function readRecord(wire: WireJobRecord): JobRecord {
  const key = {
    task: taskText(wire.task, 'job.task'),
    epoch: safeInteger(wire.epoch, 'job.epoch'),
    jobNumber: safeInteger(wire.jobNumber, 'job.job_number'),
  };
  const { what } = wire;
  if (what.case === 'started') {
    return {
      kind: 'started',
      ...key,
      inputKind: inputKinds.word(what.value.inputKind, 'started.input_kind'),
      inputNumber: safeInteger(what.value.inputNumber, 'started.input_number'),
      releasedAtUs: safeInteger(what.value.releasedAtUs, 'started.released_at_us'),
      startedAtUs: safeInteger(what.value.startedAtUs, 'started.started_at_us'),
    };
  }
  if (what.case === 'stopped') {
    const failed = outcomes.word(what.value.outcome, 'stopped.outcome') === 'failed';
    if (!failed && what.value.code !== '') refuse('stopped.code is given although the job is done');
    return {
      kind: 'stopped',
      ...key,
      stoppedAtUs: safeInteger(what.value.stoppedAtUs, 'stopped.stopped_at_us'),
      failure: failed ? refusal(what.value.code, '', 'stopped.code').code : undefined,
      fuelUsed: safeInteger(what.value.fuelUsed, 'stopped.fuel_used'),
      outputs: what.value.outputs,
      ...(what.value.executionUs === undefined
        ? {}
        : { executionUs: safeInteger(what.value.executionUs, 'stopped.execution_us') }),
    };
  }
  return refuse('job.what is missing, or one that this build does not know');
}
