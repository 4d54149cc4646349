/** F1–F3 of `state-format.ts`, for the formats of drover's: what is written is read, the same bytes each time, and no bytes do harm. */
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrowFormat } from '../../infra/runtime/worker/format-arrow.ts';
import type { StateFormat } from '../../src/domain/checkpoint/state-format.ts';
import { decodeStateHeader, encodeStateHeader, valueFormat } from '../../src/domain/protocol/codec-state.ts';
import { digest } from '../support/arbitraries.ts';

const text = (): fc.Arbitrary<string> => fc.string({ unit: 'grapheme', maxLength: 12 });
const numbers = () =>
  fc.oneof(
    fc.int8Array(),
    fc.uint8Array(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  );

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, undefined, true, false, -0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    text(),
    numbers(),
    fc.uint8ClampedArray(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.oneof(text(), fc.constantFrom('__proto__', 'constructor', '7')), tie('value'), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
}));

/** Columns of one length, of any type. */
const table = () =>
  fc.integer({ min: 0, max: 40 }).chain((rows) => {
    const size = { minLength: rows, maxLength: rows };
    const column = fc.oneof(
      fc.int8Array(size),
      fc.uint8Array(size),
      fc.int16Array(size),
      fc.uint16Array(size),
      fc.int32Array(size),
      fc.uint32Array(size),
      fc.float32Array(size),
      fc.float64Array(size),
      fc.bigInt64Array(size),
      fc.bigUint64Array(size),
      fc.array(text(), size),
    );
    const name = fc.oneof(
      text().filter((each) => each.length > 0),
      fc.constantFrom('time', '__proto__'),
    );
    return fc.record(
      { columns: fc.dictionary(name, column, { maxKeys: 5, noNullPrototype: true }), values: value },
      { noNullPrototype: true },
    );
  });

function expectRoundTrip(format: StateFormat, state: unknown): void {
  const written = format.write(state);
  if (!written.ok) throw new Error(written.error.sentence);
  const read = format.read(written.value.bytes);
  if (!read.ok) throw new Error(read.error.sentence);
  // The prototypes too, −0 and NaN, and no word of a field that is called `constructor`.
  if (!isDeepStrictEqual(read.value.value, state)) expect(read.value.value).toStrictEqual(state);
  expect(read.value.schema).toBe(written.value.schema);
  const again = format.write(read.value.value);
  expect(again.ok && Buffer.compare(again.value.bytes, written.value.bytes)).toBe(0);
}

/** Cut, changed or made up: an answer or a reason, whatever it is. */
function expectHarmless(format: StateFormat, bytes: Uint8Array): void {
  const read = format.read(bytes);
  if (!read.ok) expect(read.error.sentence.length).toBeGreaterThan(0);
}

describe.each([
  { format: valueFormat, state: value },
  { format: arrowFormat, state: table() },
])('the format $format.name', ({ format, state }) => {
  it('gives back what was written, and writes the same bytes each time', () => {
    fc.assert(
      fc.property(state, (given) => expectRoundTrip(format, given)),
      { numRuns: 300 },
    );
  });
});

describe('the format value', () => {
  it('reads damaged bytes as something or says why not, and throws nothing', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.nat({ max: 255 }), (given, at, byte) => {
        const written = valueFormat.write(given);
        if (!written.ok) throw new Error(written.error.sentence);
        const { bytes } = written.value;
        if (bytes.length === 0) return;
        expectHarmless(valueFormat, bytes.slice(0, at % bytes.length));
        const changed = bytes.slice();
        changed[at % bytes.length] = byte;
        expectHarmless(valueFormat, changed);
      }),
      { numRuns: 200 },
    );
  });

  class Point {}
  const itself: unknown[] = [];
  itself.push(itself);
  it.each([
    ['a function', { f: () => 0 }, 'state.f is a function'],
    ['a date', [new Date(0)], 'state[0] is an instance of Date'],
    ['a map', new Map(), 'state is an instance of Map'],
    ['an instance of a class', { p: new Point() }, 'state.p is an instance of Point'],
    ['half a pair', 'x\ud800', 'state has half of a surrogate pair'],
    ['a list with holes', { l: new Array(2) }, 'state.l is a list with holes'],
    ['a list that holds itself', itself, 'more than 100 levels deep'],
  ])('refuses %s, with the path to it', (_, given, sentence) => {
    expect(valueFormat.write(given)).toMatchObject({ ok: false, error: { sentence: expect.stringContaining(sentence) } });
  });
});

describe('the format arrow', () => {
  it.each([
    ['no table', { rows: [] }, 'a table is {'],
    ['columns of two lengths', { columns: { a: new Int8Array(2), b: ['x'] } }, 'column b has 1 rows, a has 2'],
    ['a list that is no text', { columns: { a: [1] } }, 'column a has in row 0 no text'],
    ['clamped numbers', { columns: { a: new Uint8ClampedArray(1) } }, 'column a is a Uint8ClampedArray'],
    ['values that are none', { columns: {}, values: new Date(0) }, 'values: state is an instance of Date'],
  ])('refuses %s', (_, given, sentence) => {
    expect(arrowFormat.write(given)).toMatchObject({ ok: false, error: { sentence: expect.stringContaining(sentence) } });
  });

  // Bytes reach a format only after their digest was compared (restore-image.ts); the package is not made for forged ones.
  it.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('no table at all')],
  ])('says of %s that it is no table', (_, bytes) => {
    expect(arrowFormat.read(bytes)).toMatchObject({ ok: false });
  });

  it('keeps a column in place: one row that changes changes one page', () => {
    const column = Float64Array.from({ length: 100_000 }, (_, row) => row);
    const before = arrowFormat.write({ columns: { column }, values: { head: 7 } });
    column[50_000] = -1;
    const after = arrowFormat.write({ columns: { column }, values: { head: 8 } });
    if (!before.ok || !after.ok) throw new Error('both are tables');
    const [a, b] = [before.value.bytes, after.value.bytes];
    expect(b.length).toBe(a.length);
    const pages = new Set<number>();
    for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) pages.add(at >> 12);
    expect(pages.size).toBe(2);
  });
});

describe('the header of a state', () => {
  const header = () =>
    fc.record({
      format: fc.constantFrom('value', 'arrow', 'my/format.2'),
      formatVersion: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      taskVersion: fc.nat({ max: 2 ** 31 - 1 }),
      schema: fc.option(digest(), { nil: undefined }),
      length: fc.maxSafeNat(),
    });

  it('comes back as it was; damaged it is refused by name or is another header', () => {
    fc.assert(
      fc.property(header(), fc.nat(), fc.nat({ max: 255 }), (given, at, byte) => {
        const bytes = encodeStateHeader(given);
        expect(decodeStateHeader(bytes)).toEqual({ ok: true, value: given });
        bytes[at % bytes.length] = byte;
        const damaged = decodeStateHeader(bytes);
        if (!damaged.ok) expect(damaged.error.code).toBe('ERR_WIRE_MALFORMED');
      }),
    );
  });
});
