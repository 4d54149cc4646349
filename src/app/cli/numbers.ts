/** Parsers for option values; commander shows what they say beside the option's name. */
import { InvalidArgumentError } from 'commander';
import { PROVES_PER_MINUTE, PROVES_PER_MINUTE_MAX } from '../compose/process-config.ts';

export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number between ${least} and ${most}.`);
  };

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Give a number above 0.');
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  ms: 1000,
  s: 1_000_000,
  min: 60_000_000,
  h: 3_600_000_000,
};

/** `200ms`, `1.5 s` → µs, whole and between the two. */
export const durationUs =
  (leastUs: number, mostUs: number) =>
  (text: string): number => {
    const match = /^(\d+(?:\.\d+)?)\s*([a-zµ]+)$/.exec(text.trim());
    const value = Math.round(Number(match?.[1]) * (TIME_UNITS[match?.[2] ?? ''] ?? Number.NaN) * 1000) / 1000;
    if (Number.isSafeInteger(value) && value >= leastUs && value <= mostUs) return value;
    throw new InvalidArgumentError(
      `Give a time with its unit (us, ms, s, min, h), e.g. 200ms, at most ${Math.floor(mostUs / 3_600_000_000)}h.`,
    );
  };

export const PROVE_HELP = `try checkpoints in a sandbox when idle: on (${PROVES_PER_MINUTE} a minute, the default), off, or how many a minute`;

/** `on`, `off`, or how many a minute. `on` is whatever the default is. */
export function provesPerMinute(text: string): number {
  if (text === 'on') return PROVES_PER_MINUTE;
  if (text === 'off') return 0;
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= 1 && value <= PROVES_PER_MINUTE_MAX) return value;
  throw new InvalidArgumentError(`Give on, off, or a whole number (a minute) between 1 and ${PROVES_PER_MINUTE_MAX}.`);
}

export const collect = (value: string, before: readonly string[]): string[] => [...before, value];

export interface Range {
  readonly least: number;
  readonly most: number;
}

/** Two numbers, the smaller first, `3..20`; or one, for both. */
export const range =
  (least: number, most: number, { whole }: { readonly whole: boolean }) =>
  (text: string): Range => {
    const match = /^(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?$/.exec(text.trim());
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    const isFine = match !== null && from >= least && to <= most && from <= to && (!whole || Number.isInteger(from + to));
    if (isFine && (!whole || Number.isInteger(from))) return { least: from, most: to };
    throw new InvalidArgumentError(
      `Give two ${whole ? 'whole ' : ''}numbers between ${least} and ${most}, the smaller first: 3..20.`,
    );
  };
