/** Types of a `worker` task: a class that drover runs one job at a time, and that gives and takes its own state. */

/** Where a job puts out what it has to say. */
export interface Job {
  /** Puts bytes or text out on a channel, 0 to 65535. */
  output(channel: number, payload: Uint8Array | string): void;
  /** A line for people: level 0 debug, 1 info, 2 warn, 3 error. No part of the state. */
  log(level: number, text: string): void;
}

export interface Input {
  /** Number of the data input, from 1. */
  readonly number: number;
  readonly payload: Uint8Array;
  /** The payload as text. */
  text(): string;
}

export interface Tick {
  /** Number of the tick: the task's only clock. */
  readonly number: number;
  /** Ticks that fell due since the last one and were not made up. */
  readonly skipped: number;
}

/** What a task may give as its state without naming a format, and gets back exactly. */
export type Plain =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | ArrayBufferView
  | readonly Plain[]
  | { readonly [name: string]: Plain };

/** The state of a task with `static format = 'arrow'`: columns of one length, and plain values beside them. */
export interface TableState {
  readonly columns: { readonly [name: string]: ArrayBufferView | readonly string[] };
  readonly values?: Plain;
}

/**
 * The default export is a class of this shape. It may say
 *   static readonly format = 'arrow' | 'my-format'   (default: plain values)
 *   static readonly version = 2                      (told to `deserialize`, so that an earlier state can be read)
 *   static readonly schema = 'text'                  (of a format of its own; another text with the same version is refused)
 */
export interface WorkerTask<State = Plain> {
  onInput?(input: Input, job: Job): void;
  onTick?(tick: Tick, job: Job): void;
  /** Everything the next job depends on. */
  serialize(): State;
  /** Called once on a new object, before its first job, with what `serialize` gave and the version it was given in. */
  deserialize(state: State, version: number): void;
}
