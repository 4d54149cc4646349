/**
 * Known ways to break the one loop, each by name, so that a test can put one in and see its scenario fail. A test that
 * passes with the mechanism taken out proves nothing. Production passes `NO_PLANTS`; nothing else reads these names.
 */
export const PLANTS = [
  // the loop (actors/shell.ts, outbox.ts, timers.ts, next-record.ts)
  /** Appends at whatever position the store is at. */
  'skip-compare-and-set',
  /** Takes an event again that the record has seen. */
  'forget-seen',
  /** A step keeps only what it opened itself. */
  'overwrite-outbox',
  /** Takes a timer that the record no longer holds. */
  'accept-stale-timer',
  /** Takes an answer to an entry that the record no longer holds. */
  'accept-stale-answer',
  /** Timers of an earlier incarnation are not armed. */
  'lose-timers-on-restart',
  /** Timers are recorded and never counted: nobody answers for what was begun. */
  'never-count-timers',
  /** Counts a timer from the record's own time, by a clock that is another host's. */
  'early-timers',
  /** Performs what no record holds yet. */
  'perform-before-append',
  /** Acknowledges what no record holds yet. */
  'acknowledge-before-append',
  /** Takes an append without an answer for written. */
  'trust-lost-answer',
  /** Takes an append that was refused for lost, without looking whether it was its own earlier one. */
  'ignore-own-late-append',
  /** Lets a late answer put an older record over a newer one. */
  'adopt-older',
  /** Leaves a gone writer's records alone. */
  'no-takeover',
  /** Acknowledges what the present state cannot take yet. */
  'drop-deferred',
  /** Leaves entries open that are answered after the chart's end. */
  'forget-answers-at-the-end',
  // what managers do with it
  /** An effect that reads the world acts on what it read. */
  'act-on-reading',
  /** A failure is raised once per incarnation, whatever placements say later. */
  'no-reopen',
  /** An answer given in an earlier incarnation is given again as if it were of this one. */
  'trust-earlier-incarnation',
  /** A taker that finds the epoch taken does not look by whom. */
  'nameless-refusal',
] as const;

export type Plant = (typeof PLANTS)[number];

export interface Plants {
  planted(name: Plant): boolean;
}

export const NO_PLANTS: Plants = { planted: () => false };
