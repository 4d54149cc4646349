/**
 * In which order the instances of one ECU come up. The tasks of a failed ECU arrive together, and together they would all be
 * back as late as the last of them: a core that brings up twelve at once does no more in all. In turn, the most urgent stands
 * still for the shortest time, and half of them for half as long.
 *
 * A turn lasts from the start to the moment the instance has caught up with its inputs, but no longer than TURN_US_MAX: one
 * that has much to replay, or waits for a server, must not hold up the others. PLACES at a time, so that one waits for the
 * server while another computes.
 */
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { Cancel, Clock } from '../src/ports/clock.ts';

const PLACES = 4;
const TURN_US_MAX = 60_000;

export interface Turn {
  /** Gives the place to the next. Any number of times. */
  end(): void;
}

type Urgency = Pick<TaskSpec, 'criticality' | 'priority'>;

export class StartTurns {
  private readonly clock: Clock;
  private taken = 0;
  /** In order of arrival. */
  private readonly waiting: { readonly urgency: Urgency; readonly begin: () => void }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  async next(urgency: Urgency): Promise<Turn> {
    if (this.taken < PLACES) this.taken++;
    else await new Promise<void>((begin) => this.waiting.push({ urgency, begin }));
    return this.turn();
  }

  private turn(): Turn {
    let over = false;
    let timer: Cancel | undefined;
    const end = (): void => {
      if (over) return;
      over = true;
      timer?.();
      const next = this.mostUrgent();
      if (next === undefined) this.taken--;
      else next();
    };
    timer = this.clock.after(TURN_US_MAX, end);
    return { end };
  }

  /** Of equals, the one that came first. */
  private mostUrgent(): (() => void) | undefined {
    let best = 0;
    for (let index = 1; index < this.waiting.length; index++) {
      if (isMoreUrgent(this.waiting[index]?.urgency, this.waiting[best]?.urgency)) best = index;
    }
    return this.waiting.splice(best, 1)[0]?.begin;
  }
}

function isMoreUrgent(one: Urgency | undefined, other: Urgency | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.criticality !== other.criticality ? one.criticality > other.criticality : one.priority > other.priority;
}
