/**
 * Checks of single fields, used by every decoder. A check returns the value in its domain type or throws `FieldRefused`
 * with a sentence that names the field and its range; `decodeEnvelope` (and nobody else) turns that into a `Result`, so
 * that decoders read as plain constructors. What has passed is trusted everywhere behind the edge.
 */
import { assert } from '../kernel/assert.ts';
import { ERROR_CODES, type ErrorCode } from '../kernel/error-codes.ts';
import { type Digest, isMac, isTaskName, type Mac, type TaskName } from '../model/ids.ts';
import {
  CAPABILITIES_MAX,
  ID_CHARS_MAX,
  LABELS_MAX,
  LIST_MAX,
  NAME_CHARS_MAX,
  NONCE_CHARS_MAX,
  SENTENCE_CHARS_MAX,
} from './limits.ts';

/** Never leaves `src/domain/protocol`. Made without a stack: malformed messages must stay cheap. */
export class FieldRefused {
  readonly sentence: string;

  constructor(sentence: string) {
    this.sentence = sentence;
  }
}

export function refuse(sentence: string): never {
  throw new FieldRefused(sentence);
}

const SAFE_MAX = BigInt(Number.MAX_SAFE_INTEGER);
const ID = /^[!-~]+$/;
const ACTOR = /^[A-Za-z0-9_-]+\/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const HOST = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const MANAGER = /^[A-Za-z0-9_-]+$/;
const CODE = /^ERR_[A-Z0-9_]{1,60}$/;
const KNOWN_CODES: ReadonlySet<string> = new Set(ERROR_CODES);

// ——— numbers ———

/** A 64-bit value as an exact number. */
export function safeInteger(value: bigint, field: string, min = 0): number {
  if (value > SAFE_MAX || value < BigInt(min)) refuse(`${field} is ${value}; it must be ${min} to ${Number.MAX_SAFE_INTEGER}`);
  return Number(value);
}

export function integerWithin(value: number, field: string, range: { readonly min: number; readonly max: number }): number {
  if (value < range.min || value > range.max) refuse(`${field} is ${value}; it must be ${range.min} to ${range.max}`);
  return value;
}

export function finite(value: number, field: string): number {
  if (!Number.isFinite(value)) refuse(`${field} is ${value}; it must be a finite number`);
  return value;
}

/** A number on its way out: it was made by drover, so anything but an exact count is a bug. */
export function wide(value: number): bigint {
  assert(Number.isSafeInteger(value) && value >= 0, `an integer of 0 to 2^53 - 1 goes on the wire, not ${value}`);
  return BigInt(value);
}

// ——— text ———

export function textWithin(value: string, field: string, range: { readonly min: number; readonly max: number }): string {
  if (value.length < range.min || value.length > range.max) {
    refuse(`${field} has ${value.length} characters; it must have ${range.min} to ${range.max}`);
  }
  return value;
}

/** Ids are compared, logged and put into keys: printable ASCII only, so that two that look the same are the same. */
export function idText(value: string, field: string): string {
  if (value.length <= ID_CHARS_MAX && ID.test(value)) return value;
  return refuse(`${field} is ${shown(value)}; it must be 1 to ${ID_CHARS_MAX} printable ASCII characters without spaces`);
}

export const nameText = (value: string, field: string): string => textWithin(value, field, { min: 1, max: NAME_CHARS_MAX });
export const sentenceText = (value: string, field: string): string =>
  textWithin(value, field, { min: 0, max: SENTENCE_CHARS_MAX });

export function macText(value: string, field: string): Mac {
  return isMac(value) ? value : refuse(`${field} is ${shown(value)}; it must be 12 lower-case hex digits`);
}

export function taskText(value: string, field: string): TaskName {
  return isTaskName(value)
    ? value
    : refuse(`${field} is ${shown(value)}; it must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit`);
}

export function actorText(value: string, field: string): string {
  if (value.length <= ID_CHARS_MAX && ACTOR.test(value)) return value;
  return refuse(
    `${field} is ${shown(value)}; it must be kind/id of A-Z, a-z, 0-9, _, - and dots, at most ${ID_CHARS_MAX} characters`,
  );
}

export function hostText(value: string, field: string): string {
  if (value.length <= NAME_CHARS_MAX && HOST.test(value)) return value;
  return refuse(`${field} is ${shown(value)}; it must be 1 to ${NAME_CHARS_MAX} of A-Z, a-z, 0-9, _, - and single dots`);
}

