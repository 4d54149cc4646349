/** What a decoder refuses, and that its sentence names the field and the range. Forged with the generated code. */
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { decodeCheckpointNotice, decodePageAnswer, decodePageRequest } from '../../../src/domain/protocol/codec-checkpoint.ts';
import { decodeAnswer, decodeCommand, encodeCommand } from '../../../src/domain/protocol/codec-command.ts';
import {
  decodeEcuDescription,
  decodeGoodbye,
  encodeEcuDescription,
  encodeGoodbye,
} from '../../../src/domain/protocol/codec-ecu.ts';
import { decodeHeartbeat } from '../../../src/domain/protocol/codec-heartbeat.ts';
import { decodeManagerAnswer } from '../../../src/domain/protocol/codec-manager.ts';
import { EnvelopeSchema } from '../../../src/domain/protocol/generated/drover/v1/envelope_pb.ts';
import { PAGES_PER_REQUEST_MAX } from '../../../src/domain/protocol/limits.ts';
import type { Command, Envelope } from '../../../src/domain/protocol/messages.ts';
import { GOLDEN_BODIES } from '../../support/golden-messages.ts';

type Body = NonNullable<MessageInitShape<typeof EnvelopeSchema>['body']>;
const forged = (
  body: Body,
  over: { readonly id?: string; readonly sender?: string; readonly trace?: string; readonly sentAtUs?: bigint } = {},
): Uint8Array =>
  toBinary(EnvelopeSchema, create(EnvelopeSchema, { version: 1, id: 'm1', sender: 'manager.m1', sentAtUs: 1n, ...over, body }));
const sentence = (result: { readonly ok: boolean; readonly error?: { readonly sentence: string } }): string =>
  result.ok ? 'accepted' : (result.error?.sentence ?? '');
const beat = { case: 'heartbeat' as const, value: { mac: '02aa00000001', incarnation: 1n, sequence: 1n, uptimeUs: 1n } };
const key = { task: 'a', mac: '02aa00000001', programId: 1, epoch: 1n, sequence: 2n };
const digest = new Uint8Array(32);
const manifest = {
  ...key,
  nonce: 'n',
  pageCount: 2,
  pageIndexes: [0, 1],
  pageDigests: new Uint8Array(64),
  stateDigest: digest,
  artefact: digest,
  input: {},
};
const announced = (over: object) =>
  decodeCheckpointNotice(
    forged({
      case: 'checkpointNotice',
      value: { notice: { case: 'announced', value: { manifest: { ...manifest, ...over } } } },
    }),
  );

