/**
 * A digital twin of rare situations: units that run up to a failure, of which hardly any were seen. A unit is made of three parts:
 *
 *   life      log-normal, as the lives that were seen
 *   head      the rows of a unit that was seen, up to its run-up; where that is too short, blocks of it come again
 *   run-up    block by block from the level that the head ends with; the rows of a block are its level and the residuals of a real one
 *
 * Levels come from a source. The *generator* is a regression and a network with a critic against it, one block a step:
 *
 *   expected   of each sensor by ridge regression on the time to the failure, on where it stands and where it moves
 *   off it     noise · time to the failure · where all sensors stand and where they move   →   how far each is off what was expected
 *
 * The regression carries the trend, which a few hundred blocks are too few for a network to find; the network is left with what is not linear
 * and with how sensors move together. Age is no condition: with the time to the failure it would name the unit.
 *
 * The *bootstrap* takes them from a run-up that was seen, the same time before the failure, of a unit that stood nearly where the head ends; where
 * that run-up is too short, from another one on. Both get the same lives, heads and residuals, so that what tells them apart is the run-up.
 */
import type { Rng } from '../kernel/rng.ts';
import { type Architecture, normal } from '../learn/architecture.ts';
import type { Network } from '../learn/network.ts';
import { factorise, solveFactorised } from '../statistics/cholesky.ts';
import { blocksOf, levelsOf, type RunUpShape } from './run-up.ts';
import type { UnitHistory } from './unit-history.ts';

export const RUN_UP_NOISE = 8;
/** Time to the failure in three shapes. */
const WHEN = 3;
/** What a sensor's next level is expected from: one, time in three shapes, where it stands, where it moves. */
export const RUN_UP_REGRESSORS = 1 + WHEN + 2;
const RIDGE = 1;
/** Of the slow mean of levels: what a new one adds. */
const SLOW = 1 / 3;
/** In deviations; farther nothing is told apart. */
const FAR = 5;
/** A block is learned from at so many offsets. */
const OFFSETS_MOST = 6;
/** The bootstrap goes on with one of so many units. Staying with it did better than going over to another one every half horizon. */
const NEAREST = 3;
/** A life is never drawn beyond so many deviations. */
const LIFE_FAR = 2;

export const runUpConditions = (sensors: number): number => WHEN + 2 * sensors;

export interface RunUpScale {
  /** Of the levels, sensor by sensor. */
  readonly means: Float32Array;
  readonly deviations: Float32Array;
  /** RUN_UP_REGRESSORS numbers a sensor: what its next level is expected to be off the slow mean before it, in deviations. */
  readonly expected: Float32Array;
  /** Of what a level then was off that, in deviations. */
  readonly moves: Float32Array;
  /** Of the logarithm of a life in rows. */
  readonly lifeMean: number;
  readonly lifeDeviation: number;
}

/** Writes where all sensors stand in block `k`, and says from which unit its residuals come. `state` is where they stood before. */
export interface RunUpSource {
  next(at: { readonly k: number; readonly state: LevelState }, rng: Rng, out: Float64Array): number;
  /** A new unit begins. */
  begin(): void;
}

/** What a block is drawn from. */
export class LevelState {
  readonly last: Float64Array;
  readonly slow: Float64Array;

  constructor(first: ArrayLike<number>) {
    this.last = Float64Array.from(first);
    this.slow = Float64Array.from(first);
  }

  take(levels: ArrayLike<number>, at = 0): void {
    for (let s = 0; s < this.last.length; s++) {
      const level = levels[at + s] as number;
      if (!Number.isFinite(level)) continue;
      this.last[s] = level;
      const before = this.slow[s] as number;
      this.slow[s] = Number.isFinite(before) ? before + SLOW * (level - before) : level;
    }
  }
}

const clamp = (x: number): number => (Number.isNaN(x) ? 0 : Math.max(-FAR, Math.min(FAR, x)));

// ——— what is learned from ———

