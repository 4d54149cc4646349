/** What managers say and are asked (`manager.proto`). */
import type { ForecastView } from '../forecast/forecast-view.ts';
import { unreachable } from '../kernel/assert.ts';
import type { MigrationEstimate, MigrationMode } from '../migration/estimate.ts';
import { readBooking, readBookingDraft, writeBooking } from './codec-booking.ts';
import { readReference, writeReference } from './codec-checkpoint.ts';
import { type BodyMessageInit, envelopeCodec } from './codec-envelope.ts';
import { readForesightQuery, readForesights, writeForesight, writeForesightQuery } from './codec-foresight.ts';
import { readTaskSpec, writeTaskSpec } from './codec-task.ts';
import {
  enumTable,
  idText,
  integerWithin,
  listWithin,
  macText,
  managerText,
  nameText,
  nonceText,
  refusal,
  refuse,
  required,
  safeInteger,
  sentenceText,
  taskText,
  wide,
} from './field-check.ts';
import {
  type QueryForecastCall as WireForecastQuery,
  type MigrateTaskCall as WireMigrate,
  MigrationMode as WireMode,
  type InstanceReport as WireReport,
  InstanceReportKind as WireReportKind,
  RestoreOpcode as WireRestoreOpcode,
  type RequestRestoreCall as WireRestoreRequest,
} from './generated/drover/v1/manager_pb.ts';
import { LIST_MAX, SERIES_PER_QUERY_MAX, TASKS_PER_QUERY_MAX } from './limits.ts';
import type {
  ChainPlan,
  FleetView,
  ForecastQuery,
  InstanceReport,
  ManagerAnswer,
  ManagerCall,
  ManagerHeartbeat,
  MigrateCall,
  RestoreOpcode,
  RestoreRequest,
} from './messages.ts';

export const { encode: encodeManagerHeartbeat, decode: decodeManagerHeartbeat } = envelopeCodec<
  'managerHeartbeat',
  ManagerHeartbeat
>(
  'managerHeartbeat',
  (beat) => ({ manager: beat.manager, incarnation: wide(beat.incarnation), sequence: wide(beat.sequence) }),
  (wire) => ({
    kind: 'manager-heartbeat',
    manager: managerText(wire.manager, 'manager_heartbeat.manager'),
    incarnation: safeInteger(wire.incarnation, 'manager_heartbeat.incarnation'),
    sequence: safeInteger(wire.sequence, 'manager_heartbeat.sequence'),
  }),
);

const reportKinds = enumTable<InstanceReport['what']>({ 'caught-up': WireReportKind.CAUGHT_UP, ended: WireReportKind.ENDED });

