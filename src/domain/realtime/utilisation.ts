/**
 * Is a set of CPU shares at most one core? Exact, and cheap where it is not close.
 *
 *   Σ max(Cᵢ / Tᵢ, reservedᵢ) ≤ 1
 *
 * Shares are first summed as integers in parts per billion, each rounded up: if that sum fits, the true one does. If it is
 * above by more than the rounding can explain, the true one does not fit. Between the two, fractions of big integers decide:
 * sums of doubles have refused sets of utilisation exactly 1 (⅓ + ⅓ + ⅓) and would accept some just above it.
 */
export interface CpuShare {
  /** 0: no period, so that only the reservation counts. */
  readonly periodUs: number;
  readonly wcetUs: number;
  readonly reservedPpm: number;
}

export const PPB = 1_000_000_000;

/** Rounded up, to the next integer or, for a WCET above 9 s, one further. */
export function sharePpb(share: CpuShare): number {
  const usedPpb = share.periodUs > 0 ? Math.ceil((share.wcetUs * PPB) / share.periodUs) : 0;
  return Math.max(usedPpb, share.reservedPpm * 1000);
}

export function fitsOneCore(shares: readonly CpuShare[]): boolean {
  let roundedPpb = 0;
  for (const share of shares) roundedPpb += sharePpb(share);
  if (roundedPpb <= PPB - shares.length) return true;
  if (roundedPpb > PPB + 2 * shares.length) return false;
  // Σ nᵢ/dᵢ ≤ 1 with one common denominator.
  let numerator = 0n;
  let denominator = 1n;
  for (const { periodUs, wcetUs, reservedPpm } of shares) {
    const usedIsLarger = periodUs > 0 && BigInt(wcetUs) * 1_000_000n >= BigInt(reservedPpm) * BigInt(periodUs);
    const [n, d] = usedIsLarger ? [BigInt(wcetUs), BigInt(periodUs)] : [BigInt(reservedPpm), 1_000_000n];
    numerator = numerator * d + n * denominator;
    denominator *= d;
  }
  return numerator <= denominator;
}
