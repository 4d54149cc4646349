/**
 * Writes Protocol Buffers into one buffer that is kept and grows, for the few messages that are made so often that the
 * generated code's garbage would show (records, heartbeats). Writes what the generated code writes, byte for byte: fields
 * in the order of the calls, default values left out by the caller, lengths in the fewest bytes.
 *
 * One writer is used by one encoder at a time; encoders are synchronous and never call each other.
 */
import { assert } from '../kernel/assert.ts';

const UTF8 = new TextEncoder();
/** UTF-8 takes at most three bytes for each UTF-16 unit. */
const BYTES_PER_UNIT = 3;
/** Up to here a text's length takes one byte whatever its characters, and a loop beats the encoder. */
const SHORT_UNITS = 42;
/** Tag, length and 64-bit varint: 5 + 10 and room to spare. */
const FIELD_BYTES = 24;
const DIGEST_BYTES = 32;
const FIRST_BYTES = 64 * 1024;
/** Small messages are cut from common pieces of this size: a buffer of its own costs a message more than its writing. */
const SLAB_BYTES = 32 * 1024;
const SLAB_SHARE_MAX = 4 * 1024;

export class WireWriter {
  private bytes = new Uint8Array(FIRST_BYTES);
  private at = 0;
  private slab = new Uint8Array(0);
  private slabAt = 0;

  start(): void {
    this.at = 0;
  }

  length(): number {
    return this.at;
  }

  /** The buffer itself: valid until the next write. */
  written(): Uint8Array {
    return this.bytes;
  }

  /** The message, the caller's for ever; its `buffer` may be shared with other messages. */
  finish(): Uint8Array {
    const { bytes, at: length } = this;
    if (length > SLAB_SHARE_MAX) return bytes.slice(0, length);
    if (this.slabAt + length > this.slab.length) {
      this.slab = new Uint8Array(SLAB_BYTES);
      this.slabAt = 0;
    }
    const message = this.slab.subarray(this.slabAt, this.slabAt + length);
    message.set(bytes.subarray(0, length));
    this.slabAt += length;
    return message;
  }

