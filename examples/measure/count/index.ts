/** Counts: a unit is 150,000 steps of an integer sequence, each of which needs the one before. */
import { tell, unitsOf } from "../../sdk/measured";
export { drover_input } from "../../sdk/drover";

const STEPS: i32 = 150000;

let state: u64 = 88172645463325252;

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  const units = unitsOf(kind, pointer, byteLength);
  if (units == 0) return;
  let x = state;
  for (let step = 0; step < units * STEPS; step++) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
  }
  state = x;
  tell(<f64>(x >> 12));
}
