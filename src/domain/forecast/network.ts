/**
 * Networks that forecast: one description, two readers. `NetworkRunner` runs one on typed arrays, a step a value, its state in the forecaster's
 * arena (it moves with its task); the trainer (`infra/tensorflow/forecast-graph.ts`) builds the same function for many series at once.
 *
 *   fnn   what the trees see → (dense, ReLU)* ─┐
 *   gru   inputs → gated recurrent units*      ├→ with the inputs beside it → dense → a change for every horizon
 *   tcn   inputs → (causal convolution over t, t − d, t − 2d, ReLU, added to what came in)*, d = 1, 2, 4 …
 *   snn   inputs → leaky integrate-and-fire* → what the spikes leave behind, fading
 *
 * A network is trained on many series and used on others: inputs and outputs are measured in how much the series moves now (`networkInputs`).
 *
 *   W1  What it says after a step depends on the values up to it alone.
 *   W2  `push` allocates nothing.
 */
import type { Rng } from '../kernel/rng.ts';
import { normal } from '../learn/architecture.ts';
import { EWMA_RATES, TREE_WIDTH } from './features.ts';
import type { StateArena } from './state-arena.ts';

export const NETWORK_FAMILIES = ['fnn', 'gru', 'tcn', 'snn'] as const;
export type NetworkFamily = (typeof NETWORK_FAMILIES)[number];

export interface NetworkShape {
  readonly family: NetworkFamily;
  readonly width: number;
  readonly layers: number;
  /** Steps ahead, ascending. */
  readonly horizons: readonly number[];
}

export interface ForecastNetwork extends NetworkShape {
  readonly parameters: Float32Array;
}

/** The change of one step, the distance to each mean, how lively it is, for how long it has stood still. */
export const INPUT_WIDTH = EWMA_RATES.length + 3;
/** Those, and all that the trees see but the level. */
export const WIDE_INPUT_WIDTH = INPUT_WIDTH + TREE_WIDTH - 1;
export const inputWidth = (family: NetworkFamily): number => (family === 'fnn' ? WIDE_INPUT_WIDTH : INPUT_WIDTH);

/** Steps that a convolution sees: t, t − d, t − 2d. */
export const TAPS = 3;
/** What a membrane, and what the trace of spikes, keeps from one step to the next; the potential at which a neuron fires. */
export const LEAK = 0.8;
export const TRACE = 0.9;
export const THRESHOLD = 1;

/** Far values count less and less: none beyond ±FAR. */
const FAR = 4;
const squash = (x: number): number => x / (1 + Math.abs(x) / FAR);

export interface NetworkSight {
  /** The newest value, and the change that led to it. */
  readonly last: number;
  readonly change: number;
  readonly ewmas: Float64Array;
  /** A usual change now, and in general. */
  readonly now: number;
  readonly general: number;
  readonly still: number;
}

/** Into `row`: INPUT_WIDTH numbers of about one in size. */
export function networkInputs(row: Float32Array, { last, change, ewmas, now, general, still }: NetworkSight): void {
  row[0] = squash(change / now);
  let at = 1;
  for (let e = 0; e < EWMA_RATES.length; e++) row[at++] = squash((last - (ewmas[e] as number)) / now);
  row[at++] = squash(now / general - 1);
  row[at] = squash(still / 4);
}

/** Behind them, what the trees see (`treeFeatures`), in the same measure. */
export function wideInputs(row: Float32Array, treeRow: Float32Array, now: number): void {
  for (let f = 0; f < TREE_WIDTH - 1; f++) row[INPUT_WIDTH + f] = squash((treeRow[f] as number) / now);
}

export interface NetworkPart {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Where it begins among the parameters. */
  readonly at: number;
}

/** Where the numbers of a network stand: a matrix is [inputs, outputs], row by row. */
export function networkParts({ family, width, layers, horizons }: NetworkShape): readonly NetworkPart[] {
  const parts: NetworkPart[] = [];
  let at = 0;
  const add = (name: string, rows: number, columns: number): void => {
    parts.push({ name, rows, columns, at });
    at += rows * columns;
  };
  let reads = inputWidth(family);
  const gates = family === 'gru' ? 3 : 1;
  for (let layer = 0; layer < layers; layer++) {
    add(`${layer}/kernel`, (family === 'tcn' ? TAPS : 1) * reads, gates * width);
    if (family === 'gru') add(`${layer}/recurrent`, width, gates * width);
    add(`${layer}/bias`, 1, gates * width);
    reads = width;
  }
  add('out/kernel', width + INPUT_WIDTH, horizons.length);
  add('out/bias', 1, horizons.length);
  return parts;
}

