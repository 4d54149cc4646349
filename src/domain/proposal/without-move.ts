/**
 * Whether what was foreseen would have come had the task stayed, where it did not come after the task had left. Nobody can look; what can be told apart:
 *
 *   W1  the level went as was forecast without the move, and still ended below its limit: the forecast was wrong, the move was for nothing (0)
 *   W2  the level ended below what was forecast (its 10 % quantile), and so did what the ECU had to do: it calmed *because* its tasks left. Then nothing
 *       speaks against the forecast that was made without the move, and its probability stands
 *   W3  the level ended below, and the ECU has as much to do as before: the forecast was wrong, as in W1
 */
import type { Threat } from './threat.ts';

/** A fall of the load by so much, or by so much of what it was, is a fall. */
const FALL = 0.05;
const FALL_SHARE = 0.2;

export interface After {
  /** Of the level that was foreseen to reach its limit; NaN: not known any more. */
  readonly level: number;
  /** Of the ECU, when it was proposed and now. */
  readonly loadBefore: number;
  readonly load: number;
}

export function chanceWithoutMove(
  { quantiles: [low], probability }: Pick<Threat, 'quantiles' | 'probability'>,
  { level, loadBefore, load }: After,
): number {
  const calmed = level < low;
  const fell = loadBefore - load > Math.min(FALL, FALL_SHARE * loadBefore);
  return calmed && fell ? probability : 0;
}
