/** Walks over half a MiB in steps modulo a prime, so that each touches another page: a unit is 50,000 steps. */
import { tell, unitsOf } from "../../sdk/measured";
export { drover_input } from "../../sdk/drover";

const STEPS: i32 = 50000;
/** A prime: whatever the stride, the walk comes to every cell before it comes to one again. */
const CELLS: u32 = 65521;
const STRIDE: u32 = 32003;

let cells = new StaticArray<u64>(CELLS);
let at: u32 = 1;

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  const units = unitsOf(kind, pointer, byteLength);
  if (units == 0) return;
  let sum: u64 = 0;
  for (let step = 0; step < units * STEPS; step++) {
    at = (at + STRIDE) % CELLS;
    const before = unchecked(cells[at]);
    unchecked((cells[at] = before + 1));
    sum += before % 1009;
  }
  tell(<f64>sum);
}
