/**
 * B2 of the bridge: a command about a task of an actor below the highest revision of that actor handled here for that task was
 * overtaken. Bounded: what was handled longest ago is forgotten first.
 */
import type { CommandHeader } from '../src/domain/protocol/messages.ts';
import { type Host, planted } from './host.ts';

const HANDLED_ACTORS_MAX = 10_000;

export class OvertakenCommands {
  private readonly host: Host;
  /** By actor and task. */
  private readonly handled = new Map<string, number>();

  constructor(host: Host) {
    this.host = host;
  }

  /** The revision that was handled and overtook this command; undefined: none did, and this is the highest now. */
  by({ actor, actorRevision, task }: CommandHeader): number | undefined {
    const subject = planted(this.host, 'overtake-by-actor') ? actor : `${actor} ${task}`;
    const handled = this.handled.get(subject) ?? 0;
    if (actorRevision < handled && !planted(this.host, 'obey-overtaken')) return handled;
    this.handled.delete(subject);
    this.handled.set(subject, actorRevision);
    if (this.handled.size > HANDLED_ACTORS_MAX) {
      for (const oldest of this.handled.keys()) {
        this.handled.delete(oldest);
        break;
      }
    }
    return undefined;
  }
}
