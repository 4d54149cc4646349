/**
 * Golden vectors: what each message looked like on the wire when it was first released. Old bytes must stay readable and
 * mean the same, whatever is added. `UPDATE_GOLDEN=1` rewrites the files; a reviewer then reads the difference and asks
 * whether old readers and old bytes survive it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord } from '../../src/domain/protocol/codec-record.ts';
import type { Envelope } from '../../src/domain/protocol/messages.ts';
import { GOLDEN_BODIES, GOLDEN_RECORD } from '../support/golden-messages.ts';
import { WIRE_CODECS } from '../support/wire-codecs.ts';

const FOLDER = fileURLToPath(new URL('./protocol/', import.meta.url));
const UPDATE = process.env['UPDATE_GOLDEN'] === '1';

/** Lines of 32 bytes; `#` begins a comment. */
function golden(name: string, bytes: Uint8Array): Uint8Array {
  const path = `${FOLDER}${name}.txt`;
  if (UPDATE) {
    mkdirSync(FOLDER, { recursive: true });
    const lines =
      Buffer.from(bytes)
        .toString('hex')
        .match(/.{1,64}/g) ?? [];
    writeFileSync(path, `# ${name}: ${bytes.length} bytes\n${lines.join('\n')}\n`);
  }
  expect(existsSync(path), `${name}.txt is missing: run with UPDATE_GOLDEN=1 and read what it wrote`).toBe(true);
  return Buffer.from(readFileSync(path, 'utf8').replaceAll(/#.*$|\s/gm, ''), 'hex');
}

const envelopeOf = (body: unknown): Envelope<unknown> => ({
  id: 'm-000001',
  sender: 'manager.m1',
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  sentAtUs: 1_763_683_200_123_456,
  body,
});

describe('golden vectors', () => {
  for (const { name, encode, decode } of WIRE_CODECS) {
    const bodies = GOLDEN_BODIES[name] ?? [];
    it(`has at least one for ${name}`, () => expect(bodies.length).toBeGreaterThan(0));
    bodies.forEach((body, index) => {
      it(`${name} ${index + 1} is written and read as ever`, () => {
        const message = envelopeOf(body);
        const bytes = golden(`${name}-${index + 1}`, encode(message));
        expect(Buffer.from(encode(message)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
        expect(decode(new Uint8Array(bytes))).toEqual({ ok: true, value: message });
      });
    });
  }

  it('an actor record is written and read as ever', () => {
    const bytes = golden('actor-record-1', encodeRecord(GOLDEN_RECORD));
    expect(Buffer.from(encodeRecord(GOLDEN_RECORD)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
    expect(decodeRecord(new Uint8Array(bytes))).toEqual({ ok: true, value: GOLDEN_RECORD });
  });

  it('has no file that nothing reads', () => {
    const names = WIRE_CODECS.flatMap(({ name }) => (GOLDEN_BODIES[name] ?? []).map((_, index) => `${name}-${index + 1}.txt`));
    expect(readdirSync(FOLDER).sort()).toEqual([...names, 'actor-record-1.txt'].sort());
  });
});
