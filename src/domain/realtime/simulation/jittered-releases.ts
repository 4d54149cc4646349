/**
 * When the next job of a task with jitter is released, and when those were that wait behind an earlier one. Jobs of a task
 * keep their order: a job whose delay is short is not released before the one that arrived before it.
 */
import { assert } from '../../kernel/assert.ts';
import type { Rng } from '../../kernel/rng.ts';

export class JitteredReleases {
  readonly #jitterUs: number;
  readonly #rng: Rng;
  #ring = new Float64Array(8);
  #first = 0;
  #count = 0;

  constructor(jitterUs: number, rng: Rng) {
    this.#jitterUs = jitterUs;
    this.#rng = rng;
  }

  drawDelayUs(): number {
    return Math.floor(this.#rng.unit() * (this.#jitterUs + 1));
  }

  put(releaseUs: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.#count++) % this.#ring.length] = releaseUs;
  }

  take(): number {
    assert(this.#count > 0, 'a job that waits behind another was released');
    const releaseUs = this.#ring[this.#first] as number;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#count--;
    return releaseUs;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#ring.length);
    for (let at = 0; at < this.#count; at++) larger[at] = this.#ring[(this.#first + at) % this.#ring.length] as number;
    this.#ring = larger;
    this.#first = 0;
  }
}
