/** Task specifications on the wire (`task.proto`). They travel inside commands and calls, never alone. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Affinity, NO_AFFINITY, type ResourceKind, type RuntimeKind, STANDBYS_MAX, type TaskSpec } from '../model/task.ts';
import {
  capabilityList,
  digestBytes,
  digestHex,
  enumTable,
  integerWithin,
  labelMap,
  macList,
  required,
  safeInteger,
  taskList,
  taskText,
  wide,
} from './field-check.ts';
import type {
  AffinitySchema,
  TaskSpecSchema,
  Affinity as WireAffinity,
  TaskSpec as WireTaskSpec,
} from './generated/drover/v1/task_pb.ts';
import { ResourceKind as WireResourceKind, RuntimeKind as WireRuntimeKind } from './generated/drover/v1/task_pb.ts';

export const runtimeKinds = enumTable<RuntimeKind>({
  wasm: WireRuntimeKind.WASM,
  worker: WireRuntimeKind.WORKER,
  process: WireRuntimeKind.PROCESS,
  container: WireRuntimeKind.CONTAINER,
});

export const resourceKinds = enumTable<ResourceKind>({
  cpu: WireResourceKind.CPU,
  gpu: WireResourceKind.GPU,
  fpga: WireResourceKind.FPGA,
  asic: WireResourceKind.ASIC,
});

export function writeTaskSpec(spec: TaskSpec): MessageInitShape<typeof TaskSpecSchema> {
  return {
    name: spec.name,
    runtime: runtimeKinds.toWire[spec.runtime] as WireRuntimeKind,
    artefact: digestBytes(spec.artefact),
    artefactBytes: wide(spec.artefactBytes),
    periodUs: wide(spec.periodUs),
    wcetUs: wide(spec.wcetUs),
    deadlineUs: wide(spec.deadlineUs),
    priority: spec.priority,
    criticality: spec.criticality,
    hardDeadline: spec.hardDeadline,
    memoryBytesMax: wide(spec.memoryBytesMax),
    capabilities: [...spec.capabilities],
    affinity: writeAffinity(spec.affinity),
    ...(spec.reservation === undefined
      ? {}
      : { reservation: { cpuPpm: wide(spec.reservation.cpuPpm), memoryBytes: wide(spec.reservation.memoryBytes) } }),
    checkpoint: {
      intervalUs: wide(spec.checkpoint.intervalUs),
      chainMax: spec.checkpoint.chainMax,
      quorum: spec.checkpoint.quorum,
      standbys: spec.checkpoint.standbys,
    },
    inputs: {
      backlogMax: wide(spec.inputs.backlogMax),
      catchUpTicks: spec.inputs.catchUpTicks,
      from: spec.inputs.from ?? '',
    },
    fuelPerJob: wide(spec.fuelPerJob),
  };
}

export function readTaskSpec(wire: WireTaskSpec): TaskSpec {
  const { reservation } = wire;
  const checkpoint = required(wire.checkpoint, 'spec.checkpoint');
  const inputs = required(wire.inputs, 'spec.inputs');
  return {
    name: taskText(wire.name, 'spec.name'),
    runtime: runtimeKinds.word(wire.runtime, 'spec.runtime'),
    artefact: digestHex(wire.artefact, 'spec.artefact'),
    artefactBytes: safeInteger(wire.artefactBytes, 'spec.artefact_bytes'),
    periodUs: safeInteger(wire.periodUs, 'spec.period_us'),
    wcetUs: safeInteger(wire.wcetUs, 'spec.wcet_us'),
    deadlineUs: safeInteger(wire.deadlineUs, 'spec.deadline_us'),
    priority: wire.priority,
    criticality: integerWithin(wire.criticality, 'spec.criticality', { min: 0, max: 4 }),
    hardDeadline: wire.hardDeadline,
    memoryBytesMax: safeInteger(wire.memoryBytesMax, 'spec.memory_bytes_max'),
    capabilities: capabilityList(wire.capabilities, 'spec.capabilities'),
    affinity: wire.affinity === undefined ? NO_AFFINITY : readAffinity(wire.affinity),
    reservation:
      reservation === undefined
        ? undefined
        : {
            cpuPpm: safeInteger(reservation.cpuPpm, 'spec.reservation.cpu_ppm'),
            memoryBytes: safeInteger(reservation.memoryBytes, 'spec.reservation.memory_bytes'),
          },
    checkpoint: {
      intervalUs: safeInteger(checkpoint.intervalUs, 'spec.checkpoint.interval_us'),
      chainMax: checkpoint.chainMax,
      quorum: checkpoint.quorum,
      standbys: integerWithin(checkpoint.standbys, 'spec.checkpoint.standbys', { min: 0, max: STANDBYS_MAX }),
    },
    inputs: {
      backlogMax: safeInteger(inputs.backlogMax, 'spec.inputs.backlog_max'),
      catchUpTicks: inputs.catchUpTicks,
      ...(inputs.from === '' ? {} : { from: taskText(inputs.from, 'spec.inputs.from') }),
    },
    fuelPerJob: safeInteger(wire.fuelPerJob, 'spec.fuel_per_job'),
  };
}

const writeAffinity = (affinity: Affinity): MessageInitShape<typeof AffinitySchema> => ({
  requiredEcus: [...affinity.requiredEcus],
  preferredEcus: [...affinity.preferredEcus],
  requiredLabels: { ...affinity.requiredLabels },
  preferredLabels: { ...affinity.preferredLabels },
  resourceKind:
    affinity.resourceKind === undefined
      ? WireResourceKind.UNSPECIFIED
      : (resourceKinds.toWire[affinity.resourceKind] as WireResourceKind),
  together: [...affinity.together],
  apart: [...affinity.apart],
});

const readAffinity = (wire: WireAffinity): Affinity => ({
  requiredEcus: macList(wire.requiredEcus, 'spec.affinity.required_ecus'),
  preferredEcus: macList(wire.preferredEcus, 'spec.affinity.preferred_ecus'),
  requiredLabels: labelMap(wire.requiredLabels, 'spec.affinity.required_labels'),
  preferredLabels: labelMap(wire.preferredLabels, 'spec.affinity.preferred_labels'),
  resourceKind:
    wire.resourceKind === WireResourceKind.UNSPECIFIED
      ? undefined
      : resourceKinds.word(wire.resourceKind, 'spec.affinity.resource_kind'),
  together: taskList(wire.together, 'spec.affinity.together'),
  apart: taskList(wire.apart, 'spec.affinity.apart'),
});
