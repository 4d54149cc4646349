/**
 * Runs a network (`architecture.ts`) on plain typed arrays: no TensorFlow, no garbage, a few µs. All room is taken when it is made;
 * sums are kept in doubles, so that its answers differ from the trainer's single-precision graph by rounding alone.
 *
 * Inputs that are 0 are skipped: after a ReLU and after spikes that is most of them. Where none is expected, sums are kept in registers instead.
 */
import { assert } from '../kernel/assert.ts';
import { type Architecture, KERNEL, LEAK, parameterShapes, THRESHOLD } from './architecture.ts';

export interface Network {
  readonly outputs: number;
  /**
   * Its answer for the row, or for the `tasks` rows, that begin at `at`. The array belongs to the network and is written over by the
   * next run.
   */
  run(input: Float32Array, at: number, tasks: number): Float64Array;
}

interface Layer {
  readonly width: number;
  readonly kernel: Float64Array;
  readonly recurrent: Float64Array;
  readonly bias: Float64Array;
}

/** `tasksMax`: the most rows a set may have; a network that reads one row needs 1. */
export function createNetwork(architecture: Architecture, parameters: Float32Array, tasksMax: number): Network {
  const shapes = parameterShapes(architecture);
  const last = shapes[shapes.length - 1];
  assert(last !== undefined && last.at + last.columns === parameters.length, 'parameters have the shape of their architecture');
  // Copied as doubles: converting each weight at each use would cost a quarter of the time.
  const part = (name: string): Float64Array => {
    const shape = shapes.find((one) => one.name === name);
    return Float64Array.from(shape === undefined ? [] : parameters.subarray(shape.at, shape.at + shape.rows * shape.columns));
  };
  const layers = architecture.widths.map(
    (width, i): Layer => ({ width, kernel: part(`${i}/kernel`), recurrent: part(`${i}/recurrent`), bias: part(`${i}/bias`) }),
  );
  const out: Layer = {
    width: architecture.outputs,
    kernel: part('out/kernel'),
    recurrent: new Float64Array(0),
    bias: part('out/bias'),
  };
  const run = {
    fnn: () => runRow(architecture, layers, out),
    cnn: () => runConvolution(architecture, layers, out, tasksMax),
    gru: () => runRecurrent(architecture, layers, out),
    lstm: () => runRecurrent(architecture, layers, out),
    snn: () => runSpiking(architecture, layers, out),
  }[architecture.family]();
  return { outputs: architecture.outputs, run };
}

type Run = Network['run'];

/**
 * sums[o] += Σᵢ input[at + i] · kernel[i, o]
 *
 * Four inputs that are not 0 at a time: each sum is then read and written once for four products.
 */
function multiply(
  input: Float32Array | Float64Array,
  at: number,
  count: number,
  kernel: Float64Array,
  sums: Float64Array,
  firstRow = 0,
): void {
  const width = sums.length;
  let [held, x0, x1, x2, k0, k1, k2] = [0, 0, 0, 0, 0, 0, 0];
  let k = firstRow * width;
  for (let i = 0; i < count; i++, k += width) {
    const x = input[at + i] as number;
    if (x === 0) continue;
    if (held === 0) {
      x0 = x;
      k0 = k;
    } else if (held === 1) {
      x1 = x;
      k1 = k;
    } else if (held === 2) {
      x2 = x;
      k2 = k;
    } else {
      for (let o = 0; o < width; o++) {
        const first = x0 * (kernel[k0 + o] as number) + x1 * (kernel[k1 + o] as number);
        sums[o] = (sums[o] as number) + first + (x2 * (kernel[k2 + o] as number) + x * (kernel[k + o] as number));
      }
      held = -1;
    }
    held++;
  }
  if (held > 0) for (let o = 0; o < width; o++) sums[o] = (sums[o] as number) + x0 * (kernel[k0 + o] as number);
  if (held > 1) for (let o = 0; o < width; o++) sums[o] = (sums[o] as number) + x1 * (kernel[k1 + o] as number);
  if (held > 2) for (let o = 0; o < width; o++) sums[o] = (sums[o] as number) + x2 * (kernel[k2 + o] as number);
}

/** Outputs summed at a time where no input is expected to be 0: their sums then stay in registers. */
const BLOCK = 8;
const padded = (width: number): number => Math.ceil(width / BLOCK) * BLOCK;

