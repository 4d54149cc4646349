/**
 * Makes damage in this manager's store good: looks for it a little at a time while nothing needs it (scrubbing), and fetches
 * what is damaged from another manager; where none has it, from the task's ECU.
 *
 * D1. What was found damaged is not served meanwhile: the store counts it as missing.
 * D2. Scrubbing never competes with work: a few pages a second, in small steps, left out (for a while) when the process is late.
 * D3. Damage that nobody can mend is tried again, ever more rarely, until retention drops it or somebody returns who can.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { DamagedCheckpoint, StoreUpkeep } from '../src/ports/store-upkeep.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { PeerCheckpoints } from './peer-checkpoints.ts';

export interface UpkeepPolicy {
  /** 0: none. */
  readonly scrubPagesPerS: number;
}

export const UPKEEP_DEFAULTS: UpkeepPolicy = { scrubPagesPerS: 128 };

export interface StoreRepairParts {
  readonly host: Host;
  readonly store: CheckpointStore;
  readonly upkeep: StoreUpkeep;
  readonly knowledge: FleetKnowledge;
  readonly peers: PeerCheckpoints;
  /** Living managers other than this one. */
  readonly others: () => readonly string[];
  readonly policy: UpkeepPolicy;
}

const STEP_US = 125_000;
const STEPS_PER_S = 8;
/** A step that comes this much too late means that the process has better things to do. */
const LATE_US = 20_000;
/** But so often in a row it is done all the same. */
const SKIPPED_MAX = 8;
const REPAIR_EVERY_STEPS = 4;
const RETRY_US_MIN = 1_000_000;
const RETRY_US_MAX = 60_000_000;

interface Attempt {
  readonly notBeforeUs: number;
  readonly waitUs: number;
}

export class StoreRepair {
  private readonly parts: StoreRepairParts;
  private readonly attempts = new Map<string, Attempt>();
  private cancel: Cancel | undefined;
  private stopped = false;
  private steps = 0;
  private skipped = 0;
  private isBusy = false;

  constructor(parts: StoreRepairParts) {
    this.parts = parts;
  }

  start(): void {
    this.arm();
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  /** Damage was just found: mended at the next step, not at the next look. */
  noticed(): void {
    this.steps = -1;
  }

  private arm(): void {
    if (this.stopped) return;
    const { clock } = this.parts.host;
    const dueUs = clock.monotonicUs() + STEP_US;
    this.cancel = clock.after(STEP_US, () => {
      this.arm();
      void this.step(clock.monotonicUs() - dueUs > LATE_US);
    });
  }

  private async step(isLate: boolean): Promise<void> {
    if (this.isBusy) return;
    this.isBusy = true;
    const { host, policy, upkeep } = this.parts;
    try {
      this.steps += 1;
      if (this.steps % REPAIR_EVERY_STEPS === 0) await this.repairAll();
      if (policy.scrubPagesPerS === 0 || (isLate && this.skipped++ < SKIPPED_MAX)) return;
      this.skipped = 0;
      const { checked, damaged, wrapped } = await upkeep.scrub(Math.max(1, Math.round(policy.scrubPagesPerS / STEPS_PER_S)));
      host.counters.add('store.scrubbed', checked);
      if (wrapped) host.counters.add('store.scrubRounds');
      if (damaged > 0) this.noticed();
    } catch (cause) {
      if (this.stopped) return;
      host.counters.add('store.upkeepFailed');
      host.log.warn('the store could not be looked after', { cause });
    } finally {
      this.isBusy = false;
    }
  }

  private async repairAll(): Promise<void> {
    const { host, upkeep } = this.parts;
    const damaged = upkeep.damaged();
    if (damaged.length === 0) {
      this.attempts.clear();
      return;
    }
    if (!host.bus.connected()) return;
    for (const one of damaged) {
      if (this.stopped) return;
      const key = `${one.task} ${one.epoch}.${one.sequence}`;
      const nowUs = host.clock.monotonicUs();
      const attempt = this.attempts.get(key);
      if (attempt !== undefined && nowUs < attempt.notBeforeUs) continue;
      if (await this.repair(one, attempt === undefined)) this.attempts.delete(key);
      else {
        const waitUs = Math.min(RETRY_US_MAX, attempt === undefined ? RETRY_US_MIN : attempt.waitUs * 2);
        this.attempts.set(key, { notBeforeUs: nowUs + waitUs, waitUs });
      }
    }
  }

  private async repair(damaged: DamagedCheckpoint, isFirst: boolean): Promise<boolean> {
    const { host, store, peers, others } = this.parts;
    const { task, epoch, sequence, what } = damaged;
    const facts = { task, epoch, sequence, what };
    const known = store.find(task, epoch, sequence)?.stateDigest;
    const wanted = { task, epoch, sequence, stateDigest: known };
    try {
      await peers.fromManagers(wanted, others());
      host.counters.add('store.repairedFromManager');
      host.log.info('a damaged checkpoint is whole again, by another manager', facts);
      return true;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      const mac = this.ecuOf(task, epoch);
      if (mac !== undefined && (await this.fromEcu(wanted, mac))) return true;
      host.counters.add('store.repairFailed');
      // Others drop what is old as this manager does: that nobody has an old one any more is no news twice.
      const told = { ...facts, code: cause.code, why: cause.message };
      if (isFirst) host.log.warn('a damaged checkpoint cannot be mended just now', told);
      else host.log.debug('a damaged checkpoint still cannot be mended', told);
      return false;
    }
  }

  private async fromEcu(wanted: Parameters<PeerCheckpoints['fromEcu']>[0], mac: string): Promise<boolean> {
    const { host, peers } = this.parts;
    try {
      const { sequence } = await peers.fromEcu(wanted, mac);
      host.counters.add('store.repairedFromEcu');
      host.log.info('a damaged checkpoint is replaced, by its ECU', { task: wanted.task, epoch: wanted.epoch, sequence, mac });
      return true;
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return false;
    }
  }

  /** Only an instance of that epoch still has its states. */
  private ecuOf(task: TaskName, epoch: number): string | undefined {
    const placement = this.parts.knowledge.placement(task)?.context;
    return placement?.epoch === epoch ? placement.owner?.mac : undefined;
  }
}
