/**
 * What a host keeps for one actor: the newest record it knows of, what arrived meanwhile, and whose turn it is.
 *
 * M1. One turn at a time, in the order of asking. A turn nobody waits for costs no promise: that is nearly every one.
 */
import type { AnyMachineSnapshot } from 'xstate';
import type { ActorKey } from '../src/domain/model/ids.ts';
import type { ActorRecord } from '../src/domain/model/record.ts';
import type { StoredRecord } from '../src/ports/record-store.ts';
import type { Chart } from './chart.ts';

/** An actor's state as this host knows it. */
export interface ActorView {
  readonly actor: ActorKey;
  readonly record: ActorRecord;
  readonly position: number;
  readonly snapshot: AnyMachineSnapshot;
}

export interface Known extends ActorView {
  readonly chart: Chart;
  /** It came by reading; false where the store's answer to our own append said so. */
  readonly heard: boolean;
}

export class Mailbox {
  readonly actor: ActorKey;
  readonly chart: Chart;
  known: Known | undefined;
  /** News of the store's that came during a turn. */
  waiting: StoredRecord | undefined;
  /** Entries that were done without an event and are not recorded yet. */
  done: Set<string> | undefined;
  /** Found to be nobody's here, and not asked for since (`Shell.forgetOthers`). */
  unwanted = false;
  private taken = false;
  private line: (() => void)[] | undefined;

  constructor(actor: ActorKey, chart: Chart) {
    this.actor = actor;
    this.chart = chart;
  }

  /** Undefined: it is the caller's turn at once. Whoever took a turn gives it back with `leave`. */
  enter(): Promise<void> | undefined {
    if (!this.taken) {
      this.taken = true;
      return undefined;
    }
    return new Promise((resolve) => {
      this.line ??= [];
      this.line.push(resolve);
    });
  }

  /** True when nobody waits behind. */
  leave(): boolean {
    const next = this.line?.shift();
    if (next === undefined) {
      this.taken = false;
      this.line = undefined;
      return true;
    }
    next();
    return false;
  }

  get busy(): boolean {
    return this.taken;
  }
}
