/** The fields that every envelope begins with, for the encoders that write by hand: byte for byte what the generated code writes. */
import { type Envelope, WIRE_VERSION } from './messages.ts';
import type { WireWriter } from './wire-writer.ts';

export const ENVELOPE = { version: 0x08, id: 0x12, sender: 0x1a, trace: 0x22, sentAtUs: 0x28 } as const;

/** Begins a message; its body comes next. */
export function beginEnvelope(writer: WireWriter, { id, sender, trace, sentAtUs }: Envelope<unknown>): void {
  writer.start();
  writer.integer(ENVELOPE.version, WIRE_VERSION);
  writer.text(ENVELOPE.id, id);
  writer.text(ENVELOPE.sender, sender);
  writer.text(ENVELOPE.trace, trace);
  writer.integer(ENVELOPE.sentAtUs, sentAtUs);
}
