/** Multiplies matrices: a unit is one product of two of 64 × 64, the result of which goes into the next. */
import { tell, unitsOf } from "../../sdk/measured";
export { drover_input } from "../../sdk/drover";

const SIDE: i32 = 64;

let left = new StaticArray<f64>(SIDE * SIDE);
let product = new StaticArray<f64>(SIDE * SIDE);
const right = new StaticArray<f64>(SIDE * SIDE);

/** A permutation with weights: products stay as large as they are. */
export function drover_init(): void {
  for (let at = 0; at < SIDE * SIDE; at++) {
    left[at] = <f64>(at % 7) - 3;
    right[at] = at % SIDE == (at / SIDE + 1) % SIDE ? 1 : 0;
  }
}

export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  const units = unitsOf(kind, pointer, byteLength);
  if (units == 0) return;
  for (let unit = 0; unit < units; unit++) {
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        let sum: f64 = 0;
        for (let k = 0; k < SIDE; k++) sum += unchecked(left[row * SIDE + k] * right[k * SIDE + column]);
        unchecked((product[row * SIDE + column] = sum));
      }
    }
    const result = product;
    product = left;
    left = result;
  }
  tell(left[0]);
}
