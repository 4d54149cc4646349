/**
 * Whether an ECU is worn out within the horizon: first passage of its wear limit by a Wiener process with a drift. Wear only grows, slowly, and ever
 * faster with heat; nobody has seen this one fail, so its own drift is all there is. A limit has to be known, and the part has to say how worn it is.
 */
import type { WienerPrior } from '../hazard/wiener.ts';
import { LevelWatch } from './level-watch.ts';

/** Shares of its life and seconds: a part is new, or lasts for minutes in a simulation played fast. */
const WEAR: WienerPrior = { driftMean: 0, driftDeviation: 0.005, driftWander: 0.0002, diffusion: 0.0005, noise: 0.003 };

export const createWearWatch = (limit: number, horizonS: number): LevelWatch =>
  new LevelWatch({ cause: 'ageing', level: 'wear', deadly: true, limit, horizonS, prior: WEAR, least: 0 });
