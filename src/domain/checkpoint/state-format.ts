/**
 * How a task that serialises itself writes its state: in a *format*, under a *header*.
 *
 *   a checkpoint's memory                          a checkpoint's globals
 *   ┌──────────────────────────┬────────────┐      ┌───────────────────────────────────────────────┐
 *   │ the state, `length` bytes│ zeros      │      │ header: format, its version, the task's own   │
 *   └──────────────────────────┴────────────┘      │ version, schema fingerprint, `length`         │
 *   up to whole pages of 64 KiB                    └───────────────────────────────────────────────┘
 *
 * The header stands apart from the bytes, so that the first byte of the state is the first byte of the first page: what a
 * format keeps in place from one state to the next stays in its page, and increments, the page store and restores know
 * nothing of any of this. Both are under the state digest.
 *
 * F1. decode(encode(value)) is the value: what a format cannot give back exactly, it refuses to write, by name.
 * F2. The same value gives the same bytes.
 * F3. Bytes that nobody wrote are refused with a reason. They are rare: a restore compares the digest of every page and of the
 *     whole state before a format sees one, and `arrow` leaves forged bytes to that.
 */
import { assert } from '../kernel/assert.ts';
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { Digest } from '../model/ids.ts';
import { WASM_PAGE_BYTES } from './pages.ts';

/** `value` (Protocol Buffers), `arrow` (tables), or a task's own name for bytes that only it reads. */
export type FormatName = string;

export const DEFAULT_FORMAT = 'value';
export const TABLE_FORMAT = 'arrow';

export interface StateHeader {
  readonly format: FormatName;
  readonly formatVersion: number;
  /** The task's own count of what it means by its state; 0 when it gives none. */
  readonly taskVersion: number;
  /** Fingerprint of what the format calls its schema: columns and types, or the text a task gives for its own. */
  readonly schema: Digest | undefined;
  readonly length: number;
}

export interface WrittenState {
  readonly bytes: Uint8Array;
  /** What the fingerprint is made of; undefined where the format has no schema apart from its bytes. */
  readonly schema: string | undefined;
}

export interface ReadState {
  readonly value: unknown;
  readonly schema: string | undefined;
}

/** One format; an adapter of infra or a codec of the domain. */
export interface StateFormat {
  readonly name: FormatName;
  readonly version: number;
  write(value: unknown): Result<WrittenState, FormatError>;
  read(bytes: Uint8Array): Result<ReadState, FormatError>;
}

export interface FormatError {
  /** Where in the value, e.g. `rows[3].name`, and what is wrong there. */
  readonly sentence: string;
}

export const formatError = (sentence: string): Result<never, FormatError> => err({ sentence });

/** Names that are no format of drover's are a task's own. */
const OWN_NAME = /^[a-z0-9][a-z0-9./-]{0,62}$/;
export const isFormatName = (name: unknown): name is FormatName => typeof name === 'string' && OWN_NAME.test(name);

/** Bytes that only the task reads: the format of a task that brings its own. */
export function ownFormat(name: FormatName, schema: string | undefined): StateFormat {
  return {
    name,
    version: 1,
    write: (value) =>
      ArrayBuffer.isView(value) && value.constructor.name === 'Uint8Array'
        ? ok({ bytes: value as Uint8Array, schema })
        : formatError(`a state in the task's own format '${name}' is a Uint8Array`),
    read: (bytes) => ok({ value: bytes, schema }),
  };
}

/**
 * Whether a program can go on from a state of this header, or why not. A state written by an earlier version of the task is
 * read (the task is told the version); one of a later version is not, because nobody here knows what it means.
 */
export function checkHeader(
  header: StateHeader,
  program: { readonly format: StateFormat; readonly taskVersion: number },
): Result<StateHeader, FormatError> {
  const { format, taskVersion } = program;
  if (header.format !== format.name)
    return formatError(`the state is in format '${header.format}', this program reads '${format.name}'`);
  if (header.formatVersion > format.version)
    return formatError(
      `the state is in version ${header.formatVersion} of '${format.name}', this build reads up to ${format.version}`,
    );
  if (header.taskVersion > taskVersion)
    return formatError(`the state is of version ${header.taskVersion} of the task, this program is version ${taskVersion}`);
  return ok(header);
}

/** The memory a state of `length` bytes lies in. It never shrinks below `before`: increments only know memories that grow. */
export function memoryBytesOf(length: number, before = 0): number {
  assert(before % WASM_PAGE_BYTES === 0, 'a memory is whole pages');
  return Math.max(before, Math.max(1, Math.ceil(length / WASM_PAGE_BYTES)) * WASM_PAGE_BYTES);
}

/** The state's bytes in a memory, or why they cannot be there. */
export function stateBytesOf(memory: Uint8Array, { length }: StateHeader): Result<Uint8Array, FormatError> {
  return length <= memory.length
    ? ok(memory.subarray(0, length))
    : formatError(`the header names ${length} bytes of state, the memory has ${memory.length}`);
}
