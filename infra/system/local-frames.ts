/** Frames of the local path (`local-path.ts` draws them): cutting a stream of bytes into messages. */
import { WIRE_BYTES_MAX } from '../../src/domain/protocol/limits.ts';

/** Added to the number of a request whose handler failed. */
export const FAILED = 2 ** 31;
const HEAD_BYTES = 8;

export function frameHead(number: number, length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(number, 4);
  return head;
}

export class FrameReader {
  private readonly onFrame: (number: number, payload: Uint8Array) => void;
  private readonly head = Buffer.alloc(HEAD_BYTES);
  private headFilled = 0;
  /** Of a frame that came in several pieces. */
  private payload: Buffer | undefined;
  private payloadFilled = 0;

  constructor(onFrame: (number: number, payload: Uint8Array) => void) {
    this.onFrame = onFrame;
  }

  /** False when what came is no frame: the connection is of no use any more. */
  push(chunk: Buffer): boolean {
    for (let at = 0; at < chunk.length; ) {
      if (this.payload === undefined) {
        const taken = Math.min(HEAD_BYTES - this.headFilled, chunk.length - at);
        chunk.copy(this.head, this.headFilled, at, at + taken);
        this.headFilled += taken;
        at += taken;
        if (this.headFilled < HEAD_BYTES) return true;
        const length = this.head.readUInt32LE(0);
        if (length > WIRE_BYTES_MAX) return false;
        if (chunk.length - at >= length) {
          // Whole in this chunk: no copy.
          this.finish(chunk.subarray(at, at + length));
          at += length;
        } else {
          this.payload = Buffer.allocUnsafeSlow(length);
          this.payloadFilled = 0;
        }
      } else {
        const taken = Math.min(this.payload.length - this.payloadFilled, chunk.length - at);
        chunk.copy(this.payload, this.payloadFilled, at, at + taken);
        this.payloadFilled += taken;
        at += taken;
        if (this.payloadFilled === this.payload.length) this.finish(this.payload);
      }
    }
    return true;
  }

  private finish(payload: Uint8Array): void {
    this.payload = undefined;
    this.headFilled = 0;
    this.onFrame(this.head.readUInt32LE(4), payload);
  }
}