/** The columns of a kernel in blocks of BLOCK, each row by row, with zeros behind the last column. */
function intoBlocks(kernel: Float64Array, width: number): Float64Array {
  const rows = kernel.length / Math.max(1, width);
  const blocks = new Float64Array(rows * padded(width));
  for (let at = 0, first = 0; first < width; first += BLOCK) {
    for (let row = 0; row < rows; row++, at += BLOCK) {
      blocks.set(kernel.subarray(row * width + first, row * width + Math.min(width, first + BLOCK)), at);
    }
  }
  return blocks;
}

/** As `multiply`, of all inputs, for a kernel in blocks; `sums` has room for whole blocks. */
function multiplyDense(input: Float32Array, at: number, count: number, blocks: Float64Array, sums: Float64Array): void {
  let k = 0;
  for (let o = 0; o < sums.length; o += BLOCK) {
    let [a, b, c, d, e, f, g, h] = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < count; i++, k += BLOCK) {
      const x = input[at + i] as number;
      a += x * (blocks[k] as number);
      b += x * (blocks[k + 1] as number);
      c += x * (blocks[k + 2] as number);
      d += x * (blocks[k + 3] as number);
      e += x * (blocks[k + 4] as number);
      f += x * (blocks[k + 5] as number);
      g += x * (blocks[k + 6] as number);
      h += x * (blocks[k + 7] as number);
    }
    sums[o] = (sums[o] as number) + a;
    sums[o + 1] = (sums[o + 1] as number) + b;
    sums[o + 2] = (sums[o + 2] as number) + c;
    sums[o + 3] = (sums[o + 3] as number) + d;
    sums[o + 4] = (sums[o + 4] as number) + e;
    sums[o + 5] = (sums[o + 5] as number) + f;
    sums[o + 6] = (sums[o + 6] as number) + g;
    sums[o + 7] = (sums[o + 7] as number) + h;
  }
}

function relu(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) if ((values[i] as number) < 0) values[i] = 0;
}

/** The first layer reads features, which are hardly ever 0; the others what is left after a ReLU. */
function runRow({ inputs }: Architecture, layers: readonly Layer[], out: Layer): Run {
  const hidden = layers.map(({ width }, l) => new Float64Array(l === 0 ? padded(width) : width));
  const blocks = layers.length === 0 ? undefined : intoBlocks((layers[0] as Layer).kernel, (layers[0] as Layer).width);
  const answer = new Float64Array(out.width);
  return (input, at) => {
    let reads: Float32Array | Float64Array = input;
    let from = at;
    let count = inputs;
    for (let l = 0; l < layers.length; l++) {
      const layer = layers[l] as Layer;
      const sums = hidden[l] as Float64Array;
      sums.set(layer.bias);
      if (l === 0 && blocks !== undefined) multiplyDense(input, from, count, blocks, sums);
      else multiply(reads, from, count, layer.kernel, sums);
      relu(sums);
      reads = sums;
      from = 0;
      count = layer.width;
    }
    answer.set(out.bias);
    multiply(reads, from, count, out.kernel, answer);
    return answer;
  };
}