export function runUpScale(shape: RunUpShape, units: readonly UnitHistory[]): RunUpScale {
  const { sensors } = shape;
  const levels = units.map((unit) => levelsOf(shape, unit));
  const [means, deviations] = [new Float32Array(sensors), new Float32Array(sensors)];
  for (let s = 0; s < sensors; s++) {
    const seen = levels.flatMap((all) =>
      Array.from({ length: all.length / sensors }, (_, k) => all[k * sensors + s] as number),
    );
    const { mean, deviation } = momentsOf(seen.filter(Number.isFinite));
    means[s] = mean;
    deviations[s] = Math.max(deviation, 1e-9 * Math.max(1, Math.abs(mean)));
  }
  const row = new Float32Array(runUpConditions(sensors));
  const [rows, moved]: [number[], number[]] = [[], []];
  eachBlock(shape, units, ({ state, levels: all, k, left }) => {
    writeConditions(shape, { means, deviations }, { left, state }, row, 0);
    rows.push(...row);
    for (let s = 0; s < sensors; s++) {
      const move = ((all[k * sensors + s] as number) - (state.slow[s] as number)) / (deviations[s] as number);
      moved.push(clamp(move));
    }
  });
  const expected = fitExpected(rows, moved, sensors);
  const moves = Float32Array.from({ length: sensors }, (_, s) => {
    let squares = 0;
    for (let i = 0; i * sensors < moved.length; i++)
      squares += ((moved[i * sensors + s] as number) - expectedMove(expected, rows, i * row.length, s, sensors)) ** 2;
    return Math.max(1e-6, Math.sqrt((squares * sensors) / Math.max(1, moved.length)));
  });
  const lives = momentsOf(units.map(({ times }) => Math.log(times.length)));
  // Of few lives the spread is seen too small; of one it is not seen at all.
  const unseen = Math.sqrt(units.length / Math.max(1, units.length - 1));
  return {
    means,
    deviations,
    expected,
    moves,
    lifeMean: lives.mean,
    lifeDeviation: units.length > 1 ? lives.deviation * unseen : 0.2,
  };
}

/** A regression a sensor, on its own past and the time alone: of few units no more can be learned. */
function fitExpected(rows: readonly number[], moved: readonly number[], sensors: number): Float32Array {
  const width = runUpConditions(sensors);
  const expected = new Float32Array(sensors * RUN_UP_REGRESSORS);
  const phi = new Float64Array(RUN_UP_REGRESSORS);
  for (let s = 0; s < sensors; s++) {
    const gram = new Float64Array(RUN_UP_REGRESSORS * RUN_UP_REGRESSORS);
    const right = new Float64Array(RUN_UP_REGRESSORS);
    for (let i = 0; i * sensors < moved.length; i++) {
      regressors(rows, i * width, s, sensors, phi);
      for (let a = 0; a < RUN_UP_REGRESSORS; a++) {
        right[a] = (right[a] as number) + (phi[a] as number) * (moved[i * sensors + s] as number);
        for (let b = 0; b < RUN_UP_REGRESSORS; b++)
          gram[a * RUN_UP_REGRESSORS + b] =
            (gram[a * RUN_UP_REGRESSORS + b] as number) + (phi[a] as number) * (phi[b] as number);
      }
    }
    for (let a = 0; a < RUN_UP_REGRESSORS; a++)
      gram[a * RUN_UP_REGRESSORS + a] = (gram[a * RUN_UP_REGRESSORS + a] as number) + RIDGE;
    if (!factorise(gram, RUN_UP_REGRESSORS)) continue;
    solveFactorised(gram, RUN_UP_REGRESSORS, right);
    expected.set(right, s * RUN_UP_REGRESSORS);
  }
  return expected;
}

function regressors(rows: ArrayLike<number>, at: number, s: number, sensors: number, out: Float64Array): void {
  out[0] = 1;
  for (let w = 0; w < WHEN; w++) out[1 + w] = rows[at + w] as number;
  out[1 + WHEN] = rows[at + WHEN + s] as number;
  out[2 + WHEN] = rows[at + WHEN + sensors + s] as number;
}

const PHI = new Float64Array(RUN_UP_REGRESSORS);

function expectedMove(expected: Float32Array, rows: ArrayLike<number>, at: number, s: number, sensors: number): number {
  regressors(rows, at, s, sensors, PHI);
  let sum = 0;
  for (let a = 0; a < RUN_UP_REGRESSORS; a++) sum += (expected[s * RUN_UP_REGRESSORS + a] as number) * (PHI[a] as number);
  return sum;
}

function momentsOf(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const count = Math.max(1, values.length);
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  return { mean, deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count) };
}

interface Seen {
  readonly state: LevelState;
  readonly levels: Float64Array;
  readonly k: number;
  /** Rows from there to the failure. */
  readonly left: number;
}

/** All blocks of all run-ups that have one before them, at several offsets. */
function eachBlock(shape: RunUpShape, units: readonly UnitHistory[], visit: (seen: Seen) => void): void {
  const { sensors, block, blocks } = shape;
  const step = Math.max(1, Math.ceil(block / OFFSETS_MOST));
  for (const unit of units) {
    for (let offset = 0; offset < block; offset += step) {
      const count = blocksOf(shape, unit, offset);
      if (count < 2) continue;
      const levels = levelsOf(shape, unit, offset);
      const state = new LevelState(levels.subarray((count - 1) * sensors));
      for (let k = count - 2; k >= 0; k--) {
        const left = offset + k * block;
        if (k < blocks) visit({ state, levels, k, left });
        state.take(levels, k * sensors);
      }
    }
  }
}

