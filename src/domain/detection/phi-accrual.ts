/**
 * The φ accrual failure detector (Hayashibara, Défago, Yared, Katayama, SRDS 2004) for many ECUs at once.
 *
 * The intervals between an ECU's last N heartbeats give a mean and a standard deviation. After a silence of t, the suspicion
 * is φ(t) = −log10 P(a heartbeat comes later than t), with the interval taken as normal. φ = 1 means one chance in ten that
 * suspecting is a mistake, φ = 8 one in 10⁸. On top of the paper: a floor under the deviation, and a number of lost
 * heartbeats that are tolerated, so t is measured from `last heartbeat + tolerated · mean`.
 *
 * Invariants:
 *  D1. Sums are exact: an interval is kept as its integer deviation from the announced one, limited to ±2²¹ µs; the square
 *      sum of 1024 of them stays below 2⁵³. So a window updated a million times equals one computed afresh.
 *  D2. `dueUs[i]` is the moment at which φ reaches the ECU's threshold. A scan only compares times; `phi` is for people.
 *  D3. A silence is never the detector's own: while frozen nothing is suspected, `learnAnew` starts every ECU from its
 *      announced interval, and a scan that comes late (this process was stopped) moves every due time by the delay.
 *  D4. A suspicion is ended by a heartbeat only (or by removal); it survives freezing. Each is told once.
 *
 * Struct of arrays, an index per ECU, no garbage per heartbeat or scan. Times are the caller's monotonic µs.
 */
import { assert } from '../kernel/assert.ts';
import { surprise, zOfSurprise } from './normal-tail.ts';
import type { DetectionThresholds } from './thresholds.ts';

export interface PhiAccrualOptions {
  /** Intervals remembered per ECU, 2 … 1024. */
  readonly windowSize: number;
  /** ECUs to make room for at once; the arrays double when more come. */
  readonly capacity: number;
  /** A scan this much later than the one before says that this process itself stood still. */
  readonly selfPauseUs: number;
}

export const PHI_ACCRUAL_DEFAULTS: PhiAccrualOptions = { windowSize: 64, capacity: 64, selfPauseUs: 500_000 };

const DEVIATION_LIMIT_US = 2 ** 21;
const NEVER = Number.POSITIVE_INFINITY;

export class PhiAccrualDetector {
  readonly #windowSize: number;
  readonly #selfPauseUs: number;
  #capacity: number;
  /** Indexes handed out so far, removed ones included. */
  #top = 0;
  readonly #free: number[] = [];
  #frozen = false;
  #lastScanUs = Number.NaN;
  #suspectCount = 0;

  // One slot per ECU.
  #announcedUs: Float64Array;
  #lastUs: Float64Array;
  #dueUs: Float64Array;
  #meanUs: Float64Array;
  #deviationUs: Float64Array;
  #deviationFloorUs: Float64Array;
  #sum: Float64Array;
  #squareSum: Float64Array;
  #z: Float64Array;
  #tolerated: Float64Array;
  #samples: Uint32Array;
  #cursor: Uint32Array;
  /** 0 free, 1 watched, 2 suspected. */
  #state: Uint8Array;
  /** Deviations from the announced interval, `windowSize` per ECU, as rings. */
  #ring: Int32Array;

  constructor(options: Partial<PhiAccrualOptions> = {}) {
    const { windowSize, capacity, selfPauseUs } = { ...PHI_ACCRUAL_DEFAULTS, ...options };
    assert(Number.isInteger(windowSize) && windowSize >= 2 && windowSize <= 1024, 'a window holds 2 to 1024 intervals');
    this.#windowSize = windowSize;
    this.#selfPauseUs = selfPauseUs;
    this.#capacity = Math.max(1, capacity);
    const slots = this.#capacity;
    this.#announcedUs = new Float64Array(slots);
    this.#lastUs = new Float64Array(slots);
    this.#dueUs = new Float64Array(slots).fill(NEVER);
    this.#meanUs = new Float64Array(slots);
    this.#deviationUs = new Float64Array(slots);
    this.#deviationFloorUs = new Float64Array(slots);
    this.#sum = new Float64Array(slots);
    this.#squareSum = new Float64Array(slots);
    this.#z = new Float64Array(slots);
    this.#tolerated = new Float64Array(slots);
    this.#samples = new Uint32Array(slots);
    this.#cursor = new Uint32Array(slots);
    this.#state = new Uint8Array(slots);
    this.#ring = new Int32Array(slots * windowSize);
  }