export const { encode: encodeManagerCall, decode: decodeManagerCall } = envelopeCodec<'managerCall', ManagerCall>(
  'managerCall',
  (call): BodyMessageInit<'managerCall'> => {
    switch (call.kind) {
      case 'declare-task':
        return { call: { case: 'declareTask', value: { spec: writeTaskSpec(call.spec) } } };
      case 'remove-task':
        return { call: { case: 'removeTask', value: { task: call.task } } };
      case 'instance-report':
        return { call: { case: 'instanceReport', value: writeReport(call) } };
      case 'query-fleet':
        return { call: { case: 'queryFleet', value: {} } };
      case 'query-checkpoints':
        return { call: { case: 'queryCheckpoints', value: { tasks: [...call.tasks] } } };
      case 'request-restore':
        return { call: { case: 'requestRestore', value: writeRestoreRequest(call) } };
      case 'migrate-task':
        return { call: { case: 'migrateTask', value: writeMigrate(call) } };
      case 'migrate-chain': {
        const { task, target = '', dryRun, reason } = call;
        return { call: { case: 'migrateChain', value: { task, target, dryRun, reason } } };
      }
      case 'drain-ecu':
        return { call: { case: 'drainEcu', value: { mac: call.mac, undo: call.undo, reason: call.reason } } };
      case 'reserve':
        return { call: { case: 'reserve', value: { booking: writeBooking(call.booking) } } };
      case 'cancel-reservation':
        return { call: { case: 'cancelReservation', value: { id: call.id } } };
      case 'query-forecast':
        return { call: { case: 'queryForecast', value: writeForecastQuery(call) } };
      case 'query-foresight':
        return { call: { case: 'queryForesight', value: writeForesightQuery(call) } };
      default:
        return unreachable(call);
    }
  },
  ({ call }) => {
    switch (call.case) {
      case 'declareTask':
        return { kind: 'declare-task', spec: readTaskSpec(required(call.value.spec, 'declare_task.spec')) };
      case 'removeTask':
        return { kind: 'remove-task', task: taskText(call.value.task, 'remove_task.task') };
      case 'instanceReport':
        return readReport(call.value);
      case 'queryFleet':
        return { kind: 'query-fleet' };
      case 'queryCheckpoints':
        return {
          kind: 'query-checkpoints',
          tasks: listWithin(call.value.tasks, 'query_checkpoints.tasks', TASKS_PER_QUERY_MAX).map((task) =>
            taskText(task, 'query_checkpoints.tasks'),
          ),
        };
      case 'requestRestore':
        return readRestoreRequest(call.value);
      case 'migrateTask':
        return readMigrate(call.value);
      case 'migrateChain':
        return {
          kind: 'migrate-chain',
          task: taskText(call.value.task, 'migrate_chain.task'),
          target: call.value.target === '' ? undefined : macText(call.value.target, 'migrate_chain.target'),
          dryRun: call.value.dryRun,
          reason: sentenceText(call.value.reason, 'migrate_chain.reason'),
        };
      case 'drainEcu':
        return {
          kind: 'drain-ecu',
          mac: macText(call.value.mac, 'drain_ecu.mac'),
          undo: call.value.undo,
          reason: sentenceText(call.value.reason, 'drain_ecu.reason'),
        };
      case 'reserve':
        return { kind: 'reserve', booking: readBookingDraft(required(call.value.booking, 'reserve.booking')) };
      case 'cancelReservation':
        return { kind: 'cancel-reservation', id: idText(call.value.id, 'cancel_reservation.id') };
      case 'queryForecast':
        return readForecastQuery(call.value);
      case 'queryForesight':
        return { kind: 'query-foresight', ...readForesightQuery(call.value) };
      case undefined:
        return refuse('manager_call.call is missing, or one that this build does not know');
      default:
        return unreachable(call);
    }
  },
);

const HORIZON_S = { min: 1, max: 60 };

const writeForecastQuery = ({ mac = '', task = '', metrics, horizonsS }: ForecastQuery) => ({
  ...{ mac, task, metrics: [...metrics], horizonsS: [...horizonsS] },
});

function readForecastQuery({ mac, task, metrics, horizonsS }: WireForecastQuery): ForecastQuery {
  if ((mac === '') === (task === '')) refuse('query_forecast must name either an ECU or a task');
  return {
    kind: 'query-forecast',
    mac: mac === '' ? undefined : macText(mac, 'query_forecast.mac'),
    task: task === '' ? undefined : taskText(task, 'query_forecast.task'),
    metrics: listWithin(metrics, 'query_forecast.metrics', SERIES_PER_QUERY_MAX).map((metric) =>
      nameText(metric, 'query_forecast.metrics'),
    ),
    horizonsS: listWithin(horizonsS, 'query_forecast.horizons_s', SERIES_PER_QUERY_MAX).map((horizon) =>
      integerWithin(horizon, 'query_forecast.horizons_s', HORIZON_S),
    ),
  };
}

const opcodes = enumTable<RestoreOpcode>({
  'load-balance': WireRestoreOpcode.LOAD_BALANCE,
  operator: WireRestoreOpcode.OPERATOR,
  drain: WireRestoreOpcode.DRAIN,
  forecast: WireRestoreOpcode.FORECAST,
});

const modes = enumTable<MigrationMode>({
  live: WireMode.LIVE,
  'stop-and-copy': WireMode.STOP_AND_COPY,
  cold: WireMode.COLD,
});

