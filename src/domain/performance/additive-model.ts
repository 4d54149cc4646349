/**
 * What a task takes on a resource, from whatever pairs of the two were measured so far: a sum of effects in the logarithm,
 *
 *   log y = offset + mean + family + task + kind + resource + task×kind + contention·(pressure + family's + task's pressure) + pair
 *
 * each drawn towards 0 by a prior of its own width (a mixed model). A task that was never seen on a resource gets what tasks take there and
 * what it takes elsewhere; a resource that was never seen gets its kind; what was measured often answers for itself. A family is tasks of
 * the same code.
 *
 * A *cell* is one task on one resource at one level of contention: count, mean and spread of what was measured, old measurements fading. A
 * thousand measurements of one cell are still one cell, so they cannot pretend to tell the task's part from the resource's. The effects
 * are solved by sweeps over the cells (Gauss–Seidel on the ridge equations), from where the last sweeps ended.
 *
 * Its error is shown as it was, not as it should be: before a cell is measured for the first time, what the model would have said is kept
 * and compared, apart by how much the model had to go by (`Basis`).
 * Source: Robinson, Statistical Science 6(1), 1991 (best linear unbiased prediction).
 */

export const BASES = ['measured', 'kind', 'task', 'resource', 'nothing'] as const;
/** measured: this very pair; kind: the task on other resources of the kind; task: on other kinds; resource: other tasks on it; nothing. */
export type Basis = (typeof BASES)[number];

export interface Pair {
  readonly task: string;
  readonly family: string;
  readonly resource: string;
  readonly kind: string;
  /** 0: alone … 1: as much competition for caches and memory as there is. */
  readonly contention: number;
  /** Known beforehand: log of the work's size less log of the nominal speed, say. */
  readonly offset: number;
}

export interface Estimate {
  readonly log: number;
  /** Standard deviation of single measurements around it, errors of the model included. */
  readonly deviation: number;
  readonly basis: Basis;
  /** Measurements of this very pair. */
  readonly samples: number;
}

interface Cell {
  readonly task: string;
  readonly family: string;
  readonly resource: string;
  readonly kind: string;
  readonly contention: number;
  count: number;
  /** Of log y − offset. */
  mean: number;
  variance: number;
}

type EffectName =
  | 'mean'
  | 'family'
  | 'task'
  | 'kind'
  | 'resource'
  | 'taskKind'
  | 'pressure'
  | 'familyPressure'
  | 'taskPressure';

/** How far each effect is thought to reach before anything is measured, in natural logarithms. */
const WIDTHS: Readonly<Record<EffectName, number>> = {
  mean: 10,
  family: 2,
  task: 2,
  kind: 1,
  resource: 0.3,
  taskKind: 0.5,
  pressure: 1,
  familyPressure: 0.5,
  taskPressure: 0.2,
};
const PAIR_WIDTH = 0.15;
const NOISE_AT_FIRST = 0.2;
const NOISE_COUNT = 3;
const COUNT_MOST = 200;
const SWEEPS_MOST = 60;
const SETTLED = 1e-5;
/** Means that moved less than this leave the effects as they are: a measurement that changes nothing costs nothing. */
const DRIFT_LEAST = 0.01;
const LEVELS = 4;
const ERRORS_AT_FIRST: Readonly<Record<Basis, number>> = { measured: 0.1, kind: 0.3, task: 0.7, resource: 1.5, nothing: 3 };
const ERROR_COUNT = 4;

export class AdditiveModel {
  readonly #cells = new Map<string, Cell>();
  readonly #effects = new Map<string, number>();
  readonly #errors = new Map<Basis, { count: number; squares: number }>();
  /** How far the cells' means have moved since the effects were solved, at most. */
  #drifted = 0;

  /**
   * Takes one measurement; `log` is its natural logarithm. What is not a number says nothing. Comparing a new cell solves the effects first, so
   * whoever brings a thousand new tasks at once leaves it out for those: of a task that was never seen nothing is asked either.
   */
  observe(pair: Pair, log: number, compares = true): void {
    const value = log - pair.offset;
    if (!Number.isFinite(value)) return;
    const key = cellKey(pair);
    const cell = this.#cells.get(key);
    if (cell === undefined) {
      if (compares) this.#compare(pair, log);
      const { task, family, resource, kind } = pair;
      this.#cells.set(key, { task, family, resource, kind, contention: levelOf(pair), count: 1, mean: value, variance: 0 });
      this.#drifted = Number.POSITIVE_INFINITY;
      return;
    }
    cell.count = Math.min(COUNT_MOST, cell.count + 1);
    const step = value - cell.mean;
    cell.mean += step / cell.count;
    cell.variance += (step * (value - cell.mean) - cell.variance) / cell.count;
    this.#drifted += Math.abs(step) / cell.count;
  }

