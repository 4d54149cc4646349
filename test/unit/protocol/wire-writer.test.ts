/** Messages cut from common pieces stay their owners'; a repeated text is written alike, in one loop or entry by entry. */
import { describe, expect, test } from 'vitest';
import { WireWriter } from '../../../src/domain/protocol/wire-writer.ts';

const TAG = 0x6a;

function written(write: (writer: WireWriter) => void): Uint8Array {
  const writer = new WireWriter();
  writer.start();
  write(writer);
  return writer.finish();
}

describe('the wire writer', () => {
  test('a message keeps its bytes whatever is written after it', () => {
    const writer = new WireWriter();
    const messages = Array.from({ length: 400 }, (_, n) => {
      writer.start();
      writer.text(TAG, `${n}`.repeat(1 + (n % 90)));
      // Every tenth is too large to share a piece.
      if (n % 10 === 0) writer.text(TAG, 'x'.repeat(5_000));
      return writer.finish();
    });
    for (const [n, message] of messages.entries()) {
      const alone = written((w) => {
        w.text(TAG, `${n}`.repeat(1 + (n % 90)));
        if (n % 10 === 0) w.text(TAG, 'x'.repeat(5_000));
      });
      expect(Buffer.from(message).toString('hex')).toBe(Buffer.from(alone).toString('hex'));
    }
  });

  test.each([
    ['short and plain', ['a', '', 'timer:x@1']],
    ['at and above the length of the short way', ['y'.repeat(42), 'y'.repeat(43), 'y'.repeat(127), 'y'.repeat(128)]],
    ['other characters', ['äöü', 'ß'.repeat(42), '中'.repeat(30), 'plain', '😀']],
    ['more than the first buffer holds', Array.from({ length: 3_000 }, (_, n) => `an id of some length ${n}`)],
  ])('entries: %s', (_, ids) => {
    const together = written((w) => w.entries(TAG, ids));
    const apart = written((w) => {
      for (const id of ids) w.entry(TAG, id);
    });
    expect(Buffer.from(together).toString('hex')).toBe(Buffer.from(apart).toString('hex'));
  });
});