export function networkSize(shape: NetworkShape): number {
  const last = networkParts(shape).at(-1) as NetworkPart;
  return last.at + last.rows * last.columns;
}

/** Normal draws; 0 where it speaks, so that it begins as the last value. */
export function initialNetwork(shape: NetworkShape, rng: Rng): ForecastNetwork {
  const parameters = new Float32Array(networkSize(shape));
  for (const { name, rows, columns, at } of networkParts(shape)) {
    if (name.endsWith('/bias') || name.startsWith('out')) continue;
    const deviation = Math.sqrt((shape.family === 'gru' ? 1 : 2) / rows);
    for (let i = 0; i < rows * columns; i++) parameters[at + i] = deviation * normal(rng);
  }
  return { ...shape, parameters };
}

interface Layer {
  readonly kernel: Float64Array;
  readonly recurrent: Float64Array;
  readonly bias: Float64Array;
}

export class NetworkRunner {
  readonly network: ForecastNetwork;
  /** A change for each horizon of the network, in usual changes now times √h; written by `push`. */
  readonly outputs: Float64Array;
  readonly #layers: readonly Layer[];
  readonly #out: Layer;
  /** What it remembers: states, or the last inputs of each convolution, or membranes and at last the trace. */
  readonly #memory: readonly Float64Array[];
  /** [0]: steps so far. */
  readonly #steps: Float64Array;
  readonly #sums: Float64Array;
  readonly #fromState: Float64Array;
  readonly #hidden: Float64Array;

  constructor(arena: StateArena, network: ForecastNetwork) {
    this.network = network;
    const { family, width, layers, horizons, parameters } = network;
    const parts = new Map(networkParts(network).map((part) => [part.name, part]));
    // Copied as doubles: converting each weight at each use would cost a quarter of the time.
    const numbers = (name: string): Float64Array => {
      const part = parts.get(name);
      return Float64Array.from(part === undefined ? [] : parameters.subarray(part.at, part.at + part.rows * part.columns));
    };
    const layerOf = (name: string): Layer => ({
      kernel: numbers(`${name}/kernel`),
      recurrent: numbers(`${name}/recurrent`),
      bias: numbers(`${name}/bias`),
    });
    this.#layers = Array.from({ length: layers }, (_, layer) => layerOf(String(layer)));
    this.#out = layerOf('out');
    this.#steps = arena.take(1);
    this.#memory = memoryLengths(network).map((length) => arena.take(length));
    this.outputs = new Float64Array(horizons.length);
    this.#sums = new Float64Array(3 * width);
    this.#fromState = new Float64Array(3 * width);
    this.#hidden = new Float64Array(Math.max(width, inputWidth(family)));
  }

  /** Takes in a step's inputs. */
  push(inputs: Float32Array): void {
    const { family, width } = this.network;
    const hidden = this.#hidden;
    for (let i = 0; i < inputs.length; i++) hidden[i] = inputs[i] as number;
    if (family === 'fnn') this.#runRow();
    else if (family === 'gru') this.#runRecurrent();
    else if (family === 'tcn') this.#runConvolution();
    else this.#runSpiking();
    this.#steps[0] = (this.#steps[0] as number) + 1;
    const { kernel, bias } = this.#out;
    const { outputs } = this;
    outputs.set(bias);
    addProduct(hidden, width, kernel, 0, outputs, outputs.length);
    for (let i = 0; i < INPUT_WIDTH; i++) {
      const x = inputs[i] as number;
      const k = (width + i) * outputs.length;
      for (let h = 0; h < outputs.length; h++) outputs[h] = (outputs[h] as number) + x * (kernel[k + h] as number);
    }
  }

  #runRow(): void {
    const { width } = this.network;
    const [sums, hidden] = [this.#sums, this.#hidden];
    let reads = inputWidth('fnn');
    for (const { kernel, bias } of this.#layers) {
      for (let o = 0; o < width; o++) sums[o] = bias[o] as number;
      addProduct(hidden, reads, kernel, 0, sums, width);
      for (let o = 0; o < width; o++) hidden[o] = Math.max(0, sums[o] as number);
      reads = width;
    }
  }

