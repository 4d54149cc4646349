/**
 * How a chart names an effect, and when that effect is over.
 *
 * Charts never perform. They *open* an entry in the actor's outbox, under a key, and the loop (`actors/shell.ts`) performs
 * it, again and again after crashes and takeovers, until the entry is closed:
 *
 * E1. `whileIn(key, …)` opens on entering a state and closes on leaving it: the effect is wanted for as long as the state
 *     lasts. Its answer comes back as an event.
 * E2. `open(key, …)` in a transition opens an entry that stays until its answer comes back, or `close(key)`.
 * E3. Opening under a key that is open replaces that entry: the newer one says all that is still wanted.
 * E4. An effect is a function of the context alone. One that reads the world answers with what it read and acts on nothing.
 */

/** Marks an action as an opening of an outbox entry; `effect` must be plain JSON. */
export interface OpenParameters<Effect> {
  readonly key: string;
  readonly effect: Effect;
}

export interface CloseParameters {
  readonly key: string;
}

export const OPEN = 'openEffect';
export const CLOSE = 'closeEffect';

/** The two actions every drover chart declares in `setup`. The loop recognises them by name and executes neither. */
export function effectActions<Effect>(): {
  [OPEN]: (_: unknown, parameters: OpenParameters<Effect>) => void;
  [CLOSE]: (_: unknown, parameters: CloseParameters) => void;
} {
  return { [OPEN]: () => {}, [CLOSE]: () => {} };
}
