/** Inputs that go on from one reader to the next: whoever has kept up with a task hands its consumer to the instance that takes over. */
import type { InstanceInput } from '../src/domain/instance/requests.ts';
import type { Cancel } from '../src/ports/clock.ts';

/** A task's inputs on from there, by the consumer that has read them so far. */
export interface InputFeed {
  attach(reader: InputReader): Cancel;
}

export interface InputReader {
  arrived(input: InstanceInput): void;
  failed(error: Error): void;
}
