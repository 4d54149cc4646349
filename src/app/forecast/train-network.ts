/**
 * A forecasting network from series: each as a forecaster would have seen it, and once more upside down, for a rise and a fall are to be
 * treated alike.
 */
import type { Backend } from '../../../infra/tensorflow/backend.ts';
import { trainInThread } from '../../../infra/tensorflow/train-in-thread.ts';
import type { NetworkFamily } from '../../domain/forecast/network.ts';
import { type NetworkExamples, networkExamples } from '../../domain/forecast/network-examples.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ForecastModel } from '../../domain/learn/model.ts';
import { NETWORK_SHAPES } from './network-shapes.ts';
import { fillMissing, VALUES_MOST } from './rolling-origin.ts';
import type { NamedSeries } from './series-list.ts';

export interface NetworkOptions {
  readonly family: NetworkFamily;
  readonly width: number | undefined;
  readonly layers: number | undefined;
  readonly horizons: readonly number[];
  readonly batches: number;
  readonly seed: number;
  readonly backend: Backend | undefined;
  readonly onBatch?: (batch: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

export interface TrainedModel {
  readonly model: ForecastModel;
  /** Of the mean absolute error of the last value: below 1 it is better, on what it learned from. */
  readonly loss: number;
  readonly passedOver: readonly string[];
}

const LEARNING_RATES: Readonly<Record<NetworkFamily, number>> = { fnn: 0.003, gru: 0.005, tcn: 0.004, snn: 0.005 };

/** Nothing when it was stopped. */
export async function trainNetwork(series: readonly NamedSeries[], options: NetworkOptions): Promise<TrainedModel | undefined> {
  const { family, horizons, batches, seed, backend, onBatch, signal } = options;
  const { width, layers } = NETWORK_SHAPES[family];
  const shape = { family, width: options.width ?? width, layers: options.layers ?? layers, horizons };
  const examples: NetworkExamples[] = [];
  const passedOver: string[] = [];
  for (const { name, values } of series) {
    const filled = values.slice(0, VALUES_MOST);
    fillMissing(filled);
    const seen = networkExamples(filled, shape);
    const turned = networkExamples(
      filled.map((value) => -value),
      shape,
    );
    if (seen === undefined || turned === undefined) passedOver.push(name);
    else examples.push(seen, turned);
  }
  if (examples.length === 0)
    throw new DroverError('ERR_USAGE', 'no series is long enough for these horizons, and varies, to be learned from');
  const training = {
    shape,
    examples,
    batches,
    learningRate: LEARNING_RATES[family],
    seed,
    ...(backend === undefined ? {} : { ladder: [backend] }),
  };
  const trained = await trainInThread(training, {
    ...(onBatch === undefined ? {} : { onBatch }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (trained === undefined) return undefined;
  const about = { network: family, backend: trained.backend, seed, sets: examples.length / 2 };
  return { model: { purpose: 'forecast', trained: about, network: trained.network }, loss: trained.loss, passedOver };
}