  /** Starts watching an ECU, as if a heartbeat had come just now. The index is its name here until it is removed. */
  add(ecu: { readonly announcedUs: number; readonly thresholds: DetectionThresholds; readonly nowUs: number }): number {
    assert(ecu.announcedUs > 0 && Number.isFinite(ecu.announcedUs), 'an ECU announces how often it beats');
    const index = this.#free.pop() ?? this.#top++;
    if (index >= this.#capacity) this.#grow();
    const { phi, lossesTolerated, deviationMinPpm, deviationMinUs } = ecu.thresholds;
    this.#announcedUs[index] = Math.round(ecu.announcedUs);
    this.#z[index] = zOfSurprise(phi);
    this.#tolerated[index] = lossesTolerated;
    this.#deviationFloorUs[index] = Math.max(1, deviationMinUs, (ecu.announcedUs * deviationMinPpm) / 1_000_000);
    this.#state[index] = 1;
    this.#bootstrap(index, ecu.nowUs);
    return index;
  }

  remove(index: number): void {
    assert((this.#state[index] ?? 0) > 0, 'only a watched ECU is removed');
    if (this.#state[index] === 2) this.#suspectCount--;
    this.#state[index] = 0;
    this.#dueUs[index] = NEVER;
    this.#free.push(index);
  }

  /**
   * A heartbeat arrived. `missed`: how many before it never came, by its sequence number; they are not held against the
   * sender's rhythm. Returns whether this ended a suspicion. A heartbeat that ends one starts the rhythm anew: the silence
   * before it was no interval.
   */
  heartbeat(index: number, nowUs: number, missed = 0): boolean {
    const state = this.#state[index] as number;
    assert(state > 0, 'only a watched ECU has heartbeats');
    if (state === 2) {
      this.#state[index] = 1;
      this.#suspectCount--;
      this.#lastUs[index] = nowUs;
      this.#reckon(index);
      return true;
    }
    const elapsedUs = nowUs - (this.#lastUs[index] as number);
    if (elapsedUs < 0) return false;
    const interval = missed > 0 ? Math.round(elapsedUs / (missed + 1)) : elapsedUs;
    this.#push(index, interval - (this.#announcedUs[index] as number));
    this.#lastUs[index] = nowUs;
    this.#reckon(index);
    return false;
  }

  /** The suspicion level now. 0 while frozen. */
  phi(index: number, nowUs: number): number {
    assert((this.#state[index] ?? 0) > 0, 'only a watched ECU has a suspicion level');
    if (this.#frozen) return 0;
    const silenceUs =
      nowUs - (this.#lastUs[index] as number) - (this.#tolerated[index] as number) * (this.#meanUs[index] as number);
    return surprise((silenceUs - (this.#meanUs[index] as number)) / (this.#deviationUs[index] as number));
  }

  /** Writes the ECUs that became suspect since the scan before into `into`; returns how many. The rest waits for the next scan. */
  suspects(nowUs: number, into: Uint32Array): number {
    const lateUs = nowUs - this.#lastScanUs;
    this.#lastScanUs = nowUs;
    if (this.#frozen) return 0;
    if (lateUs > this.#selfPauseUs) this.#forgive(lateUs);
    const due = this.#dueUs;
    const top = this.#top;
    let found = 0;
    for (let index = 0; index < top && found < into.length; index++) {
      if ((due[index] as number) > nowUs) continue;
      due[index] = NEVER;
      this.#state[index] = 2;
      into[found++] = index;
    }
    this.#suspectCount += found;
    return found;
  }

  isSuspect(index: number): boolean {
    return this.#state[index] === 2;
  }

  /** When the ECU will be suspected if it stays silent; Infinity once it is. */
  dueUs(index: number): number {
    return this.#dueUs[index] ?? NEVER;
  }

  statistics(index: number): { readonly meanUs: number; readonly deviationUs: number; readonly samples: number } {
    return {
      meanUs: this.#meanUs[index] ?? 0,
      deviationUs: this.#deviationUs[index] ?? 0,
      samples: this.#samples[index] ?? 0,
    };
  }

  watchedCount(): number {
    return this.#top - this.#free.length;
  }

  suspectCount(): number {
    return this.#suspectCount;
  }

  /** The manager's own connection is down: from now on silence says nothing. */
  freeze(): void {
    this.#frozen = true;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** The connection is back: every ECU is given its whole announced rhythm again, from now. Suspicions stay until a heartbeat. */
  learnAnew(nowUs: number): void {
    this.#frozen = false;
    this.#lastScanUs = nowUs;
    for (let index = 0; index < this.#top; index++) {
      if (this.#state[index] !== 0) this.#bootstrap(index, nowUs);
    }
  }

  /**
   * Before there is a rhythm: two intervals a quarter below and above the announced one, so that mean and deviation are
   * sane from the first moment. They leave the window like any other.
   */
  #bootstrap(index: number, nowUs: number): void {
    this.#samples[index] = 0;
    this.#cursor[index] = 0;
    this.#sum[index] = 0;
    this.#squareSum[index] = 0;
    const quarter = Math.round((this.#announcedUs[index] as number) / 4);
    this.#push(index, -quarter);
    this.#push(index, quarter);
    this.#lastUs[index] = nowUs;
    this.#reckon(index);
  }

  #push(index: number, deviationUs: number): void {
    const bounded = Math.max(-DEVIATION_LIMIT_US, Math.min(DEVIATION_LIMIT_US, Math.round(deviationUs)));
    const cursor = this.#cursor[index] as number;
    const at = index * this.#windowSize + cursor;
    if ((this.#samples[index] as number) === this.#windowSize) {
      const oldest = this.#ring[at] as number;
      this.#sum[index] = (this.#sum[index] as number) - oldest;
      this.#squareSum[index] = (this.#squareSum[index] as number) - oldest * oldest;
    } else {
      this.#samples[index] = (this.#samples[index] as number) + 1;
    }
    this.#ring[at] = bounded;
    this.#sum[index] = (this.#sum[index] as number) + bounded;
    this.#squareSum[index] = (this.#squareSum[index] as number) + bounded * bounded;
    this.#cursor[index] = cursor + 1 === this.#windowSize ? 0 : cursor + 1;
  }

  /** Mean, deviation and due time from the sums (D2). */
  #reckon(index: number): void {
    const samples = this.#samples[index] as number;
    const meanDeviation = (this.#sum[index] as number) / samples;
    const variance = Math.max(0, (this.#squareSum[index] as number) / samples - meanDeviation * meanDeviation);
    const meanUs = Math.max(1, (this.#announcedUs[index] as number) + meanDeviation);
    const deviationUs = Math.max(this.#deviationFloorUs[index] as number, Math.sqrt(variance));
    this.#meanUs[index] = meanUs;
    this.#deviationUs[index] = deviationUs;
    if (this.#state[index] === 2) return;
    this.#dueUs[index] =
      (this.#lastUs[index] as number) +
      meanUs * (1 + (this.#tolerated[index] as number)) +
      (this.#z[index] as number) * deviationUs;
  }

  #forgive(pauseUs: number): void {
    for (let index = 0; index < this.#top; index++) {
      if (this.#state[index] !== 1) continue;
      this.#lastUs[index] = (this.#lastUs[index] as number) + pauseUs;
      this.#dueUs[index] = (this.#dueUs[index] as number) + pauseUs;
    }
  }

  #grow(): void {
    const before = this.#capacity;
    this.#capacity = before * 2;
    const wider = (old: Float64Array): Float64Array => {
      const array = new Float64Array(this.#capacity);
      array.set(old);
      return array;
    };
    this.#announcedUs = wider(this.#announcedUs);
    this.#lastUs = wider(this.#lastUs);
    this.#dueUs = wider(this.#dueUs).fill(NEVER, before);
    this.#meanUs = wider(this.#meanUs);
    this.#deviationUs = wider(this.#deviationUs);
    this.#deviationFloorUs = wider(this.#deviationFloorUs);
    this.#sum = wider(this.#sum);
    this.#squareSum = wider(this.#squareSum);
    this.#z = wider(this.#z);
    this.#tolerated = wider(this.#tolerated);
    const words = (old: Uint32Array): Uint32Array => {
      const array = new Uint32Array(this.#capacity);
      array.set(old);
      return array;
    };
    this.#samples = words(this.#samples);
    this.#cursor = words(this.#cursor);
    const state = new Uint8Array(this.#capacity);
    state.set(this.#state);
    this.#state = state;
    const ring = new Int32Array(this.#capacity * this.#windowSize);
    ring.set(this.#ring);
    this.#ring = ring;
  }
}
