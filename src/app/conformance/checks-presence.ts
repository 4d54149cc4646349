/** The bridge is there and says so; what it cannot read it refuses, and lives on. */
import { create, toBinary } from '@bufbuild/protobuf';
import { envelope } from '../../../actors/host.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import { encodeHeartbeat } from '../../domain/protocol/codec-heartbeat.ts';
import { EnvelopeSchema } from '../../domain/protocol/generated/drover/v1/envelope_pb.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { promised, same } from './promised.ts';

const HEARTBEATS = 5;

const query = (bench: Bench, trace = ''): Uint8Array =>
  encodeCommand(envelope(bench.host, { kind: 'query-load' } as const, trace));
const asBytes = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => Uint8Array.from(part))));

/** Refused outside of the protocol, and the next request is answered as ever. */
async function refusedAsRequest(bench: Bench, bytes: Uint8Array, code: string): Promise<void> {
  same(await bench.failureOf(ecuSubject.command(bench.mac), bytes), code, 'what came of the request');
  await bench.load();
}

export const PRESENCE_CHECKS: readonly Check[] = [
  {
    group: 'presence',
    name: 'inventory',
    promise: 'An ECU describes itself in the bucket `inventory` under its MAC, with a runtime for the program under test.',
    look: async ({ mac, parts }) => {
      const { description, program } = parts;
      same(description.mac, mac, 'the MAC of the description');
      promised(description.incarnation >= 1, 'an incarnation of at least 1', description.incarnation);
      promised(
        description.runtimes.includes(program.runtime),
        `the runtime ${program.runtime} among those offered`,
        description.runtimes,
      );
    },
  },
  {
    group: 'presence',
    name: 'heartbeats',
    promise: 'Heartbeats come with the incarnation of the inventory and a sequence that rises by one.',
    look: async (bench) => {
      const from = bench.heartbeats.length;
      await bench.eventually(
        `${HEARTBEATS} heartbeats`,
        () => (bench.heartbeats.length >= from + HEARTBEATS ? true : undefined),
        () => bench.heartbeats.length - from,
      );
      const seen = bench.heartbeats.slice(from);
      for (const [at, heartbeat] of seen.entries()) {
        same(heartbeat.mac, bench.mac, 'the MAC of a heartbeat');
        same(heartbeat.incarnation, bench.incarnation, 'the incarnation of a heartbeat');
        const before = seen[at - 1];
        if (before === undefined) continue;
        same(heartbeat.sequence, before.sequence + 1, 'the next sequence');
        promised(heartbeat.uptimeUs >= before.uptimeUs, 'an uptime that does not fall', [before.uptimeUs, heartbeat.uptimeUs]);
      }
    },
  },
  {
    group: 'presence',
    name: 'query-load',
    promise: 'query_load is always answered, with this MAC and incarnation.',
    look: async (bench) => {
      const load = await bench.load();
      same(load.mac, bench.mac, 'the MAC of the load');
      same(load.incarnation, bench.incarnation, 'the incarnation of the load');
      same(load.draining, false, 'draining');
    },
  },
  {
    group: 'wire',
    name: 'trace',
    promise: "An answer carries its request's trace.",
    look: async (bench) => {
      const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const answer = decodeAnswer(
        await bench.host.bus.request(ecuSubject.command(bench.mac), query(bench, trace), { timeoutUs: bench.parts.patienceUs }),
      );
      promised(answer.ok, 'an answer that decodes', answer);
      same(answer.value.trace, trace, 'the trace of the answer');
    },
  },
  {
    group: 'wire',
    name: 'unknown-fields',
    promise: 'Fields that a bridge does not know are skipped.',
    look: async (bench) => {
      // Field 2000, a varint; then field 2001, three bytes.
      const answer = await bench.answerTo(asBytes(query(bench), [0x80, 0x7d, 0x07], [0x8a, 0x7d, 0x03, 1, 2, 3]));
      same(answer.kind, 'load', 'the kind of answer');
    },
  },
  {
    group: 'wire',
    name: 'other-version',
    promise: 'A message of another version is refused with ERR_WIRE_VERSION.',
    look: async (bench) => {
      const bytes = Uint8Array.from(query(bench));
      promised(bytes[0] === 0x08, 'the version to come first', bytes[0]);
      bytes[1] = 99;
      await refusedAsRequest(bench, bytes, 'ERR_WIRE_VERSION');
    },
  },
  {
    group: 'wire',
    name: 'truncated',
    promise: 'A message that is cut short is refused with ERR_WIRE_MALFORMED.',
    look: async (bench) => {
      const bytes = query(bench);
      await refusedAsRequest(bench, bytes.slice(0, bytes.length - 1), 'ERR_WIRE_MALFORMED');
    },
  },
  {
    group: 'wire',
    name: 'noise',
    promise: 'Bytes that are no Protocol Buffers are refused with ERR_WIRE_MALFORMED.',
    look: (bench) => refusedAsRequest(bench, asBytes([0x08, 0x01], new Uint8Array(64).fill(0xff)), 'ERR_WIRE_MALFORMED'),
  },
  {
    group: 'wire',
    name: 'wrong-body',
    promise: 'A message that does not belong on its subject is refused with ERR_WIRE_MALFORMED.',
    look: (bench) => {
      const heartbeat = {
        kind: 'heartbeat',
        mac: bench.mac,
        incarnation: bench.incarnation,
        sequence: 1,
        uptimeUs: 0,
      } as const;
      return refusedAsRequest(bench, encodeHeartbeat(envelope(bench.host, heartbeat)), 'ERR_WIRE_MALFORMED');
    },
  },
  {
    group: 'wire',
    name: 'unknown-order',
    promise: 'A command with an order that a bridge does not know is refused with ERR_WIRE_MALFORMED.',
    look: (bench) => {
      const { id, sender } = envelope(bench.host, undefined);
      const body = {
        case: 'command',
        value: { header: { task: 'conformance', epoch: 1n, effectId: 'e', actor: 'placement/conformance', actorRevision: 1n } },
      } as const;
      return refusedAsRequest(
        bench,
        toBinary(EnvelopeSchema, create(EnvelopeSchema, { version: 1, id, sender, body })),
        'ERR_WIRE_MALFORMED',
      );
    },
  },
  {
    group: 'wire',
    name: 'pages-noise',
    promise: 'What does not decode on the subject for pages is refused with ERR_WIRE_MALFORMED.',
    look: async (bench) => {
      same(
        await bench.failureOf(ecuSubject.pages(bench.mac), new Uint8Array(16).fill(0xff)),
        'ERR_WIRE_MALFORMED',
        'what came of the request',
      );
    },
  },
];
