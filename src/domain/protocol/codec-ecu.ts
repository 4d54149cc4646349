/** What ECUs say of themselves (`ecu.proto`): description, load, heartbeat, goodbye. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  AcceptedTask,
  EcuDescription,
  EcuLoad,
  EcuPower,
  EcuScheduling,
  MetricLimits,
  ProcessIdentity,
  SleepState,
} from '../model/ecu.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { readOffers, subjectList, writeOffer } from './codec-needs.ts';
import { resourceKinds, runtimeKinds } from './codec-task.ts';
import {
  capabilityList,
  enumTable,
  finite,
  integerWithin,
  labelMap,
  listWithin,
  macText,
  nameText,
  refuse,
  required,
  safeInteger,
  sentenceText,
  taskList,
  taskText,
  textWithin,
  wide,
} from './field-check.ts';
import {
  type EcuLoadSchema,
  type EcuSchedulingSchema,
  type ProcessIdentitySchema,
  type SleepStateSchema,
  type AcceptedTask as WireAcceptedTask,
  type EcuLoad as WireEcuLoad,
  type MetricsPlan as WireMetricsPlan,
  type EcuPower as WirePower,
  type ProcessIdentity as WireProcessIdentity,
  Scheduler as WireScheduler,
  type EcuScheduling as WireScheduling,
  type SleepState as WireSleepState,
} from './generated/drover/v1/ecu_pb.ts';
import type { ResourceKind as WireResourceKind, RuntimeKind as WireRuntimeKind } from './generated/drover/v1/task_pb.ts';
import { COUNTERS_MAX, LIST_MAX, NAME_CHARS_MAX } from './limits.ts';
import type { Goodbye } from './messages.ts';

const CORES_MAX = 65_536;
const SLEEP_STATES_MAX = 8;

/** The value under the MAC in the KV bucket `inventory`. */
export const { encode: encodeEcuDescription, decode: decodeEcuDescription } = envelopeCodec<'ecuDescription', EcuDescription>(
  'ecuDescription',
  (ecu) => ({
    mac: ecu.mac,
    incarnation: wide(ecu.incarnation),
    name: ecu.name,
    ecuClass: ecu.ecuClass,
    resourceKind: resourceKinds.toWire[ecu.resourceKind] as WireResourceKind,
    cores: ecu.cores,
    memoryBytes: wide(ecu.memoryBytes),
    capabilities: [...ecu.capabilities],
    labels: { ...ecu.labels },
    runtimes: ecu.runtimes.map((kind) => runtimeKinds.toWire[kind] as WireRuntimeKind),
    bridge: writeProcess(ecu.bridge),
    ...(ecu.supervisor === undefined ? {} : { supervisor: writeProcess(ecu.supervisor) }),
    heartbeatIntervalUs: wide(ecu.heartbeatIntervalUs),
    version: ecu.version,
    offers: (ecu.offers ?? []).map(writeOffer),
    subjects: [...(ecu.subjects ?? [])],
    ...(ecu.scheduling === undefined ? {} : { scheduling: writeScheduling(ecu.scheduling) }),
    ...(ecu.metrics === undefined
      ? {}
      : { metrics: { ...ecu.metrics, everyUs: wide(ecu.metrics.everyUs), keptEveryUs: wide(ecu.metrics.keptEveryUs) } }),
    ...(ecu.power === undefined ? {} : { power: { ...ecu.power, sleep: ecu.power.sleep.map(writeSleepState) } }),
    followsReservations: ecu.followsReservations ?? false,
  }),
  (wire) => ({
    mac: macText(wire.mac, 'ecu.mac'),
    incarnation: safeInteger(wire.incarnation, 'ecu.incarnation'),
    name: nameText(wire.name, 'ecu.name'),
    ecuClass: nameText(wire.ecuClass, 'ecu.ecu_class'),
    resourceKind: resourceKinds.word(wire.resourceKind, 'ecu.resource_kind'),
    cores: integerWithin(wire.cores, 'ecu.cores', { min: 1, max: CORES_MAX }),
    memoryBytes: safeInteger(wire.memoryBytes, 'ecu.memory_bytes'),
    capabilities: capabilityList(wire.capabilities, 'ecu.capabilities'),
    labels: labelMap(wire.labels, 'ecu.labels'),
    // A newer bridge may have runtimes that this build does not know and will never ask for.
    runtimes: wire.runtimes.map((kind) => runtimeKinds.wordIfKnown(kind, 'ecu.runtimes')).filter((kind) => kind !== undefined),
    bridge: readProcess(required(wire.bridge, 'ecu.bridge'), 'ecu.bridge.boot_id', 'ecu.bridge.start_ticks'),
    supervisor:
      wire.supervisor === undefined
        ? undefined
        : readProcess(wire.supervisor, 'ecu.supervisor.boot_id', 'ecu.supervisor.start_ticks'),
    heartbeatIntervalUs: safeInteger(wire.heartbeatIntervalUs, 'ecu.heartbeat_interval_us', 1),
    version: textWithin(wire.version, 'ecu.version', { min: 0, max: NAME_CHARS_MAX }),
    ...(wire.offers.length === 0 ? {} : { offers: readOffers(wire.offers) }),
    ...(wire.subjects.length === 0 ? {} : { subjects: subjectList(wire.subjects, 'ecu.subjects') }),
    ...(wire.scheduling === undefined ? {} : { scheduling: readScheduling(wire.scheduling) }),
    ...(wire.metrics === undefined
      ? {}
      : {
          metrics: {
            everyUs: safeInteger(wire.metrics.everyUs, 'ecu.metrics.every_us', 1),
            keptEveryUs: safeInteger(wire.metrics.keptEveryUs, 'ecu.metrics.kept_every_us'),
            ...readLimits(wire.metrics),
          },
        }),
    ...(wire.power === undefined ? {} : { power: readPower(wire.power) }),
    ...(wire.followsReservations ? { followsReservations: true } : {}),
  }),
);

