/**
 * The shape of a network, and where its numbers stand. One description, two readers: `network.ts` runs it on typed arrays, without
 * TensorFlow; the trainer (`src/ports/trainer.ts`) builds the same function as a graph. Both read the same flat array of parameters.
 *
 *   fnn    row → (dense, ReLU)* → dense
 *   cnn    tasks → (convolution over KERNEL neighbours in order of urgency, ReLU)* → largest and mean over tasks → dense
 *   gru    tasks, the most urgent first → gated recurrent units* → last state → dense
 *   lstm   the same with long short-term memory
 *   snn    tasks as time steps → leaky integrate-and-fire layers* → what their spikes add up to over all tasks
 *
 * `*` is one layer for each of `widths`, the first reading `inputs` numbers. Parameters stand layer by layer in the order of
 * `parameterShapes`; a matrix is [inputs, outputs], row by row.
 */
import type { Rng } from '../kernel/rng.ts';

export const FAMILIES = ['fnn', 'cnn', 'gru', 'lstm', 'snn'] as const;
export type Family = (typeof FAMILIES)[number];

export interface Architecture {
  readonly family: Family;
  /** Numbers a row (fnn), or a task. */
  readonly inputs: number;
  readonly widths: readonly number[];
  readonly outputs: number;
}

/** Tasks a convolution sees at once: the one before, itself, the one after. */
export const KERNEL = 3;
/** What a membrane keeps of its potential from one task to the next; and the potential at which it fires. */
export const LEAK = 0.8;
export const THRESHOLD = 1;

export interface ParameterShape {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Where it begins in the flat array. */
  readonly at: number;
}

const GATES: Readonly<Record<Family, number>> = { fnn: 1, cnn: 1, snn: 1, gru: 3, lstm: 4 };

export const isRecurrent = (family: Family): boolean => family === 'gru' || family === 'lstm';
/** Whether it reads a row a task rather than one row a set. */
export const readsTasks = (family: Family): boolean => family !== 'fnn';

export function parameterShapes({ family, inputs, widths, outputs }: Architecture): readonly ParameterShape[] {
  const shapes: ParameterShape[] = [];
  let at = 0;
  const add = (name: string, rows: number, columns: number): void => {
    shapes.push({ name, rows, columns, at });
    at += rows * columns;
  };
  let reads = inputs;
  for (const [layer, width] of widths.entries()) {
    const columns = GATES[family] * width;
    add(`${layer}/kernel`, family === 'cnn' ? KERNEL * reads : reads, columns);
    if (isRecurrent(family)) add(`${layer}/recurrent`, width, columns);
    add(`${layer}/bias`, 1, columns);
    reads = width;
  }
  add('out/kernel', family === 'cnn' && widths.length > 0 ? 2 * reads : reads, outputs);
  add('out/bias', 1, outputs);
  return shapes;
}

export function parameterCount(architecture: Architecture): number {
  return parameterShapes(architecture).reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/** Normal draws with a variance of 2 / inputs before a ReLU or a spike, 1 / inputs elsewhere; biases 0, but 1 for what LSTM keeps. */
export function initialParameters(architecture: Architecture, rng: Rng): Float32Array {
  const parameters = new Float32Array(parameterCount(architecture));
  const { family, widths } = architecture;
  for (const { name, rows, columns, at } of parameterShapes(architecture)) {
    if (name.endsWith('/bias')) {
      const width = widths[Number.parseInt(name, 10)] ?? 0;
      if (family === 'lstm' && !name.startsWith('out')) parameters.fill(1, at + width, at + 2 * width);
      continue;
    }
    const gain = isRecurrent(family) || name.startsWith('out') ? 1 : 2;
    const deviation = Math.sqrt(gain / rows);
    for (let i = 0; i < rows * columns; i++) parameters[at + i] = deviation * normal(rng);
  }
  return parameters;
}

/** A standard normal draw (Box & Muller). */
export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit());
}
