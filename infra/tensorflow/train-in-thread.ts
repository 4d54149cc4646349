/** Trains a forecasting network in a thread of its own (`forecast-train-worker.ts`): whoever asks goes on, hears of progress, and may stop it. */
import { Worker } from 'node:worker_threads';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { NetworkTraining, TrainedNetwork } from './forecast-train.ts';
import type { TrainingAnswer } from './forecast-train-worker.ts';

export interface TrainingWatch {
  readonly onBatch?: (batch: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

/** Nothing when it was stopped. */
export function trainInThread(
  training: NetworkTraining,
  { onBatch, signal }: TrainingWatch = {},
): Promise<TrainedNetwork | undefined> {
  if (signal?.aborted === true) return Promise.resolve(undefined);
  const worker = new Worker(threadFile(import.meta.url), { workerData: training, execArgv: [], name: 'trainer' });
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      resolve(undefined);
      void worker.terminate();
    };
    signal?.addEventListener('abort', stop, { once: true });
    worker.on('message', (answer: TrainingAnswer) => {
      if (answer.kind === 'batch') return onBatch?.(answer.batch, answer.loss);
      if (answer.kind === 'trained') resolve(answer.trained);
      else reject(new DroverError(answer.code, answer.sentence));
      signal?.removeEventListener('abort', stop);
      void worker.terminate();
    });
    worker.on('error', reject);
  });
}

/** A thread needs JavaScript: from the source tree (vitest) that is the compiled file in `dist`; else it lies beside this one. */
function threadFile(here: string): URL {
  if (!here.endsWith('.ts')) return new URL('./forecast-train-worker.js', here);
  return new URL('../../dist/infra/tensorflow/forecast-train-worker.js', here);
}
