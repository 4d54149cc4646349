/**
 * The normal distribution where a product of a huge and a tiny number is asked for: log Φ stays finite far into the lower tail, so that
 * exp(a)·Φ(b) is exp(a + log Φ(b)) and never ∞·0.
 *
 * Φ by the continued fraction of the tail where |x| is large and by its series where it is small (Abramowitz & Stegun 26.2.11, 26.2.14);
 * both to fifteen digits. Averages over a normal quantity: five-point Gauss–Hermite, exact for polynomials up to degree nine.
 */

const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const SERIES_MOST = 3;

export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN;
  return x <= 0 ? Math.exp(logNormalCdf(x)) : 1 - Math.exp(logNormalCdf(-x));
}

/** log Φ(x). */
export function logNormalCdf(x: number): number {
  if (x > SERIES_MOST) return Math.log1p(-Math.exp(logNormalCdf(-x)));
  if (x >= -SERIES_MOST) {
    // Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/15 + …)
    let [term, sum] = [x, x];
    for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
      term *= (x * x) / n;
      sum += term;
    }
    return Math.log(0.5 + sum * Math.exp(-0.5 * x * x - LOG_ROOT_TWO_PI));
  }
  if (x === Number.NEGATIVE_INFINITY) return x;
  // Φ(x) = φ(x) / (z + 1/(z + 2/(z + 3/(z + …)))), z = −x
  const z = -x;
  let fraction = z;
  for (let n = 60; n >= 1; n--) fraction = z + n / fraction;
  return -0.5 * x * x - LOG_ROOT_TWO_PI - Math.log(fraction);
}

/** E[f(Z)] ≈ Σ weight·f(node), Z standard normal. */
export const NORMAL_NODES: readonly { readonly node: number; readonly weight: number }[] = [
  { node: -2.8569700138728056, weight: 0.011257411327720689 },
  { node: -1.355626179974266, weight: 0.22207592200561263 },
  { node: 0, weight: 0.5333333333333333 },
  { node: 1.355626179974266, weight: 0.22207592200561263 },
  { node: 2.8569700138728056, weight: 0.011257411327720689 },
];
