/**
 * Who is to blame when many ECUs fall silent together? Independent machines seldom die in the same moment, but all of them
 * fall silent when the broker between them does. So above a number of simultaneous, unconfirmed suspicions the broker is
 * suspected first, and no ECU is declared failed on silence alone until the broker has answered or a bound has passed.
 *
 * A suspicion that was *confirmed* (process table, supervisor) is a fact about that ECU and counts for nobody else. The hold
 * is bounded: with the broker alive and half the fleet without power, restores must still start.
 */
export interface BrokerSuspicionPolicy {
  /** Fewer than this never point at the broker: in a fleet of three, two dead ECUs are two dead ECUs. */
  readonly suspectsMin: number;
  /** Share of the watched ECUs, in ppm, from which on the broker is the simpler explanation. */
  readonly sharePpmMin: number;
  /** Suspicions this close together are simultaneous. */
  readonly windowUs: number;
  /** After this long the ECUs are judged one by one whatever the broker says. */
  readonly holdUsMax: number;
}

export const BROKER_SUSPICION_DEFAULTS: BrokerSuspicionPolicy = {
  suspectsMin: 3,
  sharePpmMin: 500_000,
  windowUs: 2_000_000,
  holdUsMax: 5_000_000,
};

export interface SuspicionPicture {
  readonly nowUs: number;
  /** When each ECU that is suspect now, and unconfirmed, became so. Any order. */
  readonly suspectedAtUs: readonly number[];
  /** ECUs watched and not known to be dead, the suspects among them. */
  readonly watchedCount: number;
  /** When the broker last proved that it works (an answer to a request, a message of another ECU); undefined: never. */
  readonly brokerAnsweredAtUs: number | undefined;
}

export type SuspicionVerdict =
  | { readonly kind: 'ecus'; readonly because: 'few' | 'broker-answers' | 'held-long-enough'; readonly simultaneous: number }
  | { readonly kind: 'broker'; readonly simultaneous: number; readonly neededMin: number; readonly holdUntilUs: number };

export function judgeSuspicions(
  picture: SuspicionPicture,
  policy: BrokerSuspicionPolicy = BROKER_SUSPICION_DEFAULTS,
): SuspicionVerdict {
  const neededMin = Math.max(policy.suspectsMin, Math.ceil((picture.watchedCount * policy.sharePpmMin) / 1_000_000));
  const burst = largestBurst(picture.suspectedAtUs, policy.windowUs);
  const simultaneous = burst.count;
  if (simultaneous < neededMin) return { kind: 'ecus', because: 'few', simultaneous };
  // An answer that came after the last of the burst fell silent: the broker carries messages, the ECUs do not send any.
  if (picture.brokerAnsweredAtUs !== undefined && picture.brokerAnsweredAtUs > burst.lastUs) {
    return { kind: 'ecus', because: 'broker-answers', simultaneous };
  }
  const holdUntilUs = burst.firstUs + policy.holdUsMax;
  if (picture.nowUs >= holdUntilUs) return { kind: 'ecus', because: 'held-long-enough', simultaneous };
  return { kind: 'broker', simultaneous, neededMin, holdUntilUs };
}

/** The most suspicions within one window; of equals the latest. */
function largestBurst(suspectedAtUs: readonly number[], windowUs: number): { count: number; firstUs: number; lastUs: number } {
  const sorted = [...suspectedAtUs].sort((a, b) => a - b);
  let best = { count: 0, firstUs: 0, lastUs: 0 };
  let first = 0;
  for (let last = 0; last < sorted.length; last++) {
    const lastUs = sorted[last] as number;
    while (lastUs - (sorted[first] as number) > windowUs) first++;
    const count = last - first + 1;
    if (count >= best.count) best = { count, firstUs: sorted[first] as number, lastUs };
  }
  return best;
}
