/**
 * When do probabilities become an alarm, and was it worth having?
 *
 * Rule: the first row at which `rows` rows in a row are above the threshold. Judged by the time left to the unit's last row:
 * *useful* within [latest, earliest], *early* before, *missed* after or never. A unit that is still alive at its end can only have a
 * *false* alarm, or none.
 *
 * The threshold is chosen for most useful alarms among units whose failures are known. Many thresholds tell the same there; the next units
 * will be a little worse than any that were seen, so it must go on telling the same when it is moved by up to `SPARE_MOST` in log-odds, or as
 * far as can be had; of those that do, the one nearest to one half.
 */
import { sigmoid } from './logistic.ts';
import { remaining, type UnitHistory } from './unit-history.ts';

export interface AlarmRule {
  readonly rows: number;
  readonly earliest: number;
  readonly latest: number;
}

export interface AlarmJudgement {
  readonly failures: number;
  /** Shares of the units that failed. */
  readonly useful: number;
  readonly early: number;
  readonly missed: number;
  /** Alarms about units that never failed, of those units; undefined when there were none. */
  readonly falseAlarms: number | undefined;
  /** Time left at useful alarms; undefined when there were none. */
  readonly leadMedian: number | undefined;
  readonly leadP10: number | undefined;
}

/** The row of the first alarm. */
export function firstAlarm(probabilities: ArrayLike<number>, threshold: number, rows: number): number | undefined {
  let above = 0;
  for (let i = 0; i < probabilities.length; i++) {
    above = (probabilities[i] as number) > threshold ? above + 1 : 0;
    if (above >= rows) return i;
  }
  return undefined;
}

export interface Alarmed {
  readonly unit: UnitHistory;
  /** One a row of the unit. */
  readonly probabilities: Float64Array;
}

export function judgeAlarms(alarmed: readonly Alarmed[], threshold: number, rule: AlarmRule): AlarmJudgement {
  const leads: number[] = [];
  let [failures, early, missed, alive, wrong] = [0, 0, 0, 0, 0];
  for (const { unit, probabilities } of alarmed) {
    const at = firstAlarm(probabilities, threshold, rule.rows);
    if (!unit.failed) {
      alive++;
      if (at !== undefined) wrong++;
      continue;
    }
    failures++;
    const left = at === undefined ? Number.NEGATIVE_INFINITY : remaining(unit, at);
    if (left < rule.latest) missed++;
    else if (left > rule.earliest) early++;
    else leads.push(left);
  }
  const share = (part: number): number => (failures === 0 ? 0 : part / failures);
  leads.sort((a, b) => a - b);
  return {
    failures,
    useful: share(leads.length),
    early: share(early),
    missed: share(missed),
    falseAlarms: alive === 0 ? undefined : wrong / alive,
    leadMedian: quantile(leads, 0.5),
    leadP10: quantile(leads, 0.1),
  };
}

const STEP = 0.125;
const SPARE_MOST = 4;
const LOG_ODDS = Array.from({ length: 193 }, (_, i) => (i - 96) * STEP);

/** The threshold for most useful alarms, and of those the one with the most to spare. */
export function chooseThreshold(alarmed: readonly Alarmed[], rule: AlarmRule): number {
  const useful = LOG_ODDS.map((at) => usefulAlarms(alarmed, sigmoid(at), rule));
  const most = Math.max(...useful);
  let best = { at: 0, spare: -1 };
  for (const [i, at] of LOG_ODDS.entries()) {
    if (useful[i] !== most) continue;
    let steps = 0;
    while (steps * STEP < SPARE_MOST && useful[i - steps - 1] === most && useful[i + steps + 1] === most) steps++;
    const spare = steps * STEP;
    if (spare > best.spare || (spare === best.spare && Math.abs(at) < Math.abs(best.at))) best = { at, spare };
  }
  return sigmoid(best.at);
}

function usefulAlarms(alarmed: readonly Alarmed[], threshold: number, rule: AlarmRule): number {
  let count = 0;
  for (const { unit, probabilities } of alarmed) {
    if (!unit.failed) continue;
    const at = firstAlarm(probabilities, threshold, rule.rows);
    if (at === undefined) continue;
    const left = remaining(unit, at);
    if (left >= rule.latest && left <= rule.earliest) count++;
  }
  return count;
}

/** Linear between the two nearest; `sorted` ascending. */
function quantile(sorted: readonly number[], share: number): number | undefined {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return undefined;
  return low + (high - low) * (place - Math.floor(place));
}