/** As a generator and its critic learn from them. */
export function runUpExamples(shape: RunUpShape, scale: RunUpScale, units: readonly UnitHistory[]) {
  const { sensors } = shape;
  const conditionCount = runUpConditions(sensors);
  const [real, conditions]: [number[], number[]] = [[], []];
  const row = new Float32Array(conditionCount);
  eachBlock(shape, units, ({ state, levels, k, left }) => {
    writeConditions(shape, scale, { left, state }, row, 0);
    conditions.push(...row);
    for (let s = 0; s < sensors; s++) {
      const move = ((levels[k * sensors + s] as number) - (state.slow[s] as number)) / (scale.deviations[s] as number);
      const off = (clamp(move) - expectedMove(scale.expected, row, 0, s, sensors)) / (scale.moves[s] as number);
      real.push(1 / (1 + Math.exp(-clamp(off))));
    }
  });
  return {
    real: Float32Array.from(real),
    used: new Uint16Array(real.length / sensors).fill(sensors),
    conditions: Float32Array.from(conditions),
    conditionCount,
  };
}

function writeConditions(
  { sensors, horizon, period, block, blocks }: RunUpShape,
  { means, deviations }: Pick<RunUpScale, 'means' | 'deviations'>,
  { left, state }: { readonly left: number; readonly state: LevelState },
  out: Float32Array,
  at: number,
): void {
  out[at] = left / (block * blocks);
  out[at + 1] = Math.exp((-left * period) / horizon);
  out[at + 2] = Math.exp((-3 * left * period) / horizon);
  for (let s = 0; s < sensors; s++) {
    const [slow, last] = [state.slow[s] as number, state.last[s] as number];
    out[at + WHEN + s] = clamp((slow - (means[s] as number)) / (deviations[s] as number));
    out[at + WHEN + sensors + s] = clamp((last - slow) / (deviations[s] as number));
  }
}

export function runUpArchitectures(sensors: number, widths: readonly number[]) {
  const said = runUpConditions(sensors);
  return {
    generator: { family: 'fnn', inputs: RUN_UP_NOISE + said, widths, outputs: sensors },
    critic: { family: 'fnn', inputs: sensors + said, widths, outputs: 1 },
  } satisfies Readonly<Record<string, Architecture>>;
}

// ——— drawing ———

export function generatorRunUps(shape: RunUpShape, scale: RunUpScale, network: Network, units: number): RunUpSource {
  const { sensors, block } = shape;
  const input = new Float32Array(RUN_UP_NOISE + runUpConditions(sensors));
  return {
    begin: () => {},
    next: ({ k, state }, rng, out) => {
      for (let z = 0; z < RUN_UP_NOISE; z++) input[z] = normal(rng);
      writeConditions(shape, scale, { left: k * block, state }, input, RUN_UP_NOISE);
      const made = network.run(input, 0, 1);
      for (let s = 0; s < sensors; s++) {
        const off = clamp(made[s] as number) * (scale.moves[s] as number);
        const move = expectedMove(scale.expected, input, RUN_UP_NOISE, s, sensors) + off;
        out[s] = (state.slow[s] as number) + clamp(move) * (scale.deviations[s] as number);
      }
      return rng.below(units);
    },
  };
}

export function bootstrapRunUps(shape: RunUpShape, scale: RunUpScale, units: readonly UnitHistory[]): RunUpSource {
  const { sensors, block } = shape;
  const levels = units.map((unit) => levelsOf(shape, unit));
  let own = -1;
  const choose = (k: number, state: LevelState, rng: Rng): number => {
    const near = levels
      .map((all, u) => ({ u, off: distance(all, k + 1, state) }))
      .filter(({ off }) => Number.isFinite(off))
      .sort((a, b) => a.off - b.off || a.u - b.u)
      .slice(0, NEAREST);
    return near.length === 0 ? -1 : (near[rng.below(near.length)] as { u: number }).u;
  };
  /** Of a unit in block `k` from where this one stands, by the slow mean there: a single block is noisy. */
  const distance = (all: Float64Array, k: number, { slow }: LevelState): number => {
    if ((k + 1) * sensors > all.length) return Number.NaN;
    let sum = 0;
    for (let s = 0; s < sensors; s++) {
      const off = ((all[k * sensors + s] as number) - (slow[s] as number)) / (scale.deviations[s] as number);
      if (Number.isFinite(off)) sum += off * off;
    }
    return sum;
  };
  return {
    begin: () => {
      own = -1;
    },
    next: ({ k, state }, rng, out) => {
      if (own < 0 || (units[own]?.times.length ?? 0) < (k + 1) * block) {
        const found = choose(k, state, rng);
        own = found < 0 ? rng.below(units.length) : found;
      }
      const all = levels[own] as Float64Array;
      const place = Math.min(k, all.length / sensors - 1);
      for (let s = 0; s < sensors; s++) out[s] = all[place * sensors + s] as number;
      return own;
    },
  };
}

