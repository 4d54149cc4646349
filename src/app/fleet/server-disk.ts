/**
 * Watches the disk of the fleet's own server. Appends to a JetStream server whose disk is full get an error or no answer, which
 * loses nothing: whoever appends looks and tries again. But a stream that has failed to write once does not write again by itself
 * when there is room, only after a restart of the server (nats-server 2.15). So whoever started the server has to see both.
 *
 *   roomy → full (said) → roomy again (the server is restarted, and said)
 */
import { statfs } from 'node:fs/promises';

export interface ServerDiskParts {
  readonly folder: string;
  readonly onFull: (sentence: string) => void;
  /** There is room again. Where it fails, it is called again. */
  readonly onRoom: () => Promise<void>;
}

const LOOK_MS = 500;
/** Below this the next append may fail: a block of a small file. */
const FULL_BYTES = 64 * 1024;
/** Above this it is worth to start anew: what waited is written at once. */
const ROOM_BYTES = 4 * 1024 * 1024;

export class ServerDisk {
  private readonly parts: ServerDiskParts;
  private full = false;
  private looking: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(parts: ServerDiskParts) {
    this.parts = parts;
  }

  start(): void {
    if (this.stopped) return;
    this.looking = setTimeout(() => {
      void this.look().finally(() => this.start());
    }, LOOK_MS);
    this.looking.unref();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.looking);
  }

  private async look(): Promise<void> {
    try {
      const { bavail, bsize } = await statfs(this.parts.folder);
      const freeBytes = bavail * bsize;
      if (!this.full && freeBytes < FULL_BYTES) {
        this.full = true;
        this.parts.onFull(
          `the disk of the server is full (${this.parts.folder}): nothing is accepted until there is room; what was accepted is kept`,
        );
      } else if (this.full && freeBytes >= ROOM_BYTES && !this.stopped) {
        await this.parts.onRoom();
        this.full = false;
      }
    } catch {
      // The folder cannot be looked at, or the server did not come up: looked at again.
    }
  }
}