function runConvolution({ inputs }: Architecture, layers: readonly Layer[], out: Layer, tasksMax: number): Run {
  const rooms = layers.map(({ width }) => new Float64Array(tasksMax * width));
  const sums = layers.map(({ width }) => new Float64Array(width));
  const width = layers[layers.length - 1]?.width ?? inputs;
  const pooled = new Float64Array(layers.length > 0 ? 2 * width : width);
  const answer = new Float64Array(out.width);
  return (input, at, tasks) => {
    let reads: Float32Array | Float64Array = input;
    let from = at;
    let count = inputs;
    for (let l = 0; l < layers.length; l++) {
      const layer = layers[l] as Layer;
      const sum = sums[l] as Float64Array;
      const room = rooms[l] as Float64Array;
      for (let i = 0; i < tasks; i++) {
        sum.set(layer.bias);
        for (let k = 0; k < KERNEL; k++) {
          const neighbour = i + k - 1;
          if (neighbour >= 0 && neighbour < tasks)
            multiply(reads, from + neighbour * count, count, layer.kernel, sum, k * count);
        }
        relu(sum);
        room.set(sum, i * layer.width);
      }
      reads = room;
      from = 0;
      count = layer.width;
    }
    // Largest, then mean. After a ReLU nothing is below 0, so that zeros are a start for both; without a layer, the mean alone.
    pooled.fill(0);
    const hasLargest = layers.length > 0;
    for (let i = 0; i < tasks; i++) {
      for (let f = 0; f < count; f++) {
        const value = reads[from + i * count + f] as number;
        if (hasLargest && value > (pooled[f] as number)) pooled[f] = value;
        const mean = hasLargest ? count + f : f;
        pooled[mean] = (pooled[mean] as number) + value / tasks;
      }
    }
    answer.set(out.bias);
    multiply(pooled, 0, pooled.length, out.kernel, answer);
    return answer;
  };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function runRecurrent({ family, inputs }: Architecture, layers: readonly Layer[], out: Layer): Run {
  const states = layers.map(({ width }) => new Float64Array(width));
  const cells = layers.map(({ width }) => new Float64Array(width));
  const fromInput = layers.map(({ bias }) => new Float64Array(bias.length));
  const fromState = layers.map(({ bias }) => new Float64Array(bias.length));
  const answer = new Float64Array(out.width);
  return (input, at, tasks) => {
    for (const state of states) state.fill(0);
    for (const cell of cells) cell.fill(0);
    for (let i = 0; i < tasks; i++) {
      let reads: Float32Array | Float64Array = input;
      let from = at + i * inputs;
      let count = inputs;
      for (let l = 0; l < layers.length; l++) {
        const layer = layers[l] as Layer;
        const [x, h, state] = [fromInput[l] as Float64Array, fromState[l] as Float64Array, states[l] as Float64Array];
        x.set(layer.bias);
        multiply(reads, from, count, layer.kernel, x);
        h.fill(0);
        multiply(state, 0, layer.width, layer.recurrent, h);
        if (family === 'gru') stepGru(x, h, state);
        else stepLstm(x, h, state, cells[l] as Float64Array);
        reads = state;
        from = 0;
        count = layer.width;
      }
    }
    answer.set(out.bias);
    const state = states[states.length - 1];
    if (state !== undefined) multiply(state, 0, state.length, out.kernel, answer);
    return answer;
  };
}

/** Gates in the order update, reset, candidate; the reset is applied after the recurrent product. */
function stepGru(x: Float64Array, h: Float64Array, state: Float64Array): void {
  const width = state.length;
  for (let o = 0; o < width; o++) {
    const update = sigmoid((x[o] as number) + (h[o] as number));
    const reset = sigmoid((x[width + o] as number) + (h[width + o] as number));
    const candidate = Math.tanh((x[2 * width + o] as number) + reset * (h[2 * width + o] as number));
    state[o] = update * (state[o] as number) + (1 - update) * candidate;
  }
}

/** Gates in the order input, forget, candidate, output. */
function stepLstm(x: Float64Array, h: Float64Array, state: Float64Array, cell: Float64Array): void {
  const width = state.length;
  for (let o = 0; o < width; o++) {
    const takes = sigmoid((x[o] as number) + (h[o] as number));
    const keeps = sigmoid((x[width + o] as number) + (h[width + o] as number));
    const candidate = Math.tanh((x[2 * width + o] as number) + (h[2 * width + o] as number));
    const shows = sigmoid((x[3 * width + o] as number) + (h[3 * width + o] as number));
    cell[o] = keeps * (cell[o] as number) + takes * candidate;
    state[o] = shows * Math.tanh(cell[o] as number);
  }
}

/** v ← LEAK·v + current; a neuron at THRESHOLD or above fires, and loses THRESHOLD. Spikes go on within the same step. */
function runSpiking({ inputs }: Architecture, layers: readonly Layer[], out: Layer): Run {
  const membranes = layers.map(({ width }) => new Float64Array(width));
  const currents = layers.map(({ width }) => new Float64Array(width));
  const spikes = layers.map(({ width }) => new Float64Array(width));
  const answer = new Float64Array(out.width);
  return (input, at, tasks) => {
    for (const membrane of membranes) membrane.fill(0);
    answer.set(out.bias);
    for (let i = 0; i < tasks; i++) {
      let reads: Float32Array | Float64Array = input;
      let from = at + i * inputs;
      let count = inputs;
      for (let l = 0; l < layers.length; l++) {
        const layer = layers[l] as Layer;
        const [membrane, current, spike] = [
          membranes[l] as Float64Array,
          currents[l] as Float64Array,
          spikes[l] as Float64Array,
        ];
        current.set(layer.bias);
        multiply(reads, from, count, layer.kernel, current);
        for (let o = 0; o < layer.width; o++) {
          const potential = LEAK * (membrane[o] as number) + (current[o] as number);
          const fires = potential >= THRESHOLD ? 1 : 0;
          spike[o] = fires;
          membrane[o] = potential - fires * THRESHOLD;
        }
        reads = spike;
        from = 0;
        count = layer.width;
      }
      multiply(reads, from, count, out.kernel, answer);
    }
    return answer;
  };
}
