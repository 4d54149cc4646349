/**
 * The upper tail of the normal distribution on a logarithmic scale: what turns a silence into a suspicion level.
 *
 *   surprise(z) = −log10 Q(z)        Q(z) = P(X > z), X standard normal, density n(z) = exp(−z²/2) / √(2π)
 *
 *   z < 3:  Q(z) = ½ − n(z) · Σ z^(2k+1) / (1·3·5···(2k+1))                     the series, 26.2.11
 *   z ≥ 3:  Q(z) = n(z) / (z + 1/(z + 2/(z + 3/(z + …))))                       the continued fraction, 26.2.14
 *
 * Source: Abramowitz & Stegun, *Handbook of Mathematical Functions*, 1964, section 26.2. Both are exact expansions, cut off
 *         where the next term no longer counts; the relative error of Q is below 10⁻¹², checked against integration.
 *         In the tail the logarithm of n(z) is taken directly, so nothing underflows however long the silence.
 * Why not the logistic fit Q ≈ 1/(1 + exp(1.5976 z + 0.07056 z³)) that other detectors use: its *absolute* error is small
 *         (1.4·10⁻⁴), but a detector lives in the tail, where that is everything: at z = 5.6 it says 9.3 where 8.0 is true.
 */
export function surprise(z: number): number {
  if (z >= 3) return (z * z) / 2 / Math.LN10 + Math.log10(Math.sqrt(2 * Math.PI) * millsDenominator(z));
  if (z <= -3) return -Math.log1p(-density(z) / millsDenominator(-z)) / Math.LN10;
  return -Math.log10(0.5 - density(z) * oddSeries(z));
}

/**
 * The z at which `surprise` reaches `level`: computed once per threshold, so that a scan over all ECUs compares times and
 * needs no logarithm. Bisection to the last bit that matters; `surprise` is increasing. `level` is between 0.001 and 1000.
 */
export function zOfSurprise(level: number): number {
  let low = -4;
  let high = 70;
  for (let round = 0; round < 64; round++) {
    const middle = (low + high) / 2;
    if (surprise(middle) < level) low = middle;
    else high = middle;
  }
  return high;
}

const density = (z: number): number => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

/** Σ z^(2k+1) / (1·3···(2k+1)); for |z| ≤ 3 the terms fall below 10⁻¹⁷ of the sum within 40 rounds. */
function oddSeries(z: number): number {
  let term = z;
  let sum = z;
  for (let odd = 3; odd < 120 && Math.abs(term) > 1e-17 * Math.abs(sum); odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return sum;
}

/** z + 1/(z + 2/(z + …)), from the inside out; 80 levels give 10⁻¹³ at z = 3 and more beyond. */
function millsDenominator(z: number): number {
  let tail = z;
  for (let level = 80; level >= 1; level--) tail = z + level / tail;
  return tail;
}
