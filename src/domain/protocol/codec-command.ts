/** Commands to bridges and supervisors, and their answers (`command.proto`). */
import { unreachable } from '../kernel/assert.ts';
import { readCursor, readReference, writeCursor, writeReference } from './codec-checkpoint.ts';
import { readEcuLoad, readSleepState, writeEcuLoad, writeSleepState } from './codec-ecu.ts';
import { type BodyMessageInit, envelopeCodec } from './codec-envelope.ts';
import { readTaskSpec, writeTaskSpec } from './codec-task.ts';
import {
  actorText,
  enumTable,
  idText,
  macText,
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
  type DeployOrder as WireDeploy,
  type CommandHeader as WireHeader,
  CheckpointMode as WireMode,
  type PrepareOrder as WirePrepare,
  Wakefulness as WireWakefulness,
} from './generated/drover/v1/command_pb.ts';
import type { Answer, Command, CommandHeader, PowerAnswer, SupervisorAnswer, SupervisorCommand } from './messages.ts';

const modes = enumTable<'full' | 'delta'>({ full: WireMode.FULL, delta: WireMode.DELTA });

const wakefulness = enumTable<PowerAnswer['state']>({
  awake: WireWakefulness.AWAKE,
  asleep: WireWakefulness.ASLEEP,
  waking: WireWakefulness.WAKING,
});

export const { encode: encodeCommand, decode: decodeCommand } = envelopeCodec<'command', Command>(
  'command',
  (command): BodyMessageInit<'command'> => {
    if (command.kind === 'query-load') return { order: { case: 'queryLoad', value: {} } };
    if (command.kind === 'drain') return { order: { case: 'drain', value: { undo: command.undo } } };
    if (command.kind === 'power') {
      const { sleep } = command;
      return { order: { case: 'power', value: sleep === undefined ? {} : { sleep: writeSleepState(sleep) } } };
    }
    const header = writeHeader(command);
    switch (command.kind) {
      case 'deploy': {
        const checkpoint = command.checkpoint === undefined ? {} : { checkpoint: writeReference(command.checkpoint) };
        const trimmed = command.trimmed === undefined ? {} : { trimmed: writeCursor(command.trimmed) };
        const { spec, incarnation, source = '' } = command;
        const value = { spec: writeTaskSpec(spec), incarnation: wide(incarnation), ...checkpoint, ...trimmed, source };
        return { header, order: { case: 'deploy', value } };
      }
      case 'prepare': {
        const { spec, incarnation, source = '', sequence, standsStill = false, blackoutUs = 0, follow = false } = command;
        const value = {
          spec: writeTaskSpec(spec),
          incarnation: wide(incarnation),
          source,
          sequence: wide(sequence),
          standsStill,
          blackoutUs: wide(blackoutUs),
          follow,
        };
        return { header, order: { case: 'prepare', value } };
      }
      case 'pause':
        return { header, order: { case: 'pause', value: { save: command.save === true } } };
      case 'resume':
        return { header, order: { case: 'resume', value: {} } };
      case 'stop':
        return { header, order: { case: 'stop', value: { reason: command.reason } } };
      case 'checkpoint':
        return {
          header,
          order: { case: 'checkpoint', value: { mode: modes.toWire[command.mode] as WireMode, first: command.first === true } },
        };
      default:
        return unreachable(command);
    }
  },
  ({ header, order }) => {
    switch (order.case) {
      case 'deploy':
        return readDeploy(readHeader(header), order.value);
      case 'prepare':
        return readPrepare(readHeader(header), order.value);
      case 'pause':
        return { kind: 'pause', ...readHeader(header), ...(order.value.save ? { save: true } : {}) };
      case 'resume':
        return { kind: 'resume', ...readHeader(header) };
      case 'stop':
        return { kind: 'stop', ...readHeader(header), reason: sentenceText(order.value.reason, 'stop.reason') };
      case 'checkpoint':
        return {
          kind: 'checkpoint',
          ...readHeader(header),
          mode: modes.word(order.value.mode, 'checkpoint.mode'),
          ...(order.value.first ? { first: true } : {}),
        };
      case 'queryLoad':
        return { kind: 'query-load' };
      case 'drain':
        return { kind: 'drain', undo: order.value.undo };
      case 'power': {
        const { sleep } = order.value;
        return { kind: 'power', sleep: sleep === undefined ? undefined : readSleepState(sleep) };
      }
      case undefined:
        return refuse('command.order is missing, or one that this build does not know');
      default:
        return unreachable(order);
    }
  },
);

