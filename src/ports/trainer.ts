/**
 * Learning from examples, on whatever this machine has for it. A trainer changes numbers; what they mean, what is drawn and when to
 * stop is the caller's. The same request with the same seed on the same backend gives the same parameters.
 */
import type { Architecture } from '../domain/learn/architecture.ts';

export interface Examples {
  /** The rows of all examples, `rowsPerExample` each (1 for a network that reads one row); unused rows are zeros. */
  readonly inputs: Float32Array;
  readonly rowsPerExample: number;
  /** How many rows of each example are used. */
  readonly rowCounts: Uint16Array;
  /** 0 or 1. */
  readonly labels: Uint8Array;
}

export interface TrainRequest {
  readonly architecture: Architecture;
  /** Where to begin: drawn (`initialParameters`), or those of a trained network for fine-tuning. */
  readonly parameters: Float32Array;
  readonly examples: Examples;
  readonly epochs: number;
  readonly batch: number;
  /** Of the first step; it falls to 0 along a cosine. */
  readonly learningRate: number;
  readonly seed: number;
  /** Told after each epoch; the training ends early, with what it has, when the signal is aborted. */
  readonly onEpoch?: (epoch: number, loss: number) => void;
  readonly signal?: AbortSignal;
}

export interface TwinRequest {
  readonly generator: Architecture;
  readonly critic: Architecture;
  /** Real examples, each `generator.outputs` numbers of (0, 1); of each the first `used` count, the rest are zeros. */
  readonly real: Float32Array;
  readonly used: Uint16Array;
  /** What is said of each example to the generator and to the critic: `conditionCount` numbers. */
  readonly conditions: Float32Array;
  readonly conditionCount: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly seed: number;
  /** Weight of the energy score in the generator's loss; absent: 0, it learns from its critic alone. */
  readonly energy?: number;
  readonly onStep?: (step: number) => void;
  readonly signal?: AbortSignal;
}

export interface Trainer {
  /** The backend at work, e.g. `wasm`. */
  readonly backend: string;
  /** Trained parameters of a network with one output, read as the logarithm of the odds of a label 1. */
  train(request: TrainRequest): Promise<Float32Array>;
  /** What the network answers to each example, output by output, computed by the backend: to be compared with `createNetwork`, in value and in time. */
  answer(
    request: Pick<TrainRequest, 'architecture' | 'parameters' | 'batch'> & { readonly examples: Examples },
  ): Promise<Float32Array>;
  /** Parameters of a generator whose rows a critic, trained against it, cannot tell from real ones. */
  trainTwin(request: TwinRequest): Promise<Float32Array>;
}