const writeMigrate = ({ task, target = '', dryRun, opcode, mode, costMax, reason }: MigrateCall) => ({
  task,
  target,
  dryRun,
  opcode: opcodes.toWire[opcode] as WireRestoreOpcode,
  mode: mode === undefined ? WireMode.UNSPECIFIED : (modes.toWire[mode] as WireMode),
  ...(costMax === undefined ? {} : { costMaxMilli: wide(Math.round(costMax * 1000)) }),
  reason,
});

const readMigrate = (wire: WireMigrate): MigrateCall => ({
  kind: 'migrate-task',
  task: taskText(wire.task, 'migrate_task.task'),
  target: wire.target === '' ? undefined : macText(wire.target, 'migrate_task.target'),
  dryRun: wire.dryRun,
  opcode: opcodes.word(wire.opcode, 'migrate_task.opcode'),
  mode: wire.mode === WireMode.UNSPECIFIED ? undefined : modes.word(wire.mode, 'migrate_task.mode'),
  costMax: wire.costMaxMilli === undefined ? undefined : safeInteger(wire.costMaxMilli, 'migrate_task.cost_max_milli') / 1000,
  reason: sentenceText(wire.reason, 'migrate_task.reason'),
});

const writeRestoreRequest = ({ opcode, mac, programId, target, reason }: RestoreRequest) => ({
  opcode: opcodes.toWire[opcode] as WireRestoreOpcode,
  mac,
  programId,
  target: target ?? '',
  reason,
});

const readRestoreRequest = (wire: WireRestoreRequest): RestoreRequest => ({
  kind: 'request-restore',
  opcode: opcodes.word(wire.opcode, 'request_restore.opcode'),
  mac: macText(wire.mac, 'request_restore.mac'),
  programId: wire.programId,
  target: wire.target === '' ? undefined : macText(wire.target, 'request_restore.target'),
  reason: sentenceText(wire.reason, 'request_restore.reason'),
});

const writeReport = (report: InstanceReport) => ({
  task: report.task,
  epoch: wide(report.epoch),
  mac: report.mac,
  incarnation: wide(report.incarnation),
  nonce: report.nonce,
  what: reportKinds.toWire[report.what] as WireReportKind,
  code: report.code ?? '',
  sentence: report.sentence,
});

const readReport = (wire: WireReport): InstanceReport => ({
  kind: 'instance-report',
  task: taskText(wire.task, 'instance_report.task'),
  epoch: safeInteger(wire.epoch, 'instance_report.epoch'),
  mac: macText(wire.mac, 'instance_report.mac'),
  incarnation: safeInteger(wire.incarnation, 'instance_report.incarnation'),
  nonce: nonceText(wire.nonce, 'instance_report.nonce'),
  what: reportKinds.word(wire.what, 'instance_report.what'),
  ...(wire.code === ''
    ? { code: undefined, sentence: sentenceText(wire.sentence, 'instance_report.sentence') }
    : refusal(wire.code, wire.sentence, 'instance_report.code')),
});

export const { encode: encodeManagerAnswer, decode: decodeManagerAnswer } = envelopeCodec<'managerAnswer', ManagerAnswer>(
  'managerAnswer',
  (answer): BodyMessageInit<'managerAnswer'> => {
    switch (answer.kind) {
      case 'accepted':
        return { answer: { case: 'accepted', value: {} } };
      case 'refused':
        return { answer: { case: 'refused', value: { code: answer.code, sentence: answer.sentence } } };
      case 'fleet':
        return { answer: { case: 'fleet', value: { fleetJson: JSON.stringify(answer.fleet) } } };
      case 'estimate':
        return { answer: { case: 'estimate', value: { estimateJson: JSON.stringify(answer.estimate) } } };
      case 'reserved':
        return { answer: { case: 'reserved', value: { booking: writeBooking(answer.booking) } } };
      case 'forecast':
        return { answer: { case: 'forecast', value: { forecastJson: JSON.stringify(answer.forecast) } } };
      case 'chain':
        return { answer: { case: 'chain', value: { planJson: JSON.stringify(answer.plan) } } };
      case 'foresight':
        return { answer: { case: 'foresight', value: { ecus: answer.ecus.map(writeForesight) } } };
      case 'checkpoints':
        return { answer: { case: 'checkpoints', value: { references: answer.references.map(writeReference) } } };
      default:
        return unreachable(answer);
    }
  },
  ({ answer }) => {
    switch (answer.case) {
      case 'accepted':
        return { kind: 'accepted' };
      case 'refused':
        return { kind: 'refused', ...refusal(answer.value.code, answer.value.sentence, 'refused.code') };
      case 'fleet':
        return { kind: 'fleet', fleet: readFleet(answer.value.fleetJson) };
      case 'estimate':
        return { kind: 'estimate', estimate: readEstimate(answer.value.estimateJson) };
      case 'reserved':
        return { kind: 'reserved', booking: readBooking(required(answer.value.booking, 'reserved.booking')) };
      case 'forecast':
        return { kind: 'forecast', forecast: readForecast(answer.value.forecastJson) };
      case 'chain':
        return { kind: 'chain', plan: readChainPlan(answer.value.planJson) };
      case 'foresight':
        return { kind: 'foresight', ecus: readForesights(answer.value) };
      case 'checkpoints':
        return {
          kind: 'checkpoints',
          references: listWithin(answer.value.references, 'checkpoints.references', LIST_MAX).map(readReference),
        };
      case undefined:
        return refuse('manager_answer.answer is missing, or one that this build does not know');
      default:
        return unreachable(answer);
    }
  },
);

