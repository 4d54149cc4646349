/**
 * What this manager has measured of migrations before, for what the next one costs: how fast states are brought over, how long a task runs
 * nowhere when its source stands still and when its target keeps up with it, and who did not keep up.
 */

import type { MigrationSpeed } from '../src/domain/migration/estimate.ts';
import { isFollowable, notFollowable } from '../src/domain/migration/following.ts';
import type { Incarnation } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { Clock } from '../src/ports/clock.ts';

/** Until something was measured: a slow network's, and a loaded machine's. */
const BYTES_PER_SECOND = 50_000_000;
const SWITCH_US = 15_000;
const FOLLOWED_US = 10_000;
const KEEP_UP_US = 50_000;
/** Weight of the newest measurement. */
const NEWEST = 0.25;
/** Less than this tells of the round trip and not of the speed. */
const MEASURED_BYTES_MIN = 64 * 1024;
/** A target that did not keep up may have been busy: after so long it is tried again, each time in a row after twice as long. */
const LAGGED_US = { first: 5_000_000, most: 600_000_000 };

interface Lag {
  readonly untilUs: number;
  readonly forUs: number;
  readonly reason: string;
}

interface Target {
  readonly incarnation: number;
  hasKeptUp: boolean;
  readonly lagged: Map<TaskName, Lag>;
}

export class MigrationPast {
  private readonly clock: Clock;
  private bytesPerSecond = BYTES_PER_SECOND;
  private switchUs = SWITCH_US;
  private followedUs = FOLLOWED_US;
  private keepUpUs = KEEP_UP_US;
  private readonly targets = new Map<Mac, Target>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  noteCopied({ bytes, tookUs }: { readonly bytes: number; readonly tookUs: number }): void {
    if (bytes < MEASURED_BYTES_MIN || tookUs <= 0) return;
    this.bytesPerSecond += NEWEST * ((bytes * 1e6) / tookUs - this.bytesPerSecond);
  }

  /** From standing still to the target's start. */
  noteSwitched(us: number): void {
    this.switchUs += NEWEST * (us - this.switchUs);
  }

  /** From the word to the target to its start; the source runs on until the marker in between, so it is silent for less. */
  noteFollowed(us: number): void {
    this.followedUs += NEWEST * (us - this.followedUs);
  }

  noteKeptUp(target: Incarnation, task: TaskName, us: number): void {
    this.keepUpUs += NEWEST * (us - this.keepUpUs);
    const known = this.targetOf(target);
    known.hasKeptUp = true;
    known.lagged.delete(task);
  }

  noteLagged(target: Incarnation, task: TaskName, reason: string): void {
    const { lagged } = this.targetOf(target);
    const before = lagged.get(task);
    const forUs = before === undefined ? LAGGED_US.first : Math.min(2 * before.forUs, LAGGED_US.most);
    lagged.set(task, { reason, forUs, untilUs: this.clock.monotonicUs() + forUs });
  }

  speed(): MigrationSpeed {
    return {
      bytesPerSecond: Math.round(this.bytesPerSecond),
      // Who stands still waits for all that a followed one waits for, and more.
      switchUs: Math.round(Math.max(this.switchUs, this.followedUs)),
      followedUs: Math.round(this.followedUs),
      keepUpUs: Math.round(this.keepUpUs),
    };
  }

  /** Undefined: nothing is known that speaks against it. */
  whyNotFollowed(spec: Pick<TaskSpec, 'name' | 'runtime'>, target: Incarnation): string | undefined {
    if (!isFollowable(spec)) return notFollowable(spec);
    const known = this.targets.get(target.mac);
    if (known === undefined || known.incarnation !== target.incarnation) return undefined;
    const nowUs = this.clock.monotonicUs();
    const lagged = known.lagged.get(spec.name);
    if (lagged !== undefined && lagged.untilUs > nowUs) return lagged.reason;
    const isSlow = !known.hasKeptUp && [...known.lagged.values()].some(({ untilUs }) => untilUs > nowUs);
    return isSlow ? 'its bridge has kept up with no task so far' : undefined;
  }

  /** How long a task runs nowhere on its way to wherever. */
  blackoutUs(spec: Pick<TaskSpec, 'runtime'> | undefined): number {
    return spec === undefined || isFollowable(spec) ? this.followedUs : this.switchUs;
  }

  private targetOf({ mac, incarnation }: Incarnation): Target {
    const known = this.targets.get(mac);
    if (known?.incarnation === incarnation) return known;
    const fresh: Target = { incarnation, hasKeptUp: false, lagged: new Map() };
    this.targets.set(mac, fresh);
    return fresh;
  }
}