const writeHeader = (header: CommandHeader) => ({
  task: header.task,
  epoch: wide(header.epoch),
  effectId: header.effectId,
  actor: header.actor,
  actorRevision: wide(header.actorRevision),
});

function readHeader(header: WireHeader | undefined): CommandHeader {
  const wire = required(header, 'command.header');
  return {
    task: taskText(wire.task, 'header.task'),
    epoch: safeInteger(wire.epoch, 'header.epoch'),
    effectId: idText(wire.effectId, 'header.effect_id'),
    actor: actorText(wire.actor, 'header.actor'),
    actorRevision: safeInteger(wire.actorRevision, 'header.actor_revision'),
  };
}

function readDeploy(header: CommandHeader, wire: WireDeploy): Command {
  const spec = readTaskSpec(required(wire.spec, 'deploy.spec'));
  if (spec.name !== header.task) refuse(`deploy.spec is of ${spec.name}; it must be of the header's task, ${header.task}`);
  const checkpoint = wire.checkpoint === undefined ? undefined : readReference(wire.checkpoint);
  if (checkpoint !== undefined && checkpoint.task !== header.task) {
    refuse(`deploy.checkpoint is of ${checkpoint.task}; it must be of the header's task, ${header.task}`);
  }
  const incarnation = safeInteger(wire.incarnation, 'deploy.incarnation');
  const trimmed = wire.trimmed === undefined ? {} : { trimmed: readCursor(wire.trimmed, 'deploy.trimmed') };
  const source = wire.source === '' ? {} : { source: macText(wire.source, 'deploy.source') };
  return { kind: 'deploy', ...header, spec, incarnation, checkpoint, ...trimmed, ...source };
}

function readPrepare(header: CommandHeader, wire: WirePrepare): Command {
  const spec = readTaskSpec(required(wire.spec, 'prepare.spec'));
  if (spec.name !== header.task) refuse(`prepare.spec is of ${spec.name}; it must be of the header's task, ${header.task}`);
  const incarnation = safeInteger(wire.incarnation, 'prepare.incarnation');
  const source = wire.source === '' ? undefined : macText(wire.source, 'prepare.source');
  const sequence = safeInteger(wire.sequence, 'prepare.sequence');
  const blackoutUs = safeInteger(wire.blackoutUs, 'prepare.blackout_us');
  return {
    kind: 'prepare',
    ...header,
    spec,
    incarnation,
    source,
    sequence,
    ...(wire.standsStill ? { standsStill: true } : {}),
    ...(wire.follow ? { follow: true } : {}),
    ...(blackoutUs === 0 ? {} : { blackoutUs }),
  };
}

