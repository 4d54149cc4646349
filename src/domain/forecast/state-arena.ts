/**
 * Where a forecaster keeps all that it has learned: every part takes its numbers from one arena, so that saving is copying and nothing can
 * be forgotten. A model's history moves with its task: `save` at the source, `load` at the target into a forecaster of the same shape.
 *
 * A1  What a part remembers between two samples lies in arrays it took here; anything else is scratch and may start anew.
 * A2  The order of taking is the order in the saved numbers; the same options take the same arrays.
 */
import { assert } from '../kernel/assert.ts';

export class StateArena {
  readonly #parts: Float64Array[] = [];
  #length = 0;

  take(length: number): Float64Array {
    const part = new Float64Array(length);
    this.#parts.push(part);
    this.#length += length;
    return part;
  }

  get length(): number {
    return this.#length;
  }

  save(): Float64Array {
    const all = new Float64Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  load(all: Float64Array): void {
    assert(all.length === this.#length, 'a state is loaded into an arena of the same shape');
    let at = 0;
    for (const part of this.#parts) {
      part.set(all.subarray(at, at + part.length));
      at += part.length;
    }
  }
}
