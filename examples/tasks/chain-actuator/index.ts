/** An actuator: a PI controller that holds the filtered value at 20 by a valve between 0 and 1. One output for each datum. */
import { inputF64, isTick, outputF64 } from "../../sdk/drover";
export { drover_input } from "../../sdk/drover";

const WANTED: f64 = 20;
const KP: f64 = 0.08;
const KI: f64 = 0.002;

let integral: f64 = 0.5;
const row = new StaticArray<f64>(2);

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind) || byteLength < 24) return;
  const error = WANTED - inputF64(pointer, 1);
  integral = min(max(integral + KI * error, 0.0), 1.0);
  row[0] = inputF64(pointer, 0);
  row[1] = min(max(integral + KP * error, 0.0), 1.0);
  outputF64(0, row);
}
