/** How far an optimizer steps, changed while it is at work. */
import type { Optimizer } from '@tensorflow/tfjs-core';

/** Adam keeps its rate where TypeScript does not see it; it is read at each step. */
export function setRate(optimizer: Optimizer, learningRate: number): void {
  (optimizer as unknown as { learningRate: number }).learningRate = learningRate;
}
