/**
 * Which of the records in a shared store are this host's to look after (`shell.ts`, L4), and what is remembered of the others: the key
 * on their outside, so that they can be read when their share falls to this host.
 */
import type { ActorKey, HostId, TaskName } from '../src/domain/model/ids.ts';
import type { RecordLabel } from '../src/ports/record-store.ts';
import type { ActorView } from './mailbox.ts';

export interface Sharing {
  /** What others may know a record by without opening it. */
  readonly keyOf: (view: ActorView) => string | undefined;
  /** And by whom a task is fed. */
  readonly fromOf: (view: ActorView) => TaskName | undefined;
  /** Whether records of this key are this host's to look after. */
  readonly keeps: (key: string) => boolean;
  /** Another's record passed by unopened. */
  readonly onPassing: (actor: ActorKey, label: RecordLabel) => void;
  readonly onForgotten: (actor: ActorKey) => void;
}

export class RecordShares {
  private readonly host: HostId;
  private readonly sharing: Sharing | undefined;
  /** Actors of other shares, by the key on their newest record. */
  private readonly passing = new Map<ActorKey, string>();

  /** Without `sharing` everything is this host's. */
  constructor(host: HostId, sharing: Sharing | undefined) {
    this.host = host;
    this.sharing = sharing;
  }

  /** There is a record of it, of another share. */
  knowsOf(actor: ActorKey): boolean {
    return this.passing.has(actor);
  }

  /** On the outside of a record of another share; undefined: there is none that is not known. */
  keyOf(actor: ActorKey): string | undefined {
    return this.passing.get(actor);
  }

  labelOf(view: ActorView): RecordLabel | undefined {
    const { sharing, host } = this;
    return sharing === undefined ? undefined : { key: sharing.keyOf(view), writer: host, from: sharing.fromOf(view) };
  }

  /** A record of an actor that is not known here: true where it is another's and was dealt with by noting its key. */
  passesBy(actor: ActorKey, label: RecordLabel | undefined): boolean {
    if (this.sharing === undefined || label === undefined || label.writer === this.host) return false;
    const { key } = label;
    if (key !== undefined && this.sharing.keeps(key)) {
      this.passing.delete(actor);
      return false;
    }
    this.note(actor, key);
    this.sharing.onPassing(actor, label);
    return true;
  }

  keeps(view: ActorView): boolean {
    if (this.sharing === undefined) return true;
    const key = this.sharing.keyOf(view);
    return key !== undefined && this.sharing.keeps(key);
  }

  forget(view: ActorView): void {
    if (this.sharing === undefined) return;
    this.note(view.actor, this.sharing.keyOf(view));
    this.sharing.onForgotten(view.actor);
  }

  /** What has become this host's to look after; not noted any more. */
  takeGained(): readonly ActorKey[] {
    const { sharing } = this;
    if (sharing === undefined) return [];
    const gained = [...this.passing].filter(([, key]) => sharing.keeps(key)).map(([actor]) => actor);
    for (const actor of gained) this.passing.delete(actor);
    return gained;
  }

  private note(actor: ActorKey, key: string | undefined): void {
    if (key === undefined) this.passing.delete(actor);
    else this.passing.set(actor, key);
  }
}
