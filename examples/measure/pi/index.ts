/** Approximates π: a unit is 100,000 terms of 4 · (1 − 1/3 + 1/5 − …). */
import { tell, unitsOf } from "../../sdk/measured";
export { drover_input } from "../../sdk/drover";

const TERMS: i32 = 100000;

let last: f64 = 0;

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  const units = unitsOf(kind, pointer, byteLength);
  if (units == 0) return;
  let sum: f64 = 0;
  let sign: f64 = 4;
  for (let term = 0; term < units * TERMS; term++) {
    sum += sign / <f64>(2 * term + 1);
    sign = -sign;
  }
  last = sum;
  tell(last);
}