export const writeSleepState = (state: SleepState): MessageInitShape<typeof SleepStateSchema> => ({
  ...state,
  wakeUs: wide(state.wakeUs),
});

export const readSleepState = ({ name, watts, wakeUs, wakeJoules }: WireSleepState): SleepState => ({
  name: nameText(name, 'sleep.name'),
  watts: atLeast0(watts, 'sleep.watts'),
  wakeUs: safeInteger(wakeUs, 'sleep.wake_us'),
  wakeJoules: atLeast0(wakeJoules, 'sleep.wake_joules'),
});

const readPower = ({ idleWatts, busyWatts, sleep }: WirePower): EcuPower => ({
  idleWatts: atLeast0(idleWatts, 'ecu.power.idle_watts'),
  busyWatts: atLeast0(busyWatts, 'ecu.power.busy_watts'),
  sleep: listWithin(sleep, 'ecu.power.sleep', SLEEP_STATES_MAX).map(readSleepState),
});

function atLeast0(value: number, field: string): number {
  return finite(value, field) >= 0 ? value : refuse(`${field} is ${value}; it must be 0 or more`);
}

/** Those that were said. */
const readLimits = ({ temperatureLimit, memoryLimit, loadLimit, wearLimit }: WireMetricsPlan): MetricLimits => ({
  ...(temperatureLimit === undefined ? {} : { temperatureLimit: finite(temperatureLimit, 'ecu.metrics.temperature_limit') }),
  ...(memoryLimit === undefined ? {} : { memoryLimit: finite(memoryLimit, 'ecu.metrics.memory_limit') }),
  ...(loadLimit === undefined ? {} : { loadLimit: finite(loadLimit, 'ecu.metrics.load_limit') }),
  ...(wearLimit === undefined ? {} : { wearLimit: finite(wearLimit, 'ecu.metrics.wear_limit') }),
});

const schedulers = enumTable<Exclude<EcuScheduling['scheduler'], 'other'>>({
  fp: WireScheduler.FIXED_PRIORITY,
  edf: WireScheduler.EARLIEST_DEADLINE_FIRST,
  rr: WireScheduler.ROUND_ROBIN,
});

/** What a build that does not know a scheduler passes on: a number that no build knows. */
const SCHEDULER_OTHER = (2 ** 31 - 1) as WireScheduler;

const writeScheduling = (scheduling: EcuScheduling): MessageInitShape<typeof EcuSchedulingSchema> => ({
  scheduler: scheduling.scheduler === 'other' ? SCHEDULER_OTHER : (schedulers.toWire[scheduling.scheduler] as WireScheduler),
  nonPreemptive: scheduling.nonPreemptive ?? false,
  global: scheduling.global ?? false,
  bound: scheduling.bound ?? false,
  sliceUs: wide(scheduling.sliceUs ?? 0),
  checkpointCostUs: wide(scheduling.checkpointCostUs ?? 0),
  contextSwitchUs: wide(scheduling.contextSwitchUs ?? 0),
  blackoutUs: wide(scheduling.blackoutUs ?? 0),
  blackoutEveryUs: wide(scheduling.blackoutEveryUs ?? 0),
});

function readScheduling(wire: WireScheduling): EcuScheduling {
  const { scheduler } = wire;
  const times = {
    sliceUs: safeInteger(wire.sliceUs, 'ecu.scheduling.slice_us'),
    checkpointCostUs: safeInteger(wire.checkpointCostUs, 'ecu.scheduling.checkpoint_cost_us'),
    contextSwitchUs: safeInteger(wire.contextSwitchUs, 'ecu.scheduling.context_switch_us'),
    blackoutUs: safeInteger(wire.blackoutUs, 'ecu.scheduling.blackout_us'),
    blackoutEveryUs: safeInteger(wire.blackoutEveryUs, 'ecu.scheduling.blackout_every_us'),
  };
  return {
    // A newer bridge may have one that this build does not know: its tasks run, their deadlines are not promised.
    scheduler:
      scheduler === WireScheduler.UNSPECIFIED
        ? 'fp'
        : (schedulers.wordIfKnown(scheduler, 'ecu.scheduling.scheduler') ?? 'other'),
    ...(wire.nonPreemptive ? { nonPreemptive: true } : {}),
    ...(wire.global ? { global: true } : {}),
    ...(wire.bound ? { bound: true } : {}),
    ...Object.fromEntries(Object.entries(times).filter(([, us]) => us > 0)),
  };
}

