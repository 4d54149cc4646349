/**
 * Reads Protocol Buffers where the generated code would be too slow (records, heartbeats). Bytes come from anywhere: every
 * step checks its bounds and throws `FieldRefused`, and every step goes forward, so that nothing can make it hang.
 */
import { refuse } from './field-check.ts';

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });
/** Up to here a text that is plain ASCII is cut out of the bytewise text: a fifth of the cost of decoding it alone. */
const SHORT_BYTES = 64;
/** What the bytewise text is made in; longer messages (none in practice) decode each text alone. */
const MASKED = new Uint8Array(16 * 1024);
const MASKED_WORDS = new DataView(MASKED.buffer);

export class WireReader {
  at = 0;
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private bytewise: string | undefined;

  constructor(bytes: Uint8Array, end = bytes.length) {
    this.bytes = bytes;
    this.end = end;
  }

  more(end = this.end): boolean {
    return this.at < end;
  }

  /** The next tag: field number × 8 + wire type. */
  tag(): number {
    return this.integer();
  }

  /** A varint up to 2^53 - 1. */
  integer(): number {
    const { bytes, end } = this;
    let { at } = this;
    let byte = at < end ? (bytes[at++] ?? 0) : refuse('the bytes end within a number');
    if (byte < 0x80) {
      this.at = at;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 128;
    for (;;) {
      byte = at < end ? (bytes[at++] ?? 0) : refuse('the bytes end within a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
      if (scale > 2 ** 63) refuse('a number has more than ten bytes');
    }
    if (value > Number.MAX_SAFE_INTEGER) refuse(`a number is above ${Number.MAX_SAFE_INTEGER}`);
    this.at = at;
    return value;
  }

  /** Where the length-delimited field that begins here ends; `at` then stands at its first byte. */
  delimited(): number {
    const length = this.integer();
    const end = this.at + length;
    return end <= this.end ? end : refuse(`a field of ${length} bytes goes beyond the end`);
  }

  text(): string {
    const end = this.delimited();
    const start = this.at;
    this.at = end;
    if (end - start <= SHORT_BYTES && this.bytes.length <= MASKED.length && this.ascii(start, end)) {
      this.bytewise ??= bytewiseText(this.bytes);
      return this.bytewise.substring(start, end);
    }
    return UTF8.decode(this.bytes.subarray(start, end));
  }

  /** Passes over a field that this build does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.passVarint();
        return;
      case 1:
        this.forward(8);
        return;
      case 2:
        this.at = this.delimited();
        return;
      case 5:
        this.forward(4);
        return;
      default:
        refuse(`a field has the wire type ${tag & 7}, which this schema does not use`);
    }
  }

  private ascii(start: number, end: number): boolean {
    const { bytes } = this;
    for (let i = start; i < end; i++) if ((bytes[i] ?? 0) > 0x7f) return false;
    return true;
  }

  /** An unknown number may use all 64 bits. */
  private passVarint(): void {
    const start = this.at;
    while (((this.at < this.end ? this.bytes[this.at++] : refuse('the bytes end within a number')) ?? 0) > 0x7f) {
      if (this.at - start >= 10) refuse('a number has more than ten bytes');
    }
  }

  private forward(count: number): void {
    this.at = this.at + count <= this.end ? this.at + count : refuse('the bytes end within a number');
  }
}

/**
 * All bytes as one text with one character per byte, right where the byte is ASCII: the high bit is masked away elsewhere,
 * because decoders are ten times as fast on bytes that are ASCII throughout.
 */
function bytewiseText(bytes: Uint8Array): string {
  const { length } = bytes;
  const words = new DataView(bytes.buffer, bytes.byteOffset, length);
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) MASKED_WORDS.setInt32(at, words.getInt32(at) & 0x7f7f7f7f);
  for (let at = whole; at < length; at++) MASKED[at] = words.getUint8(at) & 0x7f;
  return UTF8.decode(MASKED.subarray(0, length));
}
