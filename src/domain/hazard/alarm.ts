/**
 * When do probabilities become an alarm, and was it worth having?
 *
 * Rule: the first row at which `rows` rows in a row are above the threshold. Judged by the time left to the unit's last row:
 * *useful* within [latest, earliest], *early* before, *missed* after or never. A unit that is still alive at its end can only have a
 * *false* alarm, or none.
 *
 * The threshold is chosen for most useful alarms among units whose failures are known. Many thresholds tell the same there, so of these it is
 * the one whose worst alarm is furthest from being early or missed: the next unit will be a little worse than any that was seen.
 */
import { sigmoid } from './logistic.ts';
import { remaining, type UnitHistory } from './unit-history.ts';

export interface AlarmRule {
  readonly rows: number;
  readonly earliest: number;
  readonly latest: number;
}

export const ALARM_ROWS = 3;

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

/** The threshold for most useful alarms, and of those the one with the most to spare. */
export function chooseThreshold(alarmed: readonly Alarmed[], rule: AlarmRule): number {
  let best = { threshold: 0.5, useful: 0, spare: Number.NEGATIVE_INFINITY };
  for (const threshold of THRESHOLDS) {
    let useful = 0;
    let spare = Number.POSITIVE_INFINITY;
    for (const { unit, probabilities } of alarmed) {
      if (!unit.failed) continue;
      const at = firstAlarm(probabilities, threshold, rule.rows);
      const left = at === undefined ? Number.NEGATIVE_INFINITY : remaining(unit, at);
      if (left < rule.latest || left > rule.earliest) continue;
      useful++;
      spare = Math.min(spare, left - rule.latest, rule.earliest - left);
    }
    if (useful > best.useful || (useful === best.useful && spare > best.spare)) best = { threshold, useful, spare };
  }
  return best.threshold;
}

/** Even steps of log-odds, the undecided first: of thresholds that do equally well the one nearest to it is taken. */
const THRESHOLDS = Array.from({ length: 97 }, (_, i) => sigmoid((i % 2 === 0 ? 1 : -1) * Math.ceil(i / 2) * 0.125));

/** Linear between the two nearest; `sorted` ascending. */
function quantile(sorted: readonly number[], share: number): number | undefined {
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return undefined;
  return low + (high - low) * (place - Math.floor(place));
}
