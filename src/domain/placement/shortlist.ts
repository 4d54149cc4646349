/**
 * The best K of many by (score descending, tie-break ascending), kept while passing over them once. For K much smaller than the
 * number of candidates this is one comparison a candidate; nothing is allocated.
 */
export class Shortlist {
  readonly size: number;
  readonly #scores: Float64Array;
  readonly #indexes: Uint32Array;
  readonly #tieBreak: Float64Array;
  #count = 0;

  /** `tieBreak` by index; all different, so that the order is total. */
  constructor(size: number, tieBreak: Float64Array) {
    this.size = size;
    this.#scores = new Float64Array(size);
    this.#indexes = new Uint32Array(size);
    this.#tieBreak = tieBreak;
  }

  offer(index: number, score: number): void {
    let at = this.#count;
    if (at === this.size) {
      if (at === 0 || !this.#before(index, score, at - 1)) return;
      at--;
    } else {
      this.#count++;
    }
    while (at > 0 && this.#before(index, score, at - 1)) {
      this.#scores[at] = this.#scores[at - 1] as number;
      this.#indexes[at] = this.#indexes[at - 1] as number;
      at--;
    }
    this.#scores[at] = score;
    this.#indexes[at] = index;
  }

  clear(): void {
    this.#count = 0;
  }

  /** Best first. */
  indexes(): Uint32Array {
    return this.#indexes.subarray(0, this.#count);
  }

  #before(index: number, score: number, at: number): boolean {
    const other = this.#scores[at] as number;
    if (score !== other) return score > other;
    return (this.#tieBreak[index] as number) < (this.#tieBreak[this.#indexes[at] as number] as number);
  }
}
