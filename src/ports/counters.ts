/** Counts what a person should be able to see: dropped, refused, retried. Names are `area.what`, e.g. `wire.malformed`. */
export interface Counters {
  add(name: string, by?: number): void;
  read(): Readonly<Record<string, number>>;
}
