import { describe, expect, it } from 'vitest';
import { decodeCheckpointNotice, encodeCheckpointNotice } from '../../../src/domain/protocol/codec-checkpoint.ts';
import { decodedOnce, rememberDecoded, rememberSent } from '../../../src/domain/protocol/decoded-once.ts';

const notice = (sequence: number) =>
  ({
    id: `bridge.02aa00000001~1.${sequence}`,
    sender: 'bridge.02aa00000001',
    trace: '',
    sentAtUs: 7,
    body: { kind: 'freed', task: 'task-1', mac: '02aa00000001', programId: 1, epoch: 2, sequence },
  }) as const;

const count = (bytes: Uint8Array) => ({ ok: true, length: bytes.length });

describe('what is in bytes', () => {
  it('is read anew by every reader where nobody asked for anything else', () => {
    const bytes = encodeCheckpointNotice(notice(1));
    expect(decodeCheckpointNotice(bytes)).not.toBe(decodeCheckpointNotice(bytes));
  });

  it('is read once where readers are handed one array, and anew from a copy', () => {
    rememberDecoded();
    const bytes = Uint8Array.of(1, 2, 3);
    const read = decodedOnce(count, bytes);
    expect(decodedOnce(count, bytes)).toBe(read);
    expect(decodedOnce(count, bytes.slice())).not.toBe(read);
    expect(decodedOnce(({ length }) => length, bytes)).toBe(3);
  });

  it('is what was sent, held against the bytes in every message where that is asked for', () => {
    rememberDecoded(1);
    for (let sequence = 1; sequence < 5; sequence++) {
      const sent = notice(sequence);
      expect(decodeCheckpointNotice(encodeCheckpointNotice(sent))).toEqual({ ok: true, value: sent });
    }
    const bytes = Uint8Array.of(1, 2, 3);
    rememberSent(count, bytes, { ok: true, length: 4 });
    expect(() => decodedOnce(count, bytes)).toThrow('what was sent is what is read');
    rememberSent(count, bytes, JSON.parse('{"length":3,"ok":true}'));
    expect(() => decodedOnce(count, bytes)).toThrow('what was sent is what is read');
  });

  it('is held against the bytes now and then where nothing is asked for', () => {
    rememberDecoded();
    let seen = 0;
    for (let message = 0; message < 100; message++) {
      const bytes = Uint8Array.of(message);
      rememberSent(count, bytes, { ok: true, length: 2 });
      try {
        decodedOnce(count, bytes);
      } catch {
        seen++;
      }
    }
    expect(seen).toBeGreaterThan(1);
  });

  it('is forgotten after a few hundred messages', () => {
    rememberDecoded();
    const bytes = Uint8Array.of(1);
    const read = decodedOnce(count, bytes);
    for (let message = 0; message < 1_000; message++) decodedOnce(count, Uint8Array.of(message));
    expect(decodedOnce(count, bytes)).not.toBe(read);
  });
});
