/**
 * Plays one seed and says what became of it: never fails itself, so that a run over many seeds hears of every one. A failure
 * carries the story around it, and can be shrunk: the shortest phase of faults after which it still comes.
 */
import process from 'node:process';
import { InvariantError } from '../../../infra/sim/judges.ts';
import type { InvariantName } from '../../domain/invariants/violation.ts';
import { type Plant, plantsNamed } from '../../ports/plants.ts';
import type { DrawnLife, LifeSize } from './draw-life.ts';
import type { FleetWorld } from './fleet-world.ts';
import { type FaultSuffered, RandomLife, type RandomOutcome } from './random-fleet.ts';

export interface SeedOptions extends LifeSize {
  readonly plant?: Plant | undefined;
  readonly calmAtUs?: number;
}

export interface SeedFailure {
  /** The invariant that was broken; `liveness`: the world did not come to rest; `error`: something was thrown. */
  readonly kind: InvariantName | 'liveness' | 'error';
  readonly sentence: string;
  readonly atUs: number;
  /** The last messages of the story before it, oldest first: records, markers, first outputs, and what befell whom. */
  readonly sequence: readonly string[];
  /** The same with the state of everything, and the last lines of every log. */
  readonly story: readonly string[];
}

export interface SeedVerdict {
  readonly outcome: RandomOutcome;
  readonly drawn: DrawnLife;
  readonly suffered: readonly FaultSuffered[];
  readonly failure: SeedFailure | undefined;
}

const SEQUENCE_LINES = 30;
const STORY_LINES = 60;

export async function judgeSeed(seed: number, { plant, ...options }: SeedOptions = {}): Promise<SeedVerdict> {
  const life = new RandomLife(seed, {
    ...options,
    ...(plant === undefined ? {} : { plants: plantsNamed([plant]), nights: false }),
  });
  const thrown: unknown[] = [];
  const hear = (cause: unknown): void => void thrown.push(cause);
  process.on('unhandledRejection', hear);
  try {
    await life.play();
  } catch (cause) {
    thrown.unshift(cause);
  } finally {
    process.off('unhandledRejection', hear);
  }
  const [cause] = thrown;
  const failure = cause === undefined ? undefined : failureOf(life.fleet, cause);
  return { outcome: life.outcome(), drawn: life.drawn, suffered: life.suffered(), failure };
}

/** The earliest moment at which the faults may end so that it still fails, found by halving over the faults suffered. */
export async function shrink(verdict: SeedVerdict, options: SeedOptions = {}): Promise<SeedVerdict> {
  const { seed } = verdict.outcome;
  const ends = [...new Set(verdict.suffered.map(({ atUs }) => atUs + 1))];
  let shortest = verdict;
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const shorter = await judgeSeed(seed, { ...options, calmAtUs: ends[middle] as number });
    if (shorter.failure === undefined) low = middle + 1;
    else {
      shortest = shorter;
      high = middle;
    }
  }
  return shortest;
}

export function failureOf(fleet: FleetWorld, cause: unknown): SeedFailure {
  const text = cause instanceof Error ? cause.message : String(cause);
  const [sentence = ''] = text.split('\n');
  const unsettled = cause instanceof Error && cause.name === 'AssertionError' && /comes to rest within/.test(sentence);
  const kind = cause instanceof InvariantError ? cause.violation.invariant : unsettled ? 'liveness' : 'error';
  const atUs = fleet.world.scheduler.nowUs();
  return { kind, sentence, atUs, sequence: fleet.sequence(SEQUENCE_LINES), story: fleet.story(STORY_LINES).split('\n') };
}
