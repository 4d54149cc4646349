/**
 * The drover SDK for AssemblyScript: the task ABI in a few words. docs/TASKS.md describes what is underneath.
 *
 * A task exports `drover_job` and re-exports `drover_input`; everything else is up to it. Its whole state is its memory:
 * keep what matters in module variables or objects, and drover checkpoints, restores and moves it.
 *
 *   import { isTick, outputText } from './drover';
 *   export { drover_input } from './drover';
 *
 *   let count: i64 = 0;
 *
 *   export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
 *     if (isTick(kind)) outputText(0, (++count).toString());
 *   }
 */

// @ts-ignore: decorator
@external("drover", "output")
declare function hostOutput(channel: i32, pointer: usize, byteLength: i32): void;

// @ts-ignore: decorator
@external("drover", "log")
declare function hostLog(level: i32, pointer: usize, byteLength: i32): void;

/** Where the host puts a job's input. It grows to the largest input seen and is part of the state like all else. */
let inputBuffer = new StaticArray<u8>(256);

/** Called by the host before a job that has bytes. */
export function drover_input(byteLength: i32): usize {
  if (byteLength > inputBuffer.length) inputBuffer = new StaticArray<u8>(byteLength);
  return changetype<usize>(inputBuffer);
}

export function isTick(kind: i32): bool {
  return kind == 1;
}

/** The input as text (UTF-8). */
export function inputText(pointer: usize, byteLength: i32): string {
  return String.UTF8.decodeUnsafe(pointer, byteLength);
}

/** The little-endian float64 number `index` of the input. */
export function inputF64(pointer: usize, index: i32): f64 {
  return load<f64>(pointer + (<usize>index << 3));
}

/** Puts out text as UTF-8. */
export function outputText(channel: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  hostOutput(channel, changetype<usize>(bytes), bytes.byteLength);
}

/** Puts out little-endian float64 values. */
export function outputF64(channel: i32, values: StaticArray<f64>): void {
  hostOutput(channel, changetype<usize>(values), values.length << 3);
}

/** Puts out bytes of the task's own memory, e.g. the input as it came. */
export function outputBytes(channel: i32, pointer: usize, byteLength: i32): void {
  hostOutput(channel, pointer, byteLength);
}

export const DEBUG = 0;
export const INFO = 1;
export const WARN = 2;
export const ERROR = 3;

/** A line for people, in drover's log. It is no part of the state and not repeated by anybody. */
export function log(level: i32, sentence: string): void {
  const bytes = String.UTF8.encode(sentence);
  hostLog(level, changetype<usize>(bytes), bytes.byteLength);
}
