/**
 * What the four tasks of a chosen cost have in common (`examples/measure`). They idle until they get an order, a data input as text:
 * `<argument> <jobs>`. From then on each tick is a job of `argument` units of work, until so many jobs are done; then they idle again.
 *
 * How long a unit takes is measured on the bridge that is to run it (`drover dataset generate --label run`), never assumed.
 */
import { isTick, inputText, outputText } from "./drover";

let argument: i32 = 0;
let left: i32 = 0;

/** The units of work that this job is to do: 0 for an order, and while there is none. */
export function unitsOf(kind: i32, pointer: usize, byteLength: i32): i32 {
  if (isTick(kind)) {
    if (left == 0) return 0;
    left -= 1;
    return argument;
  }
  const words = inputText(pointer, byteLength).split(" ");
  argument = <i32>I32.parseInt(words[0]);
  left = words.length > 1 ? <i32>I32.parseInt(words[1]) : 1;
  return 0;
}

/** The last job of an order puts out what was computed; every job uses it, so that no compiler leaves the work out. */
export function tell(result: f64): void {
  if (left == 0) outputText(0, result.toString());
}
