/** The thread in which a forecasting network is trained: minutes of arithmetic, which nobody else has to wait for. Its data say what. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { type NetworkTraining, type TrainedNetwork, trainForecastNetwork } from './forecast-train.ts';

export type TrainingAnswer =
  | { readonly kind: 'batch'; readonly batch: number; readonly loss: number }
  | { readonly kind: 'trained'; readonly trained: TrainedNetwork }
  | { readonly kind: 'failed'; readonly code: DroverError['code']; readonly sentence: string };

assert(parentPort !== null, 'networks are trained in a worker thread');
const port = parentPort;
const say = (answer: TrainingAnswer): void => port.postMessage(answer);
try {
  const trained = await trainForecastNetwork(workerData as NetworkTraining, (batch, loss) =>
    say({ kind: 'batch', batch, loss }),
  );
  say({ kind: 'trained', trained });
} catch (error) {
  if (!(error instanceof DroverError)) throw error;
  say({ kind: 'failed', code: error.code, sentence: error.message });
}
