/** Plays many lives, or many losses, on all cores: worker threads that take one at a time. Outcomes come in any order. */
import { Worker } from 'node:worker_threads';
import type { SeedOptions, SeedVerdict } from './judge-seed.ts';
import type { LossOutcome, LossTrial } from './loss-trial.ts';
import type { OwnFleet } from './own-fleet.ts';

export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

/** What a worker is told to do. */
export type CrewJob =
  | { readonly kind: 'seed'; readonly seed: number; readonly options: SeedOptions }
  | { readonly kind: 'loss'; readonly own: OwnFleet; readonly trial: LossTrial };
export type CrewAnswer =
  | { readonly kind: 'seed'; readonly verdict: SeedVerdict }
  | { readonly kind: 'loss'; readonly outcome: LossOutcome };

export interface SeedsOptions {
  readonly seeds: SeedRange;
  readonly options: SeedOptions;
  readonly workers: number;
  /** Asked before a seed is begun: false ends the run with those that are under way. */
  readonly goesOn: (seed: number) => boolean;
  readonly onVerdict: (verdict: SeedVerdict) => void;
}

export function playSeeds({ seeds, options, workers, goesOn, onVerdict }: SeedsOptions): Promise<void> {
  let next = seeds.first;
  const take = (): CrewJob | undefined =>
    next <= seeds.last && goesOn(next) ? { kind: 'seed', seed: next++, options } : undefined;
  const hear = (answer: CrewAnswer): void => {
    if (answer.kind === 'seed') onVerdict(answer.verdict);
  };
  return playAll(Math.min(workers, seeds.last - seeds.first + 1), take, hear);
}

export interface LossesOptions {
  readonly own: OwnFleet;
  readonly trials: readonly LossTrial[];
  readonly workers: number;
  readonly onOutcome: (outcome: LossOutcome) => void;
}

export function playLosses({ own, trials, workers, onOutcome }: LossesOptions): Promise<void> {
  let next = 0;
  const take = (): CrewJob | undefined => {
    const trial = trials[next++];
    return trial === undefined ? undefined : { kind: 'loss', own, trial };
  };
  const hear = (answer: CrewAnswer): void => {
    if (answer.kind === 'loss') onOutcome(answer.outcome);
  };
  return playAll(Math.min(workers, trials.length), take, hear);
}

async function playAll(workers: number, take: () => CrewJob | undefined, hear: (answer: CrewAnswer) => void): Promise<void> {
  await Promise.all(Array.from({ length: workers }, () => work(take, hear)));
}

function work(take: () => CrewJob | undefined, hear: (answer: CrewAnswer) => void): Promise<void> {
  const worker = new Worker(new URL('./crew-worker.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const hand = (): void => {
      const job = take();
      if (job !== undefined) worker.postMessage(job);
      else void worker.terminate().then(() => resolve());
    };
    worker.on('message', (answer: CrewAnswer) => {
      hear(answer);
      hand();
    });
    worker.on('error', reject);
    hand();
  });
}
