/**
 * How good are yes/no answers? Always beside what costs nothing: the share of the larger class (`majorityRate`), which is what answering the
 * same every time would score. `unsafeRate` is the share of unschedulable sets among those that were called schedulable: what placing by the
 * answers alone would break.
 */
export interface Judgement {
  readonly count: number;
  readonly accuracy: number;
  /** Chance that a schedulable set gets a higher score than an unschedulable one (ties count half). */
  readonly auc: number;
  readonly majorityRate: number;
  readonly unsafeRate: number;
  /** Schedulable sets that were refused, of all schedulable ones. */
  readonly missedRate: number;
}

/** `scores` above `threshold` mean yes. */
export function judge(scores: Float64Array, labels: Uint8Array, threshold: number): Judgement {
  const count = labels.length;
  let [right, positives, accepted, unsafe] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const yes = (scores[i] as number) > threshold;
    const isGood = labels[i] === 1;
    if (yes === isGood) right++;
    if (isGood) positives++;
    if (yes) accepted++;
    if (yes && !isGood) unsafe++;
  }
  const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
  return {
    count,
    accuracy: share(right, count),
    auc: areaUnderCurve(scores, labels),
    majorityRate: share(Math.max(positives, count - positives), count),
    unsafeRate: share(unsafe, accepted),
    missedRate: share(positives - (accepted - unsafe), positives),
  };
}

/** By ranks (Mann & Whitney); ½ where one class is missing. */
export function areaUnderCurve(scores: Float64Array, labels: Uint8Array): number {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
  let [positives, rankSum] = [0, 0];
  for (let from = 0; from < order.length; ) {
    let to = from;
    let tied = 0;
    while (to < order.length && scores[order[to] as number] === scores[order[from] as number]) {
      tied += labels[order[to] as number] as number;
      to++;
    }
    rankSum += tied * ((from + 1 + to) / 2);
    positives += tied;
    from = to;
  }
  const negatives = labels.length - positives;
  if (positives === 0 || negatives === 0) return 0.5;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

// ——— deferring ———

/** Scores below `no` are refused, above `yes` accepted, and everything from one to the other is given to the exact test. */
export interface Deferral {
  readonly no: number;
  readonly yes: number;
}

/**
 * The narrowest band that leaves at most `errorsMost` of all answers wrong: found on sets that were not learned from. Half of the errors are
 * allowed on either side, since a wrong yes and a wrong no are different harms and neither should pay for the other.
 */
export function calibrateDeferral(scores: Float64Array, labels: Uint8Array, errorsMost: number): Deferral {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b);
  const allowed = Math.floor((errorsMost * labels.length) / 2);
  const edge = (from: number, step: 1 | -1, wrong: number): number => {
    let errors = 0;
    for (let i = from; i >= 0 && i < order.length; i += step) {
      const at = order[i] as number;
      if (labels[at] === wrong && ++errors > allowed) return scores[at] as number;
    }
    return step === 1 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  };
  const no = edge(0, 1, 1);
  const yes = edge(order.length - 1, -1, 0);
  if (no <= yes) return { no, yes };
  // Learned so well that the edges cross: nothing between them needs the exact test.
  const border = Number.isFinite(no + yes) ? (no + yes) / 2 : Number.isFinite(no) ? no : Number.isFinite(yes) ? yes : 0;
  return { no: border, yes: border };
}

export interface DeferralJudgement {
  readonly accuracy: number;
  readonly deferralRate: number;
  readonly unsafeRate: number;
}

/** The exact test is right about all that is deferred. */
export function judgeDeferral(scores: Float64Array, labels: Uint8Array, { no, yes }: Deferral): DeferralJudgement {
  let [deferred, wrong, accepted, unsafe] = [0, 0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const score = scores[i] as number;
    const isGood = labels[i] === 1;
    const defers = score >= no && score <= yes;
    const says = defers ? isGood : score > yes;
    if (defers) deferred++;
    if (says !== isGood) wrong++;
    if (says) accepted++;
    if (says && !isGood) unsafe++;
  }
  const count = Math.max(1, labels.length);
  return { accuracy: 1 - wrong / count, deferralRate: deferred / count, unsafeRate: accepted === 0 ? 0 : unsafe / accepted };
}
