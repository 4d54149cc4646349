/**
 * Follows what is said of checkpoints: of all ECUs, or, where a fleet is shared out, of those in this manager's share. When the share
 * changes it is followed anew from the newest words on; what was heard before is heard again, which changes nothing.
 */
import type { Mac } from '../src/domain/model/ids.ts';
import { checkpointSubject, streams } from '../src/domain/protocol/subjects.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import { type Host, pause } from './host.ts';

export interface CheckpointNoticesParts {
  readonly host: Host;
  /** The ECUs whose checkpoints are this manager's to keep; undefined: all. */
  readonly watched: () => readonly Mac[] | undefined;
  readonly heard: (message: BusMessage) => void;
}

/** Between listening to who holds what and listening to what there is. */
export const HEARD_US = 50_000;
/** Changes of a share that come within this are heard of together: a fleet that starts, a manager that dies. */
const LISTEN_ANEW_US = 250_000;

export class CheckpointNotices {
  private readonly parts: CheckpointNoticesParts;
  /** Who holds what, and what there is. */
  private readonly hearing: Cancel[] = [];
  private hearsAll = false;
  private listeningAnew: Cancel | undefined;

  constructor(parts: CheckpointNoticesParts) {
    this.parts = parts;
  }

  async listen(): Promise<void> {
    const { host, watched, heard } = this.parts;
    const macs = watched();
    if (macs === undefined && this.hearsAll) return;
    const before = this.hearing.splice(0);
    const consume = async (filter: string | readonly string[]): Promise<void> => {
      if (filter.length === 0) return;
      this.hearing.push(await host.bus.consume(streams.checkpoints, { filter, from: 'last-per-subject' }, heard));
    };
    await consume(macs === undefined ? checkpointSubject.allStored : macs.map(checkpointSubject.allStoredOf));
    // Who holds what is heard first: a manager that was away asks the others for what its increments stand on, not the ECUs.
    await pause(host.clock, HEARD_US);
    await consume(macs === undefined ? checkpointSubject.allAnnounced : macs.map(checkpointSubject.allAnnouncedOf));
    this.hearsAll = macs === undefined;
    for (const cancel of before) cancel();
  }

  shareChanged(): void {
    this.listeningAnew ??= this.parts.host.clock.after(LISTEN_ANEW_US, () => {
      this.listeningAnew = undefined;
      void this.listen().catch((cause: unknown) => {
        this.parts.host.log.warn('the checkpoints of a share could not be followed; tried again', { cause });
        this.shareChanged();
      });
    });
  }

  stop(): void {
    for (const cancel of this.hearing.splice(0)) cancel();
    this.listeningAnew?.();
  }
}
