import type { ReceiveChoice } from '../domain/checkpoint/receiving.ts';
import type { Cancel } from './clock.ts';

/**
 * The fleet's choice of how checkpoints are received. It stands in one place, may change while the fleet runs, and is read by
 * bridges and managers alike. Whoever has not read it yet, or cannot, goes by `notify`: a bridge that announces and a manager that
 * pulls understand everybody.
 */
export interface ReceivePolicy {
  current(): ReceiveChoice;
  /** Reads the choice and goes on reading it; `onChange` is told of each that differs from the one before. */
  follow(onChange: (choice: ReceiveChoice) => void): Promise<Cancel>;
}