export const { encode: encodeAnswer, decode: decodeAnswer } = envelopeCodec<'answer', Answer>(
  'answer',
  (answer) => {
    switch (answer.kind) {
      case 'running':
        return {
          answer: {
            case: 'running',
            value: {
              ...writeSubject(answer),
              incarnation: wide(answer.incarnation),
              nonce: answer.nonce,
              programId: answer.programId,
              ...(answer.core === undefined ? {} : { core: answer.core }),
            },
          },
        };
      case 'stopped':
        return { answer: { case: 'stopped', value: writeSubject(answer) } };
      case 'paused':
        return {
          answer: {
            case: 'paused',
            value: { ...writeSubject(answer), ...(answer.state === undefined ? {} : { state: writeReference(answer.state) }) },
          },
        };
      case 'resumed':
        return { answer: { case: 'resumed', value: writeSubject(answer) } };
      case 'checkpointed':
        return {
          answer: {
            case: 'checkpointed',
            value: {
              ...writeSubject(answer),
              sequence: wide(answer.sequence),
              durableSequence: wide(answer.durableSequence ?? 0),
            },
          },
        };
      case 'prepared':
        return {
          answer: {
            case: 'prepared',
            value: {
              ...writeSubject(answer),
              sequence: wide(answer.sequence),
              bytes: wide(answer.bytes),
              stateBytes: wide(answer.stateBytes),
              tookUs: wide(answer.tookUs),
              ...(answer.state === undefined ? {} : { state: writeReference(answer.state) }),
            },
          },
        };
      case 'power': {
        const { state, readyInUs, reason } = answer;
        const value = { state: wakefulness.toWire[state] as WireWakefulness, readyInUs: wide(readyInUs), reason };
        return { answer: { case: 'power', value } };
      }
      case 'load':
        return { answer: { case: 'load', value: writeEcuLoad(answer.load) } };
      case 'refused':
        return {
          answer: {
            case: 'refused',
            value: { ...writeSubject(answer), refusal: { code: answer.code, sentence: answer.sentence } },
          },
        };
      default:
        return unreachable(answer);
    }
  },
  ({ answer }) => {
    switch (answer.case) {
      case 'running':
        return {
          kind: 'running',
          ...readSubject(answer.value),
          incarnation: safeInteger(answer.value.incarnation, 'running.incarnation'),
          nonce: nonceText(answer.value.nonce, 'running.nonce'),
          programId: answer.value.programId,
          ...(answer.value.core === undefined ? {} : { core: answer.value.core }),
        };
      case 'stopped':
        return { kind: 'stopped', ...readSubject(answer.value) };
      case 'paused':
        return {
          kind: 'paused',
          ...readSubject(answer.value),
          ...(answer.value.state === undefined ? {} : { state: readReference(answer.value.state) }),
        };
      case 'resumed':
        return { kind: 'resumed', ...readSubject(answer.value) };
      case 'checkpointed': {
        const sequence = safeInteger(answer.value.sequence, 'checkpointed.sequence');
        const durableSequence = safeInteger(answer.value.durableSequence, 'checkpointed.durable_sequence');
        return {
          kind: 'checkpointed',
          ...readSubject(answer.value),
          sequence,
          ...(durableSequence === 0 ? {} : { durableSequence }),
        };
      }
      case 'prepared':
        return {
          kind: 'prepared',
          ...readSubject(answer.value),
          sequence: safeInteger(answer.value.sequence, 'prepared.sequence'),
          bytes: safeInteger(answer.value.bytes, 'prepared.bytes'),
          stateBytes: safeInteger(answer.value.stateBytes, 'prepared.state_bytes'),
          tookUs: safeInteger(answer.value.tookUs, 'prepared.took_us'),
          ...(answer.value.state === undefined ? {} : { state: readReference(answer.value.state) }),
        };
      case 'power':
        return {
          kind: 'power',
          state: wakefulness.word(answer.value.state, 'power.state'),
          readyInUs: safeInteger(answer.value.readyInUs, 'power.ready_in_us'),
          reason: sentenceText(answer.value.reason, 'power.reason'),
        };
      case 'load':
        return { kind: 'load', load: readEcuLoad(answer.value) };
      case 'refused': {
        const wire = required(answer.value.refusal, 'refused.refusal');
        return { kind: 'refused', ...readSubject(answer.value), ...refusal(wire.code, wire.sentence, 'refused.refusal.code') };
      }
      case undefined:
        return refuse('answer.answer is missing, or one that this build does not know');
      default:
        return unreachable(answer);
    }
  },
);

const writeSubject = (subject: { readonly task: string; readonly epoch: number }) => ({
  task: subject.task,
  epoch: wide(subject.epoch),
});

const readSubject = (wire: { readonly task: string; readonly epoch: bigint }) => ({
  task: taskText(wire.task, 'answer.task'),
  epoch: safeInteger(wire.epoch, 'answer.epoch'),
});

export const { encode: encodeSupervisorCommand, decode: decodeSupervisorCommand } = envelopeCodec<
  'supervisorCommand',
  SupervisorCommand
>(
  'supervisorCommand',
  () => ({ order: { case: 'queryBridge', value: {} } }),
  ({ order }) =>
    order.case === 'queryBridge'
      ? { kind: 'query-bridge' }
      : refuse('supervisor_command.order is missing, or one that this build does not know'),
);

export const { encode: encodeSupervisorAnswer, decode: decodeSupervisorAnswer } = envelopeCodec<
  'supervisorAnswer',
  SupervisorAnswer
>(
  'supervisorAnswer',
  (answer) => ({
    answer: {
      case: 'bridgeState',
      value: { mac: answer.mac, incarnation: wide(answer.incarnation), alive: answer.alive, restarting: answer.restarting },
    },
  }),
  ({ answer }) => {
    if (answer.case !== 'bridgeState')
      return refuse('supervisor_answer.answer is missing, or one that this build does not know');
    return {
      kind: 'bridge-state',
      mac: macText(answer.value.mac, 'bridge_state.mac'),
      incarnation: safeInteger(answer.value.incarnation, 'bridge_state.incarnation'),
      alive: answer.value.alive,
      restarting: answer.value.restarting,
    };
  },
);
