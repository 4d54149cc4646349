/**
 * Reading and writing the bytes of a WebAssembly binary: LEB128 numbers, names, vectors and sections.
 *
 * A reader never goes beyond its bytes: what is cut short or does not fit its width is a `MalformedModule`, which the
 * deploy pass turns into ERR_MODULE_INVALID. Nothing here knows what an instruction means.
 */

/** The bytes do not follow the binary format. */
export class MalformedModule extends Error {
  override readonly name = 'MalformedModule';
}

export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get done(): boolean {
    return this.position >= this.end;
  }

  u8(): number {
    if (this.position >= this.end) throw new MalformedModule(`the module is cut short at byte ${this.position}`);
    return this.bytes[this.position++] as number;
  }

  skip(byteCount: number): void {
    if (this.position + byteCount > this.end) throw new MalformedModule(`the module is cut short at byte ${this.end}`);
    this.position += byteCount;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  u32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw new MalformedModule(`a number at byte ${this.position} does not fit 32 bits`);
  }

  /** Steps over a LEB128 number of up to 64 bits; its value does not matter. */
  skipLeb(): void {
    for (let count = 0; count < 10; count++) if (this.u8() < 0x80) return;
    throw new MalformedModule(`a number at byte ${this.position} does not fit 64 bits`);
  }

  name(): string {
    const length = this.u32();
    const start = this.position;
    this.skip(length);
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }
}

export class ByteWriter {
  #bytes = new Uint8Array(1024);
  length = 0;

  #reserve(byteCount: number): void {
    if (this.length + byteCount <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + byteCount));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }

  u8(...values: readonly number[]): this {
    this.#reserve(values.length);
    for (const value of values) this.#bytes[this.length++] = value;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  u32(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  /** Signed LEB128 of a 32-bit number; also right for an i64 constant of that range. */
  s32(value: number): this {
    let rest = value | 0;
    for (;;) {
      const byte = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  name(text: string): this {
    const bytes = new TextEncoder().encode(text);
    return this.u32(bytes.length).raw(bytes);
  }

  section(id: number, content: Uint8Array): this {
    return this.u8(id).u32(content.length).raw(content);
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }
}

export const sectionId = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;
