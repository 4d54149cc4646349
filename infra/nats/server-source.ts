/** A place that nats-server can be fetched from. */
export interface ServerSource {
  readonly name: string;
  /**
   * Puts candidates into fresh folders below `scratch` and hands each path to `accept` until one is accepted.
   * Rejects, or returns, with why nothing was.
   */
  fetch(context: FetchContext): Promise<readonly string[]>;
}

export interface FetchContext {
  readonly scratch: string;
  readonly onProgress: (sentence: string) => void;
  /** Whether this file is a nats-server that runs here and is new enough. */
  readonly accept: (path: string) => Promise<{ readonly accepted: boolean; readonly note: string }>;
}
