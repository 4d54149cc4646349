/**
 * Which TensorFlow.js runs here: the first of the ladder that is installed, starts, and multiplies two matrices right.
 *
 *   tfjs-node-gpu → tfjs-node → wasm → cpu
 *
 * The native two are optional peers, imported by name under guard: a machine without them is not a broken one. The last two come
 * with drover; `cpu` is plain JavaScript and always there. What was passed over, and why, is kept for `drover doctor`.
 *
 * One thread for wasm: sums are then added in one order, so that a seed gives the same bytes, and no worker keeps the process alive.
 */
import '@tensorflow/tfjs-backend-cpu';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
// Registers the gradients: the core package registers none by itself where modules are required rather than bundled.
import '@tensorflow/tfjs-layers';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';

export const BACKENDS = ['tfjs-node-gpu', 'tfjs-node', 'wasm', 'cpu'] as const;
export type Backend = (typeof BACKENDS)[number];

/** Those of `names` that are backends, fastest first. */
export const backendNames = (names: readonly string[]): readonly Backend[] =>
  BACKENDS.filter((backend) => names.includes(backend));

export interface FoundBackend {
  readonly backend: Backend;
  readonly passedOver: readonly { readonly backend: Backend; readonly why: string }[];
}

/** Takes the first that works of `ladder`, and makes it TensorFlow's. */
export async function findBackend(ladder: readonly Backend[] = BACKENDS): Promise<FoundBackend> {
  // Otherwise TensorFlow.js advertises its native packages on the terminal.
  tf.env().set('PROD', true);
  const passedOver: { backend: Backend; why: string }[] = [];
  for (const backend of ladder) {
    const why = await whyNot(backend);
    if (why === undefined) return { backend, passedOver };
    passedOver.push({ backend, why });
  }
  const tried = passedOver.map(({ backend, why }) => `${backend}: ${why}`).join('; ');
  throw new DroverError('ERR_LEARN_BACKEND', `no TensorFlow.js backend works here (${tried})`);
}

async function whyNot(backend: Backend): Promise<string | undefined> {
  try {
    if (backend === 'wasm') setThreadsCount(1);
    const isNative = backend === 'tfjs-node-gpu' || backend === 'tfjs-node';
    if (isNative) await import(`@tensorflow/${backend}`);
    if (!(await tf.setBackend(isNative ? 'tensorflow' : backend))) return 'does not start';
    await tf.ready();
    return multipliesRight() ? undefined : 'gave a wrong product';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return 'not installed';
    return error instanceof Error ? (error.message.split('\n')[0] ?? 'fails') : String(error);
  }
}

function multipliesRight(): boolean {
  const product = tf.tidy(() => tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2])).dataSync());
  return [19, 22, 43, 50].every((value, i) => product[i] === value);
}