describe('a refused field', () => {
  it('of the envelope is named', () => {
    expect(sentence(decodeHeartbeat(forged(beat, { id: '' })))).toBe(
      'envelope.id is ""; it must be 1 to 256 printable ASCII characters without spaces',
    );
    expect(sentence(decodeHeartbeat(forged(beat, { sender: 'a b' })))).toContain('envelope.sender is "a b"; it must be');
    expect(sentence(decodeHeartbeat(forged(beat, { sentAtUs: 2n ** 53n })))).toBe(
      'envelope.sent_at_us is 9007199254740992; it must be 0 to 9007199254740991',
    );
    expect(sentence(decodeHeartbeat(Uint8Array.of(0x12, 1, 0x61)))).toBe(
      'the envelope has version 0 (or none); this build reads version 1',
    );
    expect(sentence(decodeHeartbeat(Uint8Array.of(8, 1)))).toBe(
      'the envelope carries nothing this build knows where heartbeat belongs',
    );
  });

  it('is not made of a malformed traceparent, which is read as none', () => {
    expect(decodeHeartbeat(forged(beat, { trace: '00-zz' }))).toMatchObject({ ok: true, value: { trace: '' } });
  });

  it('of a heartbeat is named, with 64 bits shown whole', () => {
    const wide = { ...beat, value: { ...beat.value, uptimeUs: 2n ** 64n - 1n } };
    expect(sentence(decodeHeartbeat(forged(wide)))).toBe(
      'heartbeat.uptime_us is 18446744073709551615; it must be 0 to 9007199254740991',
    );
    const odd = { ...beat, value: { ...beat.value, mac: '02:AA' } };
    expect(sentence(decodeHeartbeat(forged(odd)))).toBe('heartbeat.mac is "02:AA"; it must be 12 lower-case hex digits');
  });

  it('of a manifest is named', () => {
    expect(sentence(announced({}))).toBe('accepted');
    expect(sentence(announced({ pageIndexes: [1, 0] }))).toBe(
      'manifest.page_indexes has 0 after 1; indexes must ascend and be below 2',
    );
    expect(sentence(announced({ pageIndexes: [0, 2] }))).toContain('manifest.page_indexes has 2 after 0');
    expect(sentence(announced({ pageIndexes: [0], pageDigests: digest }))).toContain(
      'a full checkpoint of 2 pages must carry every page',
    );
    expect(sentence(announced({ pageDigests: digest }))).toContain(
      'manifest.page_digests has 32 bytes; it must have 32 for each of 2 pages',
    );
    expect(sentence(announced({ baseSequence: 2n }))).toBe('manifest.base_sequence is 2; it must be below the sequence, 2');
    expect(sentence(announced({ stateDigest: new Uint8Array(31) }))).toBe(
      'manifest.state_digest has 31 bytes; it must have 32',
    );
    expect(sentence(announced({ pageCount: 2 ** 20 + 1 }))).toBe('manifest.page_count is 1048577; it must be 0 to 1048576');
    expect(sentence(announced({ globals: new Uint8Array(2 ** 20 + 1) }))).toContain(
      'manifest.globals has 1048577 bytes; it may have 1048576',
    );
    expect(sentence(announced({ task: 'Not-A-Task' }))).toContain('checkpoint.task is "Not-A-Task"');
  });

  it('of a request for pages is named', () => {
    const request = (positions: number[]) =>
      decodePageRequest(forged({ case: 'pageRequest', value: { task: 'a', epoch: 1n, sequence: 1n, positions } }));
    expect(sentence(request([]))).toBe('the length of page_request.positions is 0; it must be 1 to 1024');
    expect(sentence(request(new Array<number>(PAGES_PER_REQUEST_MAX + 1).fill(0)))).toContain('is 1025');
    const answer = decodePageAnswer(
      forged({ case: 'pageAnswer', value: { answer: { case: 'pages', value: { pages: new Uint8Array(4095) } } } }),
    );
    expect(sentence(answer)).toBe('pages has 4095 bytes; it must be a multiple of 4096');
  });

  it('of a command is named', () => {
    const header = { task: 'a', epoch: 1n, effectId: 'e', actor: 'placement/a', actorRevision: 1n };
    const command = (value: Extract<Body, { case: 'command' }>['value']) =>
      sentence(decodeCommand(forged({ case: 'command', value })));
    expect(command({ header, order: { case: 'pause', value: {} } })).toBe('accepted');
    expect(command({ order: { case: 'pause', value: {} } })).toBe('command.header is missing');
    expect(command({ header })).toBe('command.order is missing, or one that this build does not know');
    expect(command({ header: { ...header, actor: 'placement' }, order: { case: 'pause', value: {} } })).toContain(
      'header.actor is "placement"; it must be kind/id',
    );
    expect(command({ header, order: { case: 'checkpoint', value: {} } })).toBe(
      'checkpoint.mode is not given; it must be one of 1 (full), 2 (delta)',
    );
    expect(command({ header, order: { case: 'checkpoint', value: { mode: 9 as never } } })).toBe(
      'checkpoint.mode is 9; it must be one of 1 (full), 2 (delta)',
    );
    expect(command({ header, order: { case: 'deploy', value: {} } })).toBe('deploy.spec is missing');
  });

  it('of a deployment is one of another task', () => {
    const [deploy] = GOLDEN_BODIES['command'] as readonly Command[];
    if (deploy?.kind !== 'deploy') throw new Error('the first golden command is a deployment');
    const envelope: Envelope<Command> = {
      id: 'm1',
      sender: 'manager.m1',
      trace: '',
      sentAtUs: 0,
      body: { ...deploy, task: 'other' },
    };
    expect(sentence(decodeCommand(encodeCommand(envelope)))).toBe(
      "deploy.spec is of kalman-front; it must be of the header's task, other",
    );
  });

  it('of a fleet is named', () => {
    const fleet = (fleetJson: string) =>
      sentence(
        decodeManagerAnswer(forged({ case: 'managerAnswer', value: { answer: { case: 'fleet', value: { fleetJson } } } })),
      );
    expect(fleet('{')).toBe('fleet.fleet_json is no JSON');
    expect(fleet('[]')).toContain('must be a list of objects');
    expect(fleet('{"ecus":[],"tasks":[],"managers":[],"counters":{}}')).toBe('fleet.fleet_json.manager must be a text');
  });
});

describe('what a newer peer says', () => {
  it('is kept when it is a code that this build does not know', () => {
    const answer = forged({
      case: 'answer',
      value: {
        answer: {
          case: 'refused',
          value: { task: 'a', epoch: 1n, refusal: { code: 'ERR_FROM_THE_FUTURE', sentence: 'so it is' } },
        },
      },
    });
    expect(decodeAnswer(answer)).toMatchObject({
      ok: true,
      value: { body: { code: 'ERR_WIRE_CODE', sentence: 'ERR_FROM_THE_FUTURE: so it is' } },
    });
  });

  it('is passed over when it is a runtime that this build does not know', () => {
    const bytes = forged({
      case: 'ecuDescription',
      value: {
        mac: '02aa00000001',
        name: 'n',
        ecuClass: 'c',
        resourceKind: 1,
        cores: 1,
        runtimes: [1, 77 as never],
        bridge: { bootId: 'b' },
        heartbeatIntervalUs: 1n,
      },
    });
    expect(decodeEcuDescription(bytes)).toMatchObject({ ok: true, value: { body: { runtimes: ['wasm'] } } });
  });
});

describe('a message on its way out', () => {
  it('is a bug when a number has no place on the wire', () => {
    const goodbye = (incarnation: number) => () =>
      encodeGoodbye({
        id: 'm1',
        sender: 'a',
        trace: '',
        sentAtUs: 0,
        body: { kind: 'goodbye', mac: '02aa00000001', incarnation, reason: '' },
      });
    expect(goodbye(-1)).toThrow('an integer of 0 to 2^53 - 1 goes on the wire, not -1');
    expect(goodbye(0.5)).toThrow('not 0.5');
    expect(sentence(decodeGoodbye(goodbye(1)()))).toBe('accepted');
  });

  it('is refused when it is too long', () => {
    const [body] = GOLDEN_BODIES['ecu-description'] ?? [];
    const envelope = {
      id: 'm1',
      sender: 'a',
      trace: '',
      sentAtUs: 0,
      body: { ...(body as Parameters<typeof encodeEcuDescription>[0]['body']), version: 'v'.repeat(8 * 1024 * 1024) },
    };
    expect(() => encodeEcuDescription(envelope)).toThrow(expect.objectContaining({ code: 'ERR_WIRE_OVERSIZED' }));
  });
});
