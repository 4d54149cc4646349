/** A worker thread that plays the seeds it is told, one after the other, and answers each with its verdict. */
import { parentPort, workerData } from 'node:worker_threads';
import { judgeSeed, type SeedOptions } from './judge-seed.ts';

parentPort?.on('message', (seed: number) => {
  void judgeSeed(seed, workerData as SeedOptions).then((verdict) => parentPort?.postMessage(verdict));
});
