/** How a check says that something is not as promised, with what was expected and what came instead. */
export class NotAsPromised extends Error {
  override readonly name = 'NotAsPromised';
}

export class NotHere extends Error {
  override readonly name = 'NotHere';
}

/** Throws unless `holds`. */
export function promised(holds: boolean, expected: string, got: unknown): asserts holds {
  if (!holds) throw new NotAsPromised(`expected ${expected}; got ${shown(got)}`);
}

export function same<T>(got: T, expected: T, what: string): void {
  if (!Object.is(got, expected)) throw new NotAsPromised(`expected ${what} to be ${shown(expected)}; got ${shown(got)}`);
}

export function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? `${part.length} bytes` : part));
  return text === undefined ? 'nothing' : text.length > 400 ? `${text.slice(0, 399)}…` : text;
}
