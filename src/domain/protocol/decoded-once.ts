/**
 * What is in bytes, kept for whoever reads the very same bytes next. Encoding and decoding are functions of their argument alone, so
 * that this changes nothing but their cost; it pays where all readers live in one process and are handed one array: in the
 * simulated world, whose every notice is read by two managers, a bridge and a judge. Off until it is asked for.
 *
 * R1. Known by the array itself, so nobody may write into bytes that were sent, nor into what they were made of or into.
 * R2. Bound: the last hundred or two messages, so that what is kept is mostly still young when it goes. A reader that comes later decodes for itself.
 * R3. Of a message that was encoded here one in `VERIFIED` is decoded in truth and held against what was sent; the others' first
 *     reader is given what was sent. Whether a codec gives back all that can be sent is the property tests' business.
 */
import { assert } from '../kernel/assert.ts';

const KEPT = 128;
const VERIFIED = 32;

let young: Map<Uint8Array, Remembered> | undefined;
let old: Map<Uint8Array, Remembered> = new Map();
let sent = 0;
let verifiedEvery = VERIFIED;

interface Remembered {
  readonly decoder: unknown;
  readonly result: unknown;
  /** Decode in truth, and compare. */
  readonly verify: boolean;
}

/** From now on, in this process; `every`: one in so many is verified. What was remembered before is forgotten. */
export function rememberDecoded(every = VERIFIED): void {
  young = new Map();
  old = new Map();
  sent = 0;
  verifiedEvery = every;
}

/** `result`: what `decoder` gives for these bytes. */
export function rememberSent<Result>(decoder: (bytes: Uint8Array) => Result, bytes: Uint8Array, result: Result): void {
  if (young !== undefined) remember(bytes, { decoder, result, verify: ++sent % verifiedEvery === 0 });
}

/** `decoder` tells apart what different codecs make of the same bytes. */
export function decodedOnce<Result>(decoder: (bytes: Uint8Array) => Result, bytes: Uint8Array): Result {
  if (young === undefined) return decoder(bytes);
  const known = young.get(bytes) ?? old.get(bytes);
  if (known !== undefined && known.decoder === decoder) {
    if (!known.verify) return known.result as Result;
    assert(isSame(decoder(bytes), known.result), 'what was sent is what is read, field by field');
    remember(bytes, { ...known, verify: false });
    return known.result as Result;
  }
  const result = decoder(bytes);
  remember(bytes, { decoder, result, verify: false });
  return result;
}

function remember(bytes: Uint8Array, remembered: Remembered): void {
  if (young === undefined) return;
  young.set(bytes, remembered);
  if (young.size < KEPT) return;
  old = young;
  young = new Map();
}

/**
 * Field by field, in the same order (records are JSON: a life must not depend on which of the two a reader was given); what is
 * undefined is as good as absent.
 */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return one === other;
  if (ArrayBuffer.isView(one) && ArrayBuffer.isView(other)) return areSameBytes(one, other);
  const [left, right] = [givenFields(one), givenFields(other)];
  return (
    left.length === right.length && left.every(([name, value], at) => name === right[at]?.[0] && isSame(value, right[at]?.[1]))
  );
}

const givenFields = (fields: object): (readonly [string, unknown])[] =>
  Object.entries(fields).filter(([, value]) => value !== undefined);

function areSameBytes(one: ArrayBufferView, other: ArrayBufferView): boolean {
  const left = new Uint8Array(one.buffer, one.byteOffset, one.byteLength);
  const right = new Uint8Array(other.buffer, other.byteOffset, other.byteLength);
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}
