/**
 * Headers between drover's plain records and the wire (`NATS/1.0\r\nKey: value\r\n…\r\n\r\n`). Encoding is on the path of every
 * append, so it builds one string and no header object. What the broker itself reads or adds (`Nats-…`) is not shown to
 * whoever receives a message: it is between the adapter and the broker.
 */
import type { MsgHdrs } from '@nats-io/nats-core';
import { assert } from '../../src/domain/kernel/assert.ts';
import type { Headers } from '../../src/ports/bus.ts';

export const NO_HEADERS: Headers = Object.freeze({});

const START = 'NATS/1.0\r\n';
const UNSAFE_VALUE = /[\r\n]/;
const UNSAFE_NAME = /[^!-9;-~]/;

/** Collects header lines; `bytes` gives the encoded block. */
export class HeaderBlock {
  #text = START;

  add(name: string, value: string): this {
    assert(!UNSAFE_NAME.test(name) && name !== '', `"${name}" cannot be a header's name`);
    assert(!UNSAFE_VALUE.test(value), `the value of header ${name} must be one line`);
    this.#text += `${name}: ${value}\r\n`;
    return this;
  }

  /** For names and values that this adapter wrote itself. */
  addOwn(name: string, value: string | number): this {
    this.#text += `${name}: ${value}\r\n`;
    return this;
  }

  addAll(headers: Headers): this {
    for (const name in headers) {
      const value = headers[name];
      if (value !== undefined) this.add(name, value);
    }
    return this;
  }

  bytes(): Uint8Array {
    return Buffer.from(`${this.#text}\r\n`, 'utf8');
  }
}

export function encodeHeaders(headers: Headers | undefined): Uint8Array | undefined {
  if (headers === undefined) return undefined;
  for (const _name in headers) return new HeaderBlock().addAll(headers).bytes();
  return undefined;
}

/** The client asks its header object for nothing but its bytes when it publishes, so bytes that are ready go out as they are. */
export const readyHeaders = (bytes: Uint8Array): MsgHdrs => ({ encode: () => bytes }) as unknown as MsgHdrs;

export function decodeHeaders(headers: MsgHdrs | undefined): Headers {
  if (headers === undefined) return NO_HEADERS;
  const plain: Record<string, string> = {};
  let any = false;
  for (const [name, values] of headers) {
    if (name.startsWith('Nats-')) continue;
    plain[name] = values[0] ?? '';
    any = true;
  }
  return any ? plain : NO_HEADERS;
}

/** As a stored message gives them: the raw block. */
export function decodeHeaderBlock(block: Uint8Array): Headers {
  const plain: Record<string, string> = {};
  for (const line of Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('utf8').split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon <= 0 || line.startsWith('Nats-')) continue;
    const name = line.slice(0, colon);
    plain[name] ??= line.slice(colon + 1).trim();
  }
  return plain;
}
