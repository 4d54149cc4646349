/**
 * What a fit does to a heartbeat: a beat every 10 ms, and how late it comes while models are fitted to 4,096 values at four horizons, first in
 * the thread that beats, then in the thread that a manager has for it.
 */
import { setTimeout as after } from 'node:timers/promises';
import { createWorkerFitter } from '../../../infra/forecast/worker-fitter.ts';
import { fitBatch } from '../../domain/forecast/batch.ts';

const BEAT_MS = 10;
const FITS = 3;

export interface Lateness {
  readonly beats: number;
  readonly medianMs: number;
  readonly mostMs: number;
}

export interface FitLoopBench {
  readonly fits: number;
  readonly values: number;
  readonly nothing: Lateness;
  readonly inLine: Lateness;
  readonly inThread: Lateness;
}

export async function benchFitLoop(series: Float64Array, horizons: readonly number[]): Promise<FitLoopBench> {
  const fitter = createWorkerFitter();
  const request = (seed: number) => ({ series: series.slice(), horizons, seed });
  try {
    // The thread starts and its code is compiled before anything is measured.
    await fitter.fit(request(0));
    fitBatch(request(0));
    const nothing = await lateness(() => after(300));
    const inThread = await lateness(async () => {
      for (let seed = 1; seed <= FITS; seed++) await fitter.fit(request(seed));
    });
    const inLine = await lateness(async () => {
      for (let seed = 1; seed <= FITS; seed++) {
        fitBatch(request(seed));
        await after(5 * BEAT_MS);
      }
    });
    return { fits: FITS, values: series.length, nothing, inLine, inThread };
  } finally {
    await fitter.close();
  }
}

async function lateness(work: () => Promise<unknown>): Promise<Lateness> {
  const late: number[] = [];
  let isDone = false;
  const beating = (async () => {
    while (!isDone) {
      const due = performance.now() + BEAT_MS;
      await after(BEAT_MS);
      late.push(Math.max(0, performance.now() - due));
    }
  })();
  await work();
  isDone = true;
  await beating;
  const sorted = late.sort((a, b) => a - b);
  return { beats: sorted.length, medianMs: sorted[sorted.length >> 1] ?? 0, mostMs: sorted.at(-1) ?? 0 };
}
