/** Thrown when drover's own code broke a promise. Nobody catches it to go on: the actor is restarted from its last record. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Checks what must hold whatever the input; stays on in production. `sentence` says what was promised. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new AssertionError(sentence);
}

/** The compiler proves that every case was handled; at run time it is a bug. */
export function unreachable(value: never): never {
  throw new AssertionError(`a case was not handled: ${JSON.stringify(value)}`);
}