const writeProcess = (process: ProcessIdentity): MessageInitShape<typeof ProcessIdentitySchema> => ({
  bootId: process.bootId,
  pid: process.pid,
  startTicks: wide(process.startTicks),
});

const readProcess = (wire: WireProcessIdentity, bootIdField: string, startTicksField: string): ProcessIdentity => ({
  bootId: nameText(wire.bootId, bootIdField),
  pid: wire.pid,
  startTicks: safeInteger(wire.startTicks, startTicksField),
});

export const writeEcuLoad = (load: EcuLoad): MessageInitShape<typeof EcuLoadSchema> => ({
  mac: load.mac,
  incarnation: wide(load.incarnation),
  draining: load.draining,
  asleep: load.asleep === true,
  tasks: load.tasks.map((task) => ({
    task: task.task,
    epoch: wide(task.epoch),
    periodUs: wide(task.periodUs),
    wcetUs: wide(task.wcetUs),
    deadlineUs: wide(task.deadlineUs),
    priority: task.priority,
    memoryBytesMax: wide(task.memoryBytesMax),
    ...(task.hardDeadline === undefined ? {} : { hardDeadline: task.hardDeadline }),
    ...(task.cpuPpm === undefined ? {} : { cpuPpm: wide(task.cpuPpm) }),
    ...(task.core === undefined ? {} : { core: task.core }),
    ...(task.apart === undefined ? {} : { apart: [...task.apart] }),
  })),
  ...(load.counters === undefined
    ? {}
    : {
        counters: Object.fromEntries(
          Object.entries(load.counters)
            .slice(0, COUNTERS_MAX)
            .map(([name, count]) => [name, wide(count)]),
        ),
      }),
});

export const readEcuLoad = (wire: WireEcuLoad): EcuLoad => ({
  mac: macText(wire.mac, 'load.mac'),
  incarnation: safeInteger(wire.incarnation, 'load.incarnation'),
  draining: wire.draining,
  ...(wire.asleep ? { asleep: true } : {}),
  tasks: listWithin(wire.tasks, 'load.tasks', LIST_MAX).map(readAcceptedTask),
  ...readCounters(wire.counters),
});

function readCounters(wire: Readonly<Record<string, bigint>>): Pick<EcuLoad, 'counters'> {
  const entries = listWithin(Object.entries(wire), 'load.counters', COUNTERS_MAX);
  if (entries.length === 0) return {};
  const counters = entries.map(([name, count]) => [
    nameText(name, 'a key of load.counters'),
    safeInteger(count, 'a value of load.counters'),
  ]);
  return { counters: Object.fromEntries(counters) };
}

const readAcceptedTask = (wire: WireAcceptedTask): AcceptedTask => ({
  task: taskText(wire.task, 'load.tasks.task'),
  epoch: safeInteger(wire.epoch, 'load.tasks.epoch'),
  periodUs: safeInteger(wire.periodUs, 'load.tasks.period_us'),
  wcetUs: safeInteger(wire.wcetUs, 'load.tasks.wcet_us'),
  deadlineUs: safeInteger(wire.deadlineUs, 'load.tasks.deadline_us'),
  priority: wire.priority,
  memoryBytesMax: safeInteger(wire.memoryBytesMax, 'load.tasks.memory_bytes_max'),
  ...(wire.hardDeadline === undefined ? {} : { hardDeadline: wire.hardDeadline }),
  ...(wire.cpuPpm === undefined ? {} : { cpuPpm: safeInteger(wire.cpuPpm, 'load.tasks.cpu_ppm') }),
  ...(wire.core === undefined ? {} : { core: wire.core }),
  ...(wire.apart.length === 0 ? {} : { apart: taskList(wire.apart, 'load.tasks.apart') }),
});

export const { encode: encodeGoodbye, decode: decodeGoodbye } = envelopeCodec<'goodbye', Goodbye>(
  'goodbye',
  (goodbye) => ({ mac: goodbye.mac, incarnation: wide(goodbye.incarnation), reason: goodbye.reason }),
  (wire) => ({
    kind: 'goodbye',
    mac: macText(wire.mac, 'goodbye.mac'),
    incarnation: safeInteger(wire.incarnation, 'goodbye.incarnation'),
    reason: sentenceText(wire.reason, 'goodbye.reason'),
  }),
);
