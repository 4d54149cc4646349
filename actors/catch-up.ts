/**
 * A manager that comes back or joins late gets, from the managers that stayed, the newest checkpoint of every task that they
 * hold and it does not. The ECUs are spared: what they announce from then on are increments on what is here.
 *
 * A task that goes on taking checkpoints is caught up through its announcements (checkpoint.ts brings their base from a peer).
 * This sweep is for all others: it takes what stood unchanged, and not here, from one look to the next.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointOrder, type CheckpointReference, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { PeerCheckpoints } from './peer-checkpoints.ts';

export interface CatchUpParts {
  readonly host: Host;
  readonly manager: string;
  readonly store: CheckpointStore;
  readonly knowledge: FleetKnowledge;
  readonly peers: PeerCheckpoints;
}

const SWEEP_US = 1_000_000;
/** After the notices have come in that say who holds what. */
const FIRST_SWEEP_US = 300_000;

export class CatchUp {
  private readonly parts: CatchUpParts;
  /** What was seen of each task at the last look. */
  private readonly seen = new Map<TaskName, CheckpointOrder>();
  private cancel: Cancel | undefined;
  private stopped = false;

  constructor(parts: CatchUpParts) {
    this.parts = parts;
  }

  start(): void {
    this.arm(FIRST_SWEEP_US);
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private arm(delayUs: number): void {
    if (this.stopped) return;
    this.cancel = this.parts.host.clock.after(delayUs, () => void this.sweep().finally(() => this.arm(SWEEP_US)));
  }

  private async sweep(): Promise<void> {
    const { host, knowledge, manager } = this.parts;
    if (!host.bus.connected()) return;
    try {
      for (const { context, state } of [...knowledge.placements()]) {
        if (this.stopped) return;
        if (state === 'removed' || state === 'undeclared') continue;
        const newest = knowledge.newestElsewhere(context, manager);
        if (newest === undefined || !this.isBehind(newest)) {
          this.seen.delete(context.task);
          continue;
        }
        const before = this.seen.get(context.task);
        this.seen.set(context.task, newest);
        if (before !== undefined && !laterCheckpoint(newest, before)) await this.bring(newest);
      }
    } catch (cause) {
      if (this.stopped) return;
      host.counters.add('store.catchUpFailed');
      host.log.warn('this manager could not catch up', { cause });
    }
  }

  private isBehind(reference: CheckpointReference): boolean {
    const mine = this.parts.store.newest(reference.task);
    return mine === undefined || laterCheckpoint(reference, mine);
  }

  private async bring({ task, epoch, sequence, stateDigest, holders }: CheckpointReference): Promise<void> {
    const { host, peers } = this.parts;
    try {
      await peers.fromManagers({ task, epoch, sequence, stateDigest }, holders);
      host.counters.add('store.caughtUp');
      host.log.info('caught up with the other managers', { task, epoch, sequence });
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.counters.add('store.catchUpFailed');
      host.log.debug('a checkpoint that others hold could not be had', { task, epoch, sequence, code: cause.code });
    }
  }
}
