/**
 * How long a job takes when it does not take its WCET: distributions, checked once and then drawn from without garbage.
 *
 * Every draw is a whole number of µs between 1 and the task's WCET. Only + − × ÷ and √ are used, so that one seed gives
 * the same draws on every engine; that is why `normal` is the sum of twelve uniform draws (its tails end at six standard
 * deviations) and not a logarithm's. One draw has 32 random bits: in a range above 2³² µs some values never come.
 */
import { assert } from '../../kernel/assert.ts';
import type { Rng } from '../../kernel/rng.ts';

export type ExecutionTime =
  /** Always this long. */
  | { readonly kind: 'constant'; readonly us: number }
  /** Each whole number of µs between the two is as likely. */
  | { readonly kind: 'uniform'; readonly minUs: number; readonly maxUs: number }
  /** Most often near the mode, rarely near the ends. */
  | { readonly kind: 'triangular'; readonly minUs: number; readonly modeUs: number; readonly maxUs: number }
  /** What lies beyond 1 µs or the WCET counts as that. */
  | { readonly kind: 'normal'; readonly meanUs: number; readonly deviationUs: number }
  /** What was measured: each value with how often it came. */
  | { readonly kind: 'measured'; readonly values: readonly { readonly us: number; readonly weight: number }[] };

/** What is wrong with a distribution, as a sentence about `execution`; undefined: nothing. */
export function executionProblem(execution: ExecutionTime, wcetUs: number): string | undefined {
  const within = (name: string, us: number): string | undefined =>
    Number.isSafeInteger(us) && us >= 1 && us <= wcetUs
      ? undefined
      : `${name} is ${us}; it has to be a whole number of µs between 1 and the WCET of ${wcetUs}`;
  switch (execution.kind) {
    case 'constant':
      return within('us', execution.us);
    case 'uniform':
      return (
        within('minUs', execution.minUs) ??
        within('maxUs', execution.maxUs) ??
        (execution.minUs > execution.maxUs ? `minUs ${execution.minUs} is above maxUs ${execution.maxUs}` : undefined)
      );
    case 'triangular':
      return (
        within('minUs', execution.minUs) ??
        within('modeUs', execution.modeUs) ??
        within('maxUs', execution.maxUs) ??
        (execution.minUs <= execution.modeUs && execution.modeUs <= execution.maxUs
          ? undefined
          : `minUs ${execution.minUs}, modeUs ${execution.modeUs} and maxUs ${execution.maxUs} do not ascend`)
      );
    case 'normal':
      return (
        within('meanUs', execution.meanUs) ??
        (execution.deviationUs >= 0 && execution.deviationUs <= wcetUs
          ? undefined
          : `deviationUs is ${execution.deviationUs}; it has to be between 0 and the WCET of ${wcetUs}`)
      );
    case 'measured':
      return measuredProblem(execution.values, within);
  }
}

/** More values than this are a histogram that should have been made coarser. */
const VALUES_MAX = 10_000;

function measuredProblem(
  values: readonly { readonly us: number; readonly weight: number }[],
  within: (name: string, us: number) => string | undefined,
): string | undefined {
  if (values.length === 0) return 'values is empty';
  if (values.length > VALUES_MAX) return `values has ${values.length} entries; at most ${VALUES_MAX} are taken`;
  for (const [at, { us, weight }] of values.entries()) {
    const problem = within(`values[${at}].us`, us);
    if (problem !== undefined) return problem;
    if (!(weight > 0 && weight <= 1e12)) return `values[${at}].weight is ${weight}; it has to be above 0 and at most 1e12`;
  }
  return undefined;
}

const [CONSTANT, UNIFORM, TRIANGULAR, NORMAL, MEASURED] = [0, 1, 2, 3, 4];

/** A checked distribution, made ready for drawing. All have the same shape, so that the drawing function stays quick. */
export interface ExecutionDraw {
  readonly kind: number;
  readonly wcetUs: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly values: Float64Array;
  /** Walker's alias method: slot s gives its own value with this probability, otherwise that of `alias[s]`. */
  readonly own: Float64Array;
  readonly alias: Int32Array;
}

const NONE = { values: new Float64Array(0), own: new Float64Array(0), alias: new Int32Array(0) };

export function prepareDraw(execution: ExecutionTime, wcetUs: number): ExecutionDraw {
  assert(executionProblem(execution, wcetUs) === undefined, 'a distribution is checked before it is drawn from');
  switch (execution.kind) {
    case 'constant':
      return { kind: CONSTANT, wcetUs, a: execution.us, b: 0, c: 0, ...NONE };
    case 'uniform':
      return { kind: UNIFORM, wcetUs, a: execution.minUs, b: execution.maxUs, c: 0, ...NONE };
    case 'triangular':
      return { kind: TRIANGULAR, wcetUs, a: execution.minUs, b: execution.modeUs, c: execution.maxUs, ...NONE };
    case 'normal':
      return { kind: NORMAL, wcetUs, a: execution.meanUs, b: execution.deviationUs, c: 0, ...NONE };
    case 'measured':
      return { kind: MEASURED, wcetUs, a: 0, b: 0, c: 0, ...aliasTable(execution.values) };
  }
}

/** The next execution time in µs: whole, at least 1, at most the WCET. */
export function drawExecutionUs(draw: ExecutionDraw, rng: Rng): number {
  const { kind, a, b, c } = draw;
  if (kind === CONSTANT) return a;
  if (kind === UNIFORM) return a + Math.floor(rng.unit() * (b - a + 1));
  if (kind === TRIANGULAR) {
    if (c === a) return a;
    const u = rng.unit();
    const us = u * (c - a) < b - a ? a + Math.sqrt(u * (c - a) * (b - a)) : c - Math.sqrt((1 - u) * (c - a) * (c - b));
    return Math.min(c, Math.max(a, Math.round(us)));
  }
  if (kind === NORMAL) {
    let sum = -6;
    for (let draws = 0; draws < 12; draws++) sum += rng.unit();
    return Math.min(draw.wcetUs, Math.max(1, Math.round(a + sum * b)));
  }
  const slot = rng.below(draw.values.length);
  const chosen = rng.unit() < (draw.own[slot] as number) ? slot : (draw.alias[slot] as number);
  return draw.values[chosen] as number;
}

function aliasTable(
  values: readonly { readonly us: number; readonly weight: number }[],
): Omit<ExecutionDraw, 'kind' | 'wcetUs' | 'a' | 'b' | 'c'> {
  const n = values.length;
  let total = 0;
  for (const { weight } of values) total += weight;
  const scaled = Float64Array.from(values, ({ weight }) => (weight * n) / total);
  const own = new Float64Array(n).fill(1);
  const alias = Int32Array.from(values, (_, at) => at);
  const small: number[] = [];
  const large: number[] = [];
  for (let at = 0; at < n; at++) ((scaled[at] as number) < 1 ? small : large).push(at);
  for (let less = small.pop(), more = large.pop(); less !== undefined && more !== undefined; less = small.pop()) {
    own[less] = scaled[less] as number;
    alias[less] = more;
    scaled[more] = (scaled[more] as number) - (1 - (scaled[less] as number));
    if ((scaled[more] as number) < 1) {
      small.push(more);
      more = large.pop();
    }
  }
  return { values: Float64Array.from(values, ({ us }) => us), own, alias };
}
