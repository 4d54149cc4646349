/**
 * The smallest task: it counts. A tick adds one, a data input (a whole number as text) adds that number; either way the
 * count goes out on channel 0 as text. A number followed by an x is counted up one by one: a job that takes as long as one likes.
 *
 * Compiled with the constant PADDING_BYTES it also carries that many bytes of touched state, of which every job changes
 * eight: a task of a chosen size for benches.
 */
import { inputText, isTick, outputText, log, WARN } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

// @ts-ignore: the constant comes from the compiler's command line
const PADDING: i32 = isDefined(PADDING_BYTES) ? PADDING_BYTES : 0;

let count: i64 = 0;
let padding: StaticArray<i64> | null = null;

export function drover_init(): void {
  if (PADDING == 0) return;
  const filled = new StaticArray<i64>(PADDING >> 3);
  for (let at = 0; at < filled.length; at++) filled[at] = at * 0x9e3779b9;
  padding = filled;
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind)) {
    count += 1;
  } else {
    const text = inputText(pointer, byteLength).trim();
    const value = I64.parseInt(text);
    if (value == 0 && text != "0") log(WARN, "not a number, ignored: " + text);
    if (text.endsWith("x")) for (let at: i64 = 0; at < value; at++) count += 1;
    else count += value;
  }
  const touched = padding;
  if (touched) touched[<i32>((<u64>count * 2654435761) % <u64>touched.length)] = count;
  outputText(0, count.toString());
}