  /** What was measured of a task, or on a resource, that is gone for good. */
  forget({ task, resource }: { readonly task?: string; readonly resource?: string }): void {
    for (const [key, cell] of this.#cells) if (cell.task === task || cell.resource === resource) this.#cells.delete(key);
    this.#drifted = Number.POSITIVE_INFINITY;
  }

  estimate(pair: Pair): Estimate {
    this.#settle();
    const key = cellKey(pair);
    const cell = this.#cells.get(key);
    const basis = this.#basisOf(pair, cell);
    const { squares, count } = this.#errors.get(basis) ?? { squares: 0, count: 0 };
    const prior = ERRORS_AT_FIRST[basis] ** 2;
    const error = (squares + ERROR_COUNT * prior) / (count + ERROR_COUNT);
    const log = pair.offset + this.#sumOf(pair, levelOf(pair));
    if (cell === undefined) return { log, deviation: Math.sqrt(error + this.#noise()), basis, samples: 0 };
    const noise = noiseOf(cell);
    // The pair's own effect: what is left of its mean, as far as its count can be trusted.
    const trusted = PAIR_WIDTH ** 2 / (PAIR_WIDTH ** 2 + noise / cell.count);
    const own = trusted * (cell.mean - this.#sumOf(pair, cell.contention));
    return { log: log + own, deviation: Math.sqrt(noise + (1 - trusted) * error), basis, samples: cell.count };
  }

  /** Root mean square of the errors it has made so far where it had this to go by; undefined before the first. */
  errorOf(basis: Basis): { readonly deviation: number; readonly count: number } | undefined {
    const found = this.#errors.get(basis);
    return found === undefined ? undefined : { deviation: Math.sqrt(found.squares / found.count), count: found.count };
  }

  #compare(pair: Pair, log: number): void {
    if (this.#cells.size === 0) return;
    const { log: said, basis } = this.estimate(pair);
    const errors = this.#errors.get(basis) ?? { count: 0, squares: 0 };
    // Old errors fade: the model has learned since.
    const keeps = errors.count >= COUNT_MOST ? 1 - 1 / COUNT_MOST : 1;
    this.#errors.set(basis, { count: errors.count * keeps + 1, squares: errors.squares * keeps + (log - said) ** 2 });
  }

  #basisOf(pair: Pair, cell: Cell | undefined): Basis {
    if (cell !== undefined) return 'measured';
    let [onKind, elsewhere, others] = [false, false, false];
    for (const { task, kind, resource } of this.#cells.values()) {
      if (task === pair.task) {
        if (kind === pair.kind) onKind = true;
        else elsewhere = true;
      } else if (resource === pair.resource) others = true;
    }
    return onKind ? 'kind' : elsewhere ? 'task' : others ? 'resource' : 'nothing';
  }

  /** Typical variance of single measurements. */
  #noise(): number {
    let [sum, count] = [NOISE_AT_FIRST ** 2 * NOISE_COUNT, NOISE_COUNT];
    for (const cell of this.#cells.values()) {
      sum += noiseOf(cell);
      count++;
    }
    return sum / count;
  }

  #sumOf(at: Pair | Cell, contention: number): number {
    let sum = 0;
    for (const { key, factor } of effectsOf(at, contention)) sum += factor * (this.#effects.get(key) ?? 0);
    return sum;
  }

  #settle(): void {
    if (this.#drifted < DRIFT_LEAST) return;
    this.#drifted = 0;
    interface Part {
      readonly cell: number;
      readonly factor: number;
    }
    const cells = [...this.#cells.values()];
    const weights = cells.map((cell) => 1 / (noiseOf(cell) / cell.count + PAIR_WIDTH ** 2));
    const parts = new Map<string, { readonly name: EffectName; readonly of: Part[] }>();
    for (const [c, cell] of cells.entries()) {
      for (const { key, name, factor } of effectsOf(cell, cell.contention)) {
        const effect = parts.get(key) ?? { name, of: [] };
        if (effect.of.length === 0) parts.set(key, effect);
        effect.of.push({ cell: c, factor });
      }
    }
    for (const key of this.#effects.keys()) if (!parts.has(key)) this.#effects.delete(key);
    const rest = cells.map((cell) => cell.mean - this.#sumOf(cell, cell.contention));
    for (let sweep = 0; sweep < SWEEPS_MOST; sweep++) {
      let moved = 0;
      for (const [key, { name, of }] of parts) {
        const before = this.#effects.get(key) ?? 0;
        let [pull, precision] = [0, 1 / WIDTHS[name] ** 2];
        for (const { cell, factor } of of) {
          const weight = (weights[cell] as number) * factor;
          pull += weight * ((rest[cell] as number) + factor * before);
          precision += weight * factor;
        }
        const after = pull / precision;
        for (const { cell, factor } of of) rest[cell] = (rest[cell] as number) - factor * (after - before);
        this.#effects.set(key, after);
        moved = Math.max(moved, Math.abs(after - before));
      }
      if (moved < SETTLED) break;
    }
  }
}

interface Effect {
  readonly key: string;
  readonly name: EffectName;
  readonly factor: number;
}

function effectsOf({ task, family, kind, resource }: Pair | Cell, contention: number): Effect[] {
  const always: Effect[] = [
    { key: 'mean', name: 'mean', factor: 1 },
    { key: `family ${family}`, name: 'family', factor: 1 },
    { key: `task ${task}`, name: 'task', factor: 1 },
    { key: `kind ${kind}`, name: 'kind', factor: 1 },
    { key: `resource ${resource}`, name: 'resource', factor: 1 },
    { key: `taskKind ${kind} ${task}`, name: 'taskKind', factor: 1 },
  ];
  if (contention === 0) return always;
  return [
    ...always,
    { key: 'pressure', name: 'pressure', factor: contention },
    { key: `familyPressure ${family}`, name: 'familyPressure', factor: contention },
    { key: `taskPressure ${task}`, name: 'taskPressure', factor: contention },
  ];
}

const levelOf = ({ contention }: Pair): number =>
  Number.isFinite(contention) ? Math.round(Math.max(0, Math.min(1, contention)) * LEVELS) / LEVELS : 0;

const cellKey = (pair: Pair): string => JSON.stringify([pair.task, pair.resource, levelOf(pair)]);

/** Of single measurements: its own, and as if `NOISE_COUNT` typical ones had been seen before. */
const noiseOf = ({ count, variance }: Cell): number =>
  (count * variance + NOISE_COUNT * NOISE_AT_FIRST ** 2) / (count + NOISE_COUNT);