  /** Gates in the order update, reset, candidate; the reset is applied after the recurrent product. */
  #runRecurrent(): void {
    const { width } = this.network;
    const [sums, fromState, hidden] = [this.#sums, this.#fromState, this.#hidden];
    let reads = INPUT_WIDTH;
    for (let l = 0; l < this.#layers.length; l++) {
      const { kernel, recurrent, bias } = this.#layers[l] as Layer;
      const state = this.#memory[l] as Float64Array;
      sums.set(bias);
      addProduct(hidden, reads, kernel, 0, sums, 3 * width);
      fromState.fill(0);
      addProduct(state, width, recurrent, 0, fromState, 3 * width);
      for (let o = 0; o < width; o++) {
        const update = sigmoid((sums[o] as number) + (fromState[o] as number));
        const reset = sigmoid((sums[width + o] as number) + (fromState[width + o] as number));
        const candidate = Math.tanh((sums[2 * width + o] as number) + reset * (fromState[2 * width + o] as number));
        const next = update * (state[o] as number) + (1 - update) * candidate;
        state[o] = next;
        hidden[o] = next;
      }
      reads = width;
    }
  }

  #runConvolution(): void {
    const { width } = this.network;
    const [sums, hidden] = [this.#sums, this.#hidden];
    const step = this.#steps[0] as number;
    let reads = INPUT_WIDTH;
    for (let l = 0; l < this.#layers.length; l++) {
      const { kernel, bias } = this.#layers[l] as Layer;
      const ring = this.#memory[l] as Float64Array;
      const dilation = 1 << l;
      const slots = 2 * dilation;
      // The slot about to be overwritten holds t − 2d; before the first step all are zeros, as the trainer's padding.
      const oldest = (step % slots) * reads;
      const middle = ((step + dilation) % slots) * reads;
      for (let o = 0; o < width; o++) sums[o] = bias[o] as number;
      addProductAt(ring, oldest, reads, kernel, 0, sums, width);
      addProductAt(ring, middle, reads, kernel, reads * width, sums, width);
      addProduct(hidden, reads, kernel, 2 * reads * width, sums, width);
      for (let i = 0; i < reads; i++) ring[oldest + i] = hidden[i] as number;
      const isFirst = l === 0;
      for (let o = 0; o < width; o++) {
        const shown = Math.max(0, sums[o] as number);
        hidden[o] = isFirst ? shown : shown + (hidden[o] as number);
      }
      reads = width;
    }
  }

  #runSpiking(): void {
    const { width } = this.network;
    const [sums, hidden] = [this.#sums, this.#hidden];
    let reads = INPUT_WIDTH;
    for (let l = 0; l < this.#layers.length; l++) {
      const { kernel, bias } = this.#layers[l] as Layer;
      const membrane = this.#memory[l] as Float64Array;
      for (let o = 0; o < width; o++) sums[o] = bias[o] as number;
      addProduct(hidden, reads, kernel, 0, sums, width);
      for (let o = 0; o < width; o++) {
        const potential = LEAK * (membrane[o] as number) + (sums[o] as number);
        const fires = potential >= THRESHOLD ? 1 : 0;
        membrane[o] = potential - fires * THRESHOLD;
        hidden[o] = fires;
      }
      reads = width;
    }
    const trace = this.#memory[this.#layers.length] as Float64Array;
    for (let o = 0; o < width; o++) {
      trace[o] = TRACE * (trace[o] as number) + (1 - TRACE) * (hidden[o] as number);
      hidden[o] = trace[o] as number;
    }
  }
}

/** Numbers that each layer remembers, and the trace of spikes. */
function memoryLengths({ family, width, layers }: NetworkShape): number[] {
  if (family === 'fnn') return [];
  const lengths = Array.from({ length: layers }, (_, layer) =>
    family === 'tcn' ? 2 * (1 << layer) * (layer === 0 ? INPUT_WIDTH : width) : width,
  );
  return family === 'snn' ? [...lengths, width] : lengths;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** sums[o] += Σᵢ input[i] · kernel[k + i · columns + o]; inputs that are 0 (after a ReLU, without a spike) are skipped. */
function addProduct(
  input: Float64Array,
  count: number,
  kernel: Float64Array,
  from: number,
  sums: Float64Array,
  columns: number,
): void {
  addProductAt(input, 0, count, kernel, from, sums, columns);
}

function addProductAt(
  input: Float64Array,
  at: number,
  count: number,
  kernel: Float64Array,
  from: number,
  sums: Float64Array,
  columns: number,
): void {
  let k = from;
  for (let i = 0; i < count; i++, k += columns) {
    const x = input[at + i] as number;
    if (x === 0) continue;
    for (let o = 0; o < columns; o++) sums[o] = (sums[o] as number) + x * (kernel[k + o] as number);
  }
}
