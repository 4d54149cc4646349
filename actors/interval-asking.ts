/**
 * The `interval` strategy at a manager: at set intervals it asks the ECU of every task that runs for its newest state. What is
 * new goes the way of an announcement; nobody has to announce anything.
 *
 * A round asks a few ECUs at a time, and the next one begins an interval after this one began, or when it is over: a manager that
 * is slow asks less often. The first begins at a moment of its own, so that managers do not ask all at once.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { CheckpointManifest, CheckpointOrder } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { PagePull } from './page-pull.ts';
import { isPlaced } from './placement-index.ts';

export interface IntervalAskingParts {
  readonly host: Host;
  readonly knowledge: FleetKnowledge;
  readonly pull: PagePull;
  /** The newest that needs no asking for. */
  readonly newest: (task: TaskName) => CheckpointOrder | undefined;
  readonly onFound: (manifest: CheckpointManifest) => void;
}

const TIMEOUT_US = 1_000_000;
const AT_ONCE = 4;

export class IntervalAsking {
  private readonly parts: IntervalAskingParts;
  private waiting: Cancel | undefined;
  /** Rises with every change: rounds of an earlier one end. */
  private generation = 0;

  constructor(parts: IntervalAskingParts) {
    this.parts = parts;
  }

  /** `everyUs` undefined: not at all. */
  set(everyUs: number | undefined): void {
    this.generation++;
    this.waiting?.();
    this.waiting = undefined;
    if (everyUs !== undefined) this.arm(this.parts.host.rng.below(everyUs), everyUs, this.generation);
  }

  private arm(afterUs: number, everyUs: number, generation: number): void {
    const { clock } = this.parts.host;
    this.waiting = clock.after(afterUs, () => {
      const beganUs = clock.monotonicUs();
      void this.round(generation).finally(() => {
        const leftUs = Math.max(0, everyUs - (clock.monotonicUs() - beganUs));
        if (generation === this.generation) this.arm(leftUs, everyUs, generation);
      });
    });
  }

  private async round(generation: number): Promise<void> {
    const { host, knowledge } = this.parts;
    if (!host.bus.connected()) return;
    const placements = [...knowledge.placements()].filter((placement) => isPlaced(placement));
    const next = placements.values();
    const worker = async (): Promise<void> => {
      for (const { context } of next) {
        if (generation !== this.generation) return;
        const { task, epoch, owner } = context;
        if (owner !== undefined) await this.ask(task, epoch, owner.mac);
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, placements.length) }, worker));
    host.counters.add('checkpoint.rounds');
  }

  private async ask(task: TaskName, epoch: number, mac: string): Promise<void> {
    const { host, pull, newest, onFound } = this.parts;
    const known = newest(task);
    const sequence = known?.epoch === epoch ? known.sequence + 1 : 1;
    try {
      const manifest = await pull.manifest(
        { subject: ecuSubject.pages(mac), timeoutUs: TIMEOUT_US },
        { task, epoch, sequence },
      );
      if (manifest === undefined) return;
      if (manifest.task === task && manifest.epoch === epoch && manifest.mac === mac) onFound(manifest);
      else host.counters.add('checkpoint.otherThanAsked');
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.log.debug('an ECU did not answer for a task', { task, epoch, mac, code: cause.code });
    }
  }
}