export function managerText(value: string, field: string): string {
  if (value.length <= NAME_CHARS_MAX && MANAGER.test(value)) return value;
  return refuse(`${field} is ${shown(value)}; it must be 1 to ${NAME_CHARS_MAX} of A-Z, a-z, 0-9, _ and -`);
}

export function nonceText(value: string, field: string): string {
  if (value.length <= NONCE_CHARS_MAX && MANAGER.test(value)) return value;
  return refuse(`${field} is ${shown(value)}; it must be 1 to ${NONCE_CHARS_MAX} of A-Z, a-z, 0-9, _ and -`);
}

/** Long or odd input is cut, so that a sentence stays a sentence. */
const shown = (value: string): string => JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);

// ——— codes ———

/**
 * A code with its sentence. A code that this build does not know (a newer or foreign peer) becomes ERR_WIRE_CODE and stands
 * in front of the sentence: a refusal must not be lost because its reason is new.
 */
export function refusal(
  code: string,
  sentence: string,
  field: string,
): { readonly code: ErrorCode; readonly sentence: string } {
  if (!CODE.test(code)) refuse(`${field} is ${shown(code)}; it must be ERR_ and at most 60 of A-Z, 0-9 and _`);
  sentenceText(sentence, `the sentence beside ${field}`);
  return isKnownCode(code) ? { code, sentence } : { code: 'ERR_WIRE_CODE', sentence: `${code}: ${sentence}` };
}

export const isKnownCode = (code: string): code is ErrorCode => KNOWN_CODES.has(code);

// ——— bytes, lists, maps ———

const DIGEST_BYTES = 32;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function digestHex(bytes: Uint8Array, field: string): Digest {
  if (bytes.length !== DIGEST_BYTES) refuse(`${field} has ${bytes.length} bytes; it must have ${DIGEST_BYTES}`);
  let hex = '';
  for (let i = 0; i < bytes.length; i++) hex += HEX[bytes[i] ?? 0];
  return hex;
}

export function digestBytes(hex: Digest): Uint8Array<ArrayBuffer> {
  assert(/^[0-9a-f]{64}$/.test(hex), `a digest is 64 lower-case hex digits, not ${hex}`);
  const bytes = new Uint8Array(DIGEST_BYTES);
  for (let i = 0; i < DIGEST_BYTES; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

export function listWithin<T>(list: readonly T[], field: string, max: number): readonly T[] {
  if (list.length > max) refuse(`${field} has ${list.length} entries; it may have ${max}`);
  return list;
}

export const macList = (list: readonly string[], field: string): readonly Mac[] =>
  listWithin(list, field, LIST_MAX).map((mac) => macText(mac, field));

export const taskList = (list: readonly string[], field: string): readonly TaskName[] =>
  listWithin(list, field, LIST_MAX).map((task) => taskText(task, field));

export const capabilityList = (list: readonly string[], field: string): readonly string[] =>
  listWithin(list, field, CAPABILITIES_MAX).map((name) => nameText(name, field));

export function labelMap(map: Readonly<Record<string, string>>, field: string): Readonly<Record<string, string>> {
  const entries = listWithin(Object.entries(map), field, LABELS_MAX);
  for (const [key, value] of entries) {
    nameText(key, `a key of ${field}`);
    textWithin(value, `a value of ${field}`, { min: 0, max: NAME_CHARS_MAX });
  }
  return Object.fromEntries(entries);
}

/** A message field that the schema calls required. */
export function required<T>(value: T | undefined, field: string): T {
  return value ?? refuse(`${field} is missing`);
}

/** Two-way table between the numbers of a schema's enum and the words of the domain. */
export interface EnumTable<Word extends string> {
  readonly toWire: Readonly<Record<Word, number>>;
  word(value: number, field: string): Word;
  /** undefined for a number that this build does not know; 0 is refused. */
  wordIfKnown(value: number, field: string): Word | undefined;
}

export function enumTable<Word extends string>(toWire: Readonly<Record<Word, number>>): EnumTable<Word> {
  const words = new Map<number, Word>((Object.keys(toWire) as Word[]).map((word) => [toWire[word], word]));
  const known = [...words].map(([number, word]) => `${number} (${word})`).join(', ');
  const wordIfKnown = (value: number, field: string): Word | undefined =>
    value === 0 ? refuse(`${field} is not given; it must be one of ${known}`) : words.get(value);
  return {
    toWire,
    wordIfKnown,
    word: (value, field) => wordIfKnown(value, field) ?? refuse(`${field} is ${value}; it must be one of ${known}`),
  };
}
