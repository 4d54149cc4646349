/**
 * n utilisations with a given sum, drawn without bias among all that have it.
 *
 *   UUniFast          uniform over the simplex: sumᵢ₊₁ = sumᵢ · r^(1/(n−i)), uᵢ = sumᵢ − sumᵢ₊₁
 *   UUniFast-Discard  the same, drawn again until no utilisation is above its bound (needed as soon as the sum is above 1)
 *   RandFixedSum      uniform over the simplex cut by equal bounds [low, high]^n, without discarding: walks down a table of the
 *                     volumes of the simplex's pieces, each of which is easy to draw from
 *
 * Sources: Bini & Buttazzo, Real-Time Systems 30, 2005; Davis & Burns, RTSS 2009; Emberson, Stafford & Davis, WATERS 2010.
 * Units:   shares of one core. Errors: `undefined` where no draw can meet the bounds, or none did in DISCARDS_MAX attempts.
 */
import type { Rng } from '../../kernel/rng.ts';

const DISCARDS_MAX = 10_000;
/** How far a sum may be beyond what the bounds allow and still be at them: the caller has added up in floating point too. */
const ROUNDING = 1e-12;

export interface UtilisationBounds {
  readonly count: number;
  readonly total: number;
  /** Of one task; 0 when absent. */
  readonly least?: number;
  /** Of one task; 1 when absent. */
  readonly most?: number;
}

export function uuniFast(rng: Rng, count: number, total: number): Float64Array {
  const shares = new Float64Array(count);
  let left = total;
  for (let i = 0; i < count - 1; i++) {
    const next = left * rng.unit() ** (1 / (count - 1 - i));
    shares[i] = left - next;
    left = next;
  }
  if (count > 0) shares[count - 1] = left;
  return shares;
}

export function uuniFastDiscard(rng: Rng, { count, total, least = 0, most = 1 }: UtilisationBounds): Float64Array | undefined {
  if (total > count * most || total < count * least) return undefined;
  for (let attempt = 0; attempt < DISCARDS_MAX; attempt++) {
    const shares = uuniFast(rng, count, total);
    if (shares.every((share) => share >= least && share <= most)) return shares;
  }
  return undefined;
}

export function randFixedSum(rng: Rng, { count, total, least = 0, most = 1 }: UtilisationBounds): Float64Array | undefined {
  const span = most - least;
  // The sum of `count` numbers of [0, 1] that are wanted.
  const wanted = span === 0 ? 0 : (total - count * least) / span;
  const sum = Math.max(0, Math.min(count, wanted));
  if (count === 0 || Math.abs(wanted - sum) > count * ROUNDING || (span === 0 && total !== count * least)) return undefined;
  if (count === 1) return Float64Array.of(total);
  const unit = unitFixedSum(rng, count, sum);
  for (let i = 0; i < count; i++) unit[i] = least + span * (unit[i] as number);
  return unit;
}

/** Stafford's algorithm: `volumes[i][j]` and the probability of taking the one or the other face on the way down. */
function unitFixedSum(rng: Rng, n: number, sum: number): Float64Array {
  const k = Math.max(0, Math.min(n - 1, Math.floor(sum)));
  const inside = Math.max(k, Math.min(k + 1, sum));
  const below = (i: number): number => inside - k + i;
  const above = (i: number): number => k + n - i - inside;
  const tiny = Number.MIN_VALUE;
  let volumes = new Float64Array(n + 1);
  volumes[1] = 1e308;
  const turns: Float64Array[] = [];
  for (let i = 2; i <= n; i++) {
    const next = new Float64Array(n + 1);
    const turn = new Float64Array(n + 1);
    for (let j = 1; j <= i; j++) {
      const [nearLow, nearHigh] = [below(j - 1), above(n - i + j - 1)];
      const first = ((volumes[j] as number) * nearLow) / i;
      const second = ((volumes[j - 1] as number) * nearHigh) / i;
      next[j] = first + second;
      const all = first + second + tiny;
      turn[j] = nearHigh > nearLow ? second / all : 1 - first / all;
    }
    turns[i - 2] = turn;
    volumes = next;
  }
  const drawn = new Float64Array(n);
  let s = inside;
  let j = k + 1;
  let added = 0;
  let product = 1;
  for (let i = n - 1; i >= 1; i--) {
    const takes = rng.unit() <= ((turns[i - 1] as Float64Array)[j] as number) ? 1 : 0;
    const spread = rng.unit() ** (1 / i);
    added += ((1 - spread) * product * s) / (i + 1);
    product *= spread;
    drawn[n - 1 - i] = added + product * takes;
    s -= takes;
    j -= takes;
  }
  drawn[n - 1] = added + product * s;
  shuffle(rng, drawn);
  return drawn;
}

function shuffle(rng: Rng, values: Float64Array): void {
  for (let i = values.length - 1; i > 0; i--) {
    const j = rng.below(i + 1);
    const kept = values[i] as number;
    values[i] = values[j] as number;
    values[j] = kept;
  }
}
