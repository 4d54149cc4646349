/**
 * A sensor: a slow wave with noise, one sample a tick. The noise is its own (a linear congruential generator in the state), so that it is
 * the same wherever the task runs. Each sample is its number and its value, for whoever is fed by it.
 */
import { isTick, outputF64 } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const STEP: f64 = 0.02;

let sine: f64 = 0;
let cosine: f64 = 1;
let noise: u32 = 1;
let samples: f64 = 0;
const row = new StaticArray<f64>(2);

/** A rotation by a small angle, kept on the circle: no library's sine has to be the same everywhere. */
function turn(): void {
  sine += cosine * STEP;
  cosine -= sine * STEP;
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (!isTick(kind)) return;
  turn();
  noise = noise * 1664525 + 1013904223;
  row[0] = ++samples;
  row[1] = 20 + 5 * sine + (<f64>(noise >>> 8)) / 16777216 - 0.5;
  outputF64(0, row);
}
