/** The local path over real sockets: both ways round, in pieces, with nobody there, and with somebody there who should not be believed. */
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../../infra/log/counters.ts';
import { FAILED, FrameReader, frameHead } from '../../../infra/system/local-frames.ts';
import { SocketLocalPath } from '../../../infra/system/local-path.ts';
import { collectingLog } from '../../support/collecting.ts';

const SUBJECT = 'ecu.02aa00000001.pages';
const PATIENT = { timeoutUs: 10_000_000 };

let folder = '';
const open: SocketLocalPath[] = [];
const servers: Server[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-local-'));
});

afterEach(async () => {
  for (const path of open.splice(0)) path.close();
  for (const server of servers.splice(0)) server.close();
  await rm(folder, { recursive: true, force: true });
});

function pathIn(at = join(folder, 'local')) {
  const counters = createCounters();
  const path = new SocketLocalPath({ folder: at, log: collectingLog(), counters });
  open.push(path);
  return { path, counters };
}

const reversed = async (payload: Uint8Array): Promise<Uint8Array> => payload.slice().reverse();

describe('the local path', () => {
  it('answers requests of any size, many at a time', async () => {
    const { path: server } = pathIn();
    const { path: client } = pathIn();
    await server.serve(SUBJECT, reversed);
    const questions = [0, 1, 500, 65_536, 3_000_000].map((length) =>
      Uint8Array.from({ length }, (_, at) => (at * 7 + length) & 0xff),
    );
    const answers = await Promise.all(questions.map((question) => client.request(SUBJECT, question, PATIENT)));
    for (const [at, question] of questions.entries())
      expect(Buffer.compare(answers[at] as Uint8Array, await reversed(question))).toBe(0);
  });

  it('may answer in another order than it was asked', async () => {
    const { path: server } = pathIn();
    const { path: client } = pathIn();
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await server.serve(SUBJECT, async (payload) => {
      if (payload[0] === 1) await held;
      return payload;
    });
    const first = client.request(SUBJECT, Uint8Array.of(1), PATIENT);
    expect(await client.request(SUBJECT, Uint8Array.of(2), PATIENT)).toEqual(Buffer.of(2));
    release();
    expect(await first).toEqual(Buffer.of(1));
  });

  it('answers undefined where nobody serves, where the handler fails, and where no answer comes in time', async () => {
    const { path: server } = pathIn();
    const { path: client } = pathIn();
    expect(await client.request('ecu.nobody.pages', Uint8Array.of(1), PATIENT)).toBeUndefined();
    await server.serve('fails', () => Promise.reject(new Error('no')));
    expect(await client.request('fails', Uint8Array.of(1), PATIENT)).toBeUndefined();
    await server.serve('hangs', () => new Promise(() => {}));
    expect(await client.request('hangs', Uint8Array.of(1), { timeoutUs: 20_000 })).toBeUndefined();
  });

  it('goes on with the next start of whoever served', async () => {
    const { path: client } = pathIn();
    const { path: first } = pathIn();
    await first.serve(SUBJECT, async () => Uint8Array.of(1));
    expect(await client.request(SUBJECT, Uint8Array.of(0), PATIENT)).toEqual(Buffer.of(1));
    first.close();
    // What a killed process leaves behind.
    writeFileSync(join(folder, 'local', SUBJECT), '');
    const { path: second } = pathIn();
    await second.serve(SUBJECT, async () => Uint8Array.of(2));
    await expect.poll(() => client.request(SUBJECT, Uint8Array.of(0), PATIENT), { timeout: 20_000 }).toEqual(Buffer.of(2));
  });

  it('is closed to other users, and not used where they can get in', async () => {
    const { path: server } = pathIn();
    await server.serve(SUBJECT, reversed);
    expect(statSync(join(folder, 'local')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'local', SUBJECT)).mode & 0o777).toBe(0o600);
    chmodSync(join(folder, 'local'), 0o755);
    const { path: client, counters } = pathIn();
    expect(counters.read()).toEqual({ 'localPath.unusable': 1 });
    expect(await client.request(SUBJECT, Uint8Array.of(1), PATIENT)).toBeUndefined();
  });

  it('serves in a folder whose path is longer than an address', async () => {
    const deep = join(folder, 'x'.repeat(120));
    mkdirSync(deep);
    const { path: server } = pathIn(join(deep, 'local'));
    const { path: client } = pathIn(join(deep, 'local'));
    await server.serve(SUBJECT, reversed);
    expect(await client.request(SUBJECT, Uint8Array.of(1, 2), PATIENT)).toEqual(Buffer.of(2, 1));
  });

  it('closes a connection on which something else than frames comes', async () => {
    const { path: server } = pathIn();
    await server.serve(SUBJECT, reversed);
    const stranger = connect(join(folder, 'local', SUBJECT));
    const closed = new Promise<void>((resolve) => stranger.on('close', () => resolve()));
    stranger.on('error', () => {});
    stranger.write('GET / HTTP/1.1\r\n\r\n');
    await closed;
    const liar = createServer((socket) => socket.write('not at all what was asked for'));
    servers.push(liar);
    await new Promise<void>((resolve) => liar.listen(join(folder, 'local', 'liar'), resolve));
    const { path: client } = pathIn();
    expect(await client.request('liar', Uint8Array.of(1), PATIENT)).toBeUndefined();
  });

  it('cuts a stream into the same frames, however it comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: FAILED - 1 }), fc.uint8Array({ maxLength: 40 })), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (frames, cuts) => {
          const bytes = Buffer.concat(frames.flatMap(([number, payload]) => [frameHead(number, payload.length), payload]));
          const found: [number, number[]][] = [];
          const reader = new FrameReader((number, payload) => found.push([number, [...payload]]));
          for (let at = 0, cut = 0; at < bytes.length; cut++) {
            const next = at + (cuts[cut % cuts.length] as number);
            expect(reader.push(bytes.subarray(at, next))).toBe(true);
            at = next;
          }
          expect(found).toEqual(frames.map(([number, payload]) => [number, [...payload]]));
        },
      ),
    );
  });
});
