/** Plays many seeds on all cores: worker threads that take one seed at a time. Verdicts come in any order. */
import { Worker } from 'node:worker_threads';
import type { SeedOptions, SeedVerdict } from './judge-seed.ts';

export interface SeedRange {
  readonly first: number;
  readonly last: number;
}

export interface CrewOptions {
  readonly seeds: SeedRange;
  readonly options: SeedOptions;
  readonly workers: number;
  /** Asked before a seed is begun: false ends the run with those that are under way. */
  readonly goesOn: (seed: number) => boolean;
  readonly onVerdict: (verdict: SeedVerdict) => void;
}

export async function playSeeds({ seeds, options, workers, goesOn, onVerdict }: CrewOptions): Promise<void> {
  let next = seeds.first;
  const take = (): number | undefined => (next <= seeds.last && goesOn(next) ? next++ : undefined);
  const count = Math.min(workers, seeds.last - seeds.first + 1);
  await Promise.all(Array.from({ length: count }, () => work(options, take, onVerdict)));
}

function work(options: SeedOptions, take: () => number | undefined, onVerdict: (verdict: SeedVerdict) => void): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.js', import.meta.url), { workerData: options });
  return new Promise((resolve, reject) => {
    const hand = (): void => {
      const seed = take();
      if (seed !== undefined) worker.postMessage(seed);
      else void worker.terminate().then(() => resolve());
    };
    worker.on('message', (verdict: SeedVerdict) => {
      onVerdict(verdict);
      hand();
    });
    worker.on('error', reject);
    hand();
  });
}