/** What is drawn from; `units` are those that were seen, which heads and residuals are taken from. */
export interface RunUpParts {
  readonly shape: RunUpShape;
  readonly scale: RunUpScale;
  readonly source: RunUpSource;
  readonly units: readonly UnitHistory[];
}

/** Units that run up to their failure. For each longer life there is one that is shorter by as much: few drawn lives are then not all long. */
export function drawRunUps(parts: RunUpParts, count: number, rng: Rng): UnitHistory[] {
  const { lifeMean, lifeDeviation } = parts.scale;
  let off = 0;
  return Array.from({ length: count }, (_, i) => {
    off = i % 2 === 1 ? -off : Math.max(-LIFE_FAR, Math.min(LIFE_FAR, normal(rng)));
    const life = Math.max(2 * parts.shape.block, Math.round(Math.exp(lifeMean + off * lifeDeviation)));
    return drawRunUp(parts, { name: `twin-${i + 1}`, life }, rng);
  });
}

function drawRunUp(
  { shape, source, units }: RunUpParts,
  { name, life }: { readonly name: string; readonly life: number },
  rng: Rng,
): UnitHistory {
  const { sensors, block, blocks, period } = shape;
  const values = new Float64Array(life * sensors);
  // At least one block of every unit is real: what comes next has to follow from something.
  const made = Math.min(blocks, Math.floor(life / block) - 1);
  const headRows = life - made * block;
  const from = units[rng.below(units.length)] as UnitHistory;
  writeHead(shape, from, made, values.subarray(0, headRows * sensors), rng);
  const head: UnitHistory = {
    name,
    times: new Float64Array(headRows),
    values: values.subarray(0, headRows * sensors),
    failed: true,
  };
  const before = levelsOf(shape, head);
  const state = new LevelState(before.subarray(before.length - sensors));
  for (let k = before.length / sensors - 2; k >= 0; k--) state.take(before, k * sensors);
  const level = new Float64Array(sensors);
  source.begin();
  for (let k = made - 1; k >= 0; k--) {
    const row = life - (k + 1) * block;
    const residualsOf = units[source.next({ k, state }, rng, level)] as UnitHistory;
    state.take(level);
    writeBlock(shape, residualsOf, k, level, values.subarray(row * sensors, (row + block) * sensors));
  }
  return { name, times: Float64Array.from({ length: life }, (_, i) => (i + 1) * period), values, failed: true };
}

/** The rows of `from` that end `made` blocks before its failure, as many as there is room for; what is missing are blocks of it again. */
function writeHead({ sensors, block }: RunUpShape, from: UnitHistory, made: number, out: Float64Array, rng: Rng): void {
  const rows = out.length / sensors;
  // A unit that is shorter than its run-up gives its first rows.
  const end = Math.max(Math.min(block, from.times.length), from.times.length - made * block);
  const own = Math.min(rows, end);
  out.set(from.values.subarray((end - own) * sensors, end * sensors), (rows - own) * sensors);
  for (let filled = rows - own; filled > 0; ) {
    const some = Math.min(filled, block, end);
    const at = rng.below(end - some + 1);
    out.set(from.values.subarray(at * sensors, (at + some) * sensors), (filled - some) * sensors);
    filled -= some;
  }
}

/** The rows of block `k` of a unit (or of the earliest that it has), moved to stand around `level`. */
function writeBlock(shape: RunUpShape, unit: UnitHistory, k: number, level: Float64Array, out: Float64Array): void {
  const { sensors, block } = shape;
  const place = Math.min(k, blocksOf(shape, unit, 0) - 1);
  const from = unit.times.length - (place + 1) * block;
  for (let s = 0; s < sensors; s++) {
    let [sum, seen] = [0, 0];
    for (let i = 0; i < block; i++) {
      const value = unit.values[(from + i) * sensors + s] as number;
      if (!Number.isFinite(value)) continue;
      sum += value;
      seen++;
    }
    for (let i = 0; i < block; i++)
      out[i * sensors + s] = (unit.values[(from + i) * sensors + s] as number) - sum / seen + (level[s] as number);
  }
}
