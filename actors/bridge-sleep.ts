/**
 * How a bridge sleeps (docs/POWER.md). There is no hardware here that could be switched off, so the bridge stands for its ECU's wake-up
 * controller, the small part of a real one that stays on and hears the word that wakes it:
 *
 * L1. Asleep it sends no heartbeat and no sample, keeps no copies for others, and refuses whatever would bring a task. It answers this order,
 *     and questions about its load.
 * L2. It never sleeps with a task: not with one that it holds, that is being deployed or that is expected. Both are decided in one breath with
 *     their admission, so no order of two commands lets both through. Nor does it where a manager shares its machine; and it says so from
 *     the beginning, by having no state to sleep in, so that nobody empties it in vain.
 * L3. Waking takes as long as the state says, by this ECU's own clock; until then it is as good as asleep.
 * L4. Nothing of it is remembered: a bridge that starts is awake.
 */
import type { EcuDescription, SleepState } from '../src/domain/model/ecu.ts';
import type { PowerAnswer } from '../src/domain/protocol/messages.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';

export interface BridgeSleepParts {
  readonly clock: Clock;
  /** What keeps it awake; undefined: nothing. */
  readonly heldBy: () => string | undefined;
  readonly onAsleep: () => void;
  readonly onAwake: () => void;
}

/** L2. */
export function awakeBesideManager(parts: {
  readonly description: EcuDescription;
  readonly coLocatedManagers: ReadonlySet<string>;
}): EcuDescription {
  const { description, coLocatedManagers } = parts;
  if (coLocatedManagers.size === 0 || description.power === undefined) return description;
  return { ...description, power: { ...description.power, sleep: [] } };
}

export class BridgeSleep {
  private readonly parts: BridgeSleepParts;
  private state: SleepState | undefined;
  private waking: { readonly readyAtUs: number; readonly cancel: Cancel } | undefined;

  constructor(parts: BridgeSleepParts) {
    this.parts = parts;
  }

  /** The state that it is in, also while it wakes; undefined: it is awake. */
  get asleep(): SleepState | undefined {
    return this.state;
  }

  obey(sleep: SleepState | undefined): PowerAnswer {
    if (sleep === undefined) return this.wake();
    if (this.state === undefined) {
      const reason = this.parts.heldBy();
      if (reason !== undefined) return { kind: 'power', state: 'awake', readyInUs: 0, reason };
      this.state = sleep;
      this.parts.onAsleep();
    } else {
      // One that is on its way up goes back to sleep.
      this.waking?.cancel();
      this.waking = undefined;
      this.state = sleep;
    }
    return { kind: 'power', state: 'asleep', readyInUs: 0, reason: '' };
  }

  stop(): void {
    this.waking?.cancel();
  }

  private wake(): PowerAnswer {
    if (this.state === undefined) return { kind: 'power', state: 'awake', readyInUs: 0, reason: '' };
    const { clock, onAwake } = this.parts;
    if (this.waking === undefined) {
      const { wakeUs } = this.state;
      const cancel = clock.after(wakeUs, () => {
        this.state = undefined;
        this.waking = undefined;
        onAwake();
      });
      this.waking = { readyAtUs: clock.monotonicUs() + wakeUs, cancel };
    }
    const readyInUs = Math.max(0, this.waking.readyAtUs - clock.monotonicUs());
    return { kind: 'power', state: 'waking', readyInUs, reason: '' };
  }
}