  /** A varint field; 0 is the default and left out. */
  integer(tag: number, value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'an integer of 0 to 2^53 - 1 goes on the wire');
    if (value === 0) return;
    this.reserve(FIELD_BYTES);
    this.tag(tag);
    this.varint(value);
  }

  /** A varint field that is written because it is given, 0 or not. */
  givenInteger(tag: number, value: number): void {
    if (value !== 0) this.integer(tag, value);
    else {
      this.reserve(FIELD_BYTES);
      this.tag(tag);
      this.varint(0);
    }
  }

  /** A bytes field; no bytes are the default and left out. */
  blob(tag: number, value: Uint8Array): void {
    if (value.length === 0) return;
    this.delimiter(tag, value.length);
    this.reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  /** A bytes field that is given in lower-case hex. */
  digest(tag: number, hex: string): void {
    assert(hex.length === 2 * DIGEST_BYTES, 'a digest is 64 lower-case hex digits');
    const length = DIGEST_BYTES;
    this.delimiter(tag, length);
    this.reserve(length);
    const { bytes, at } = this;
    for (let i = 0; i < length; i++) bytes[at + i] = (nibble(hex.charCodeAt(2 * i)) << 4) | nibble(hex.charCodeAt(2 * i + 1));
    this.at = at + length;
  }

  /** A packed field of words; none are the default and left out. */
  fixed32s(tag: number, values: Uint32Array): void {
    if (values.length === 0) return;
    this.delimiter(tag, 4 * values.length);
    this.reserve(4 * values.length);
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < values.length; i++, at += 4) {
      const value = values[i] as number;
      bytes[at] = value;
      bytes[at + 1] = value >>> 8;
      bytes[at + 2] = value >>> 16;
      bytes[at + 3] = value >>> 24;
    }
    this.at = at;
  }

  /** What stands before `length` bytes of a field. */
  delimiter(tag: number, length: number): void {
    this.reserve(FIELD_BYTES);
    this.tag(tag);
    this.varint(length);
  }

  /** How many bytes that takes. */
  delimiterBytes(tag: number, length: number): number {
    return varintBytes(tag) + varintBytes(length);
  }

  fixed32(tag: number, value: number): void {
    this.reserve(FIELD_BYTES);
    this.tag(tag);
    const { bytes, at } = this;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.at = at + 4;
  }

  /** A packed field of numbers below 128, the first `count` of these; none is the default and left out. */
  packedSmall(tag: number, numbers: Uint8Array, count: number): void {
    if (count === 0) return;
    this.reserve(FIELD_BYTES + count);
    this.tag(tag);
    this.varint(count);
    for (let i = 0; i < count; i++) this.bytes[this.at++] = numbers[i] ?? 0;
  }

  /** A packed field of doubles, the first `count` of these; none is the default and left out. */
  packedDoubles(tag: number, values: Float64Array, count: number): void {
    if (count === 0) return;
    this.reserve(FIELD_BYTES + count * 8);
    this.tag(tag);
    this.varint(count * 8);
    const { bytes, at } = this;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let i = 0; i < count; i++) view.setFloat64(at + i * 8, values[i] ?? 0, true);
    this.at = at + count * 8;
  }

  /** A text field; the empty text is the default and left out. */
  text(tag: number, value: string): void {
    if (value.length !== 0) this.entry(tag, value);
  }

  /** A text that is an entry of a repeated field: written even when empty. */
  entry(tag: number, value: string): void {
    const { length } = value;
    if (this.at + FIELD_BYTES + length * BYTES_PER_UNIT > this.bytes.length)
      this.reserve(FIELD_BYTES + length * BYTES_PER_UNIT);
    this.tag(tag);
    if (length > SHORT_UNITS || !this.shortAscii(value, length)) this.longText(value);
  }

  /** All entries of a repeated text field. One loop for all of them: a record has half a hundred, nearly all short. */
  entries(tag: number, values: readonly string[]): void {
    for (const value of values) {
      const { length } = value;
      if (length > SHORT_UNITS || tag >= 0x80 || this.at + 2 + length > this.bytes.length) {
        this.entry(tag, value);
        continue;
      }
      const { bytes, at } = this;
      let to = at + 2;
      let units = 0;
      for (let i = 0; i < length; i++) {
        const unit = value.charCodeAt(i);
        units |= unit;
        bytes[to++] = unit;
      }
      if (units > 0x7f) this.entry(tag, value);
      else {
        bytes[at] = tag;
        bytes[at + 1] = length;
        this.at = to;
      }
    }
  }

  /** Begins a nested message. `expected`: about how long it gets, so that its length need not be moved. */
  open(tag: number, expected: number): number {
    this.reserve(FIELD_BYTES);
    this.tag(tag);
    this.at += varintBytes(expected);
    return this.at;
  }

  /** Ends the nested message that `open` began. */
  close(body: number, expected: number): void {
    const length = this.at - body;
    const [reserved, needed] = [varintBytes(expected), varintBytes(length)];
    if (needed !== reserved) {
      this.reserve(FIELD_BYTES);
      this.bytes.copyWithin(body - reserved + needed, body, this.at);
    }
    this.at = body - reserved;
    this.varint(length);
    this.at += length;
  }

  private shortAscii(value: string, length: number): boolean {
    const { bytes } = this;
    const body = this.at + 1;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      bytes[body + i] = unit;
    }
    bytes[body - 1] = length;
    this.at = body + length;
    return true;
  }

  private longText(value: string): void {
    // Mostly ASCII: the length is as long as it would be then, and moved when it turns out longer.
    const reserved = varintBytes(value.length);
    const body = this.at + reserved;
    const { written } = UTF8.encodeInto(value, this.bytes.subarray(body));
    const needed = varintBytes(written);
    if (needed !== reserved) this.bytes.copyWithin(this.at + needed, body, body + written);
    this.varint(written);
    this.at += written;
  }

  /** One byte for field numbers up to 15, which all fields of frequent messages have; two for the bodies of an envelope. */
  private tag(tag: number): void {
    if (tag < 0x80) this.bytes[this.at++] = tag;
    else this.varint(tag);
  }

  private varint(value: number): void {
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    // Above 31 bits the bit operators would cut; times in µs are there, so this is no rare case.
    while (rest > 0x7fffffff) {
      bytes[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  private reserve(more: number): void {
    const needed = this.at + more;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }
}

/** Of a lower-case hex digit. */
const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);

const varintBytes = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