/**
 * The outline is checked (who reads it walks these lists); what is in the entries is shown to people as it came. A field
 * that is `undefined` is absent in JSON, which reads the same.
 */
function readFleet(json: string): FleetView {
  let fleet: unknown;
  try {
    fleet = JSON.parse(json);
  } catch {
    return refuse('fleet.fleet_json is no JSON');
  }
  const { manager, ecus, tasks, managers, counters } = (isObject(fleet) ? fleet : {}) as Readonly<Record<string, unknown>>;
  for (const [field, list] of Object.entries({ ecus, tasks, managers })) {
    if (!Array.isArray(list) || !list.every(isObject)) refuse(`fleet.fleet_json.${field} must be a list of objects`);
  }
  if (typeof manager !== 'string') refuse('fleet.fleet_json.manager must be a text');
  if (!isObject(counters)) refuse('fleet.fleet_json.counters must be an object');
  return fleet as FleetView;
}

/** Its outline, as of a fleet. */
function readEstimate(json: string): MigrationEstimate {
  let estimate: unknown;
  try {
    estimate = JSON.parse(json);
  } catch {
    return refuse('estimate.estimate_json is no JSON');
  }
  const { task, candidates } = (isObject(estimate) ? estimate : {}) as Readonly<Record<string, unknown>>;
  if (typeof task !== 'string') refuse('estimate.estimate_json.task must be a text');
  if (!Array.isArray(candidates) || !candidates.every(isObject))
    refuse('estimate.estimate_json.candidates must be a list of objects');
  return estimate as MigrationEstimate;
}

/** Its outline, as of a fleet. */
function readForecast(json: string): ForecastView {
  let forecast: unknown;
  try {
    forecast = JSON.parse(json);
  } catch {
    return refuse('forecast.forecast_json is no JSON');
  }
  const { manager, series } = (isObject(forecast) ? forecast : {}) as Readonly<Record<string, unknown>>;
  if (typeof manager !== 'string') refuse('forecast.forecast_json.manager must be a text');
  if (!Array.isArray(series) || !series.every(isObject)) refuse('forecast.forecast_json.series must be a list of objects');
  return forecast as ForecastView;
}

/** Its outline, as of a fleet. */
function readChainPlan(json: string): ChainPlan {
  let plan: unknown;
  try {
    plan = JSON.parse(json);
  } catch {
    return refuse('chain.plan_json is no JSON');
  }
  const { chain, members, candidates } = (isObject(plan) ? plan : {}) as Readonly<Record<string, unknown>>;
  if (!Array.isArray(chain) || !chain.every((task) => typeof task === 'string'))
    refuse('chain.plan_json.chain must be a list of texts');
  for (const [field, list] of Object.entries({ members, candidates })) {
    if (!Array.isArray(list) || !list.every(isObject)) refuse(`chain.plan_json.${field} must be a list of objects`);
  }
  return plan as ChainPlan;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
