/** A filter: the mean of the last eight values, and how far the newest is from it. One output for each datum. */
import { inputF64, isTick, outputF64 } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const WINDOW: i32 = 8;

const window = new StaticArray<f64>(WINDOW);
let filled: i32 = 0;
let at: i32 = 0;
const row = new StaticArray<f64>(3);

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind) || byteLength < 16) return;
  const value = inputF64(pointer, 1);
  window[at] = value;
  at = (at + 1) % WINDOW;
  if (filled < WINDOW) filled++;
  let sum: f64 = 0;
  for (let index = 0; index < filled; index++) sum += window[index];
  const mean = sum / <f64>filled;
  row[0] = inputF64(pointer, 0);
  row[1] = mean;
  row[2] = value - mean;
  outputF64(0, row);
}
