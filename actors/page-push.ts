/**
 * Sends a capture's pages ahead of its announcement (`push`), within a bound: what is on its way and not acknowledged by the
 * quorum's `stored` never exceeds PUSHED_BYTES_MAX per task. What does not fit is announced all the same, and pulled; so a manager
 * that is slow or absent turns pushing into pulling, and costs the ECU and the server no more than this.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import { encodePagesPushed } from '../src/domain/protocol/codec-checkpoint.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import { envelope, type Host } from './host.ts';

const PUSHED_BYTES_MAX = 4 * 1024 * 1024;
/** As in a pull; less where the broker takes less. */
const PAGES_PER_MESSAGE_MAX = 128;

export class PagePush {
  private readonly host: Host;
  private pagesPerMessage = PAGES_PER_MESSAGE_MAX;
  /** Bytes by sequence, of what no quorum has acknowledged. */
  private readonly underWay = new Map<number, number>();
  private bytesUnderWay = 0;

  constructor(host: Host) {
    this.host = host;
  }

  /** Answers whether it was sent; never fails. */
  send(manifest: CheckpointManifest, pages: Uint8Array): boolean {
    if (pages.length === 0) return true;
    // Announced again: what did not come is pulled.
    if (this.underWay.has(manifest.sequence)) return true;
    const { counters } = this.host;
    if (this.bytesUnderWay + pages.length > PUSHED_BYTES_MAX) {
      counters.add('checkpoint.leftToPull');
      return false;
    }
    this.underWay.set(manifest.sequence, pages.length);
    this.bytesUnderWay += pages.length;
    for (let at = 0; at < pages.length; ) {
      const some = pages.subarray(at, at + this.pagesPerMessage * PAGE_BYTES);
      if (this.publish(manifest, some)) at += some.length;
      else if (this.pagesPerMessage > 1) this.pagesPerMessage >>>= 1;
      else {
        // Not a single page fits this broker's messages.
        counters.add('checkpoint.leftToPull');
        return false;
      }
    }
    counters.add('checkpoint.pushed');
    return true;
  }

  /** The quorum has this one, or a later one. */
  acknowledged(sequence: number): void {
    for (const [sent, bytes] of this.underWay) {
      if (sent > sequence) continue;
      this.underWay.delete(sent);
      this.bytesUnderWay -= bytes;
    }
  }

  private publish({ task, mac, epoch, sequence }: CheckpointManifest, pages: Uint8Array): boolean {
    const { host } = this;
    try {
      host.bus.publish(
        ecuSubject.pushed(mac),
        encodePagesPushed(envelope(host, { kind: 'pushed', task, epoch, sequence, pages })),
      );
      return true;
    } catch (cause) {
      if (cause instanceof DroverError && cause.code === 'ERR_WIRE_OVERSIZED') return false;
      // Closed: whoever listens hears nothing more of this connection, the announcement included.
      host.log.debug('pages could not be pushed', { task, epoch, cause });
      return true;
    }
  }
}
