/**
 * Checkpoint messages by hand, over `WireWriter`: a manager writes one for every checkpoint, and through the generated code each costs
 * as much as storing it. Byte for byte what the generated code writes; a property test holds it to that.
 */
import { unreachable } from '../kernel/assert.ts';
import type { CheckpointManifest, CheckpointReference, InputCursor } from '../model/checkpoint.ts';
import type { CheckpointNeeds } from '../model/compatibility.ts';
import { runtimeKinds } from './codec-task.ts';
import type { CheckpointNotice, Envelope, PageRequest } from './messages.ts';
import { WireWriter } from './wire-writer.ts';
import { beginEnvelope } from './write-envelope.ts';

/** Field number × 8 + wire type. */
const BODY = { notice: 0xba, pageRequest: 0xc2, pageAnswer: 0xca } as const;
const NOTICE = { announced: 0x0a, stored: 0x12, freed: 0x1a } as const;
const ANNOUNCED = { manifest: 0x0a, standbys: 0x12 } as const;
const STORED = { manager: 0x0a, task: 0x12, mac: 0x1a, programId: 0x20, epoch: 0x28, sequence: 0x30, reference: 0x3a } as const;
const FREED = { task: 0x0a, mac: 0x12, programId: 0x18, epoch: 0x20, sequence: 0x28 } as const;
const MANIFEST = {
  ...{ task: 0x0a, epoch: 0x10, sequence: 0x18, mac: 0x22, incarnation: 0x28, programId: 0x30, nonce: 0x3a },
  ...{ baseSequence: 0x40, pageCount: 0x48, pageIndexes: 0x52, pageDigests: 0x5a, globals: 0x62, stateDigest: 0x6a },
  ...{ input: 0x72, outputNumber: 0x78, artefact: 0x82, needs: 0x8a },
} as const;
const REFERENCE = {
  ...{ task: 0x0a, epoch: 0x10, sequence: 0x18, input: 0x22, outputNumber: 0x28, stateDigest: 0x32, holders: 0x3a },
  needs: 0x42,
} as const;
const CURSOR = { sequence: 0x08, dataNumber: 0x10, tickNumber: 0x18 } as const;
const NEEDS = {
  ...{ runtime: 0x08, runtimeVersion: 0x10, memoryBytes: 0x18, hostFunctions: 0x22, subjects: 0x2a, capabilities: 0x32 },
} as const;
const REQUEST = { task: 0x0a, epoch: 0x10, sequence: 0x18, positions: 0x22 } as const;
/** `PageAnswer.pages` and `Pages.pages`. */
const PAGES = 0x0a;

/** About how long the nested messages get; only a guess, to place their lengths well. */
const LARGE = 1_000;
const MIDDLE = 300;
const SMALL = 16;

const writer = new WireWriter();

export function writeNotice(envelope: Envelope<CheckpointNotice>): Uint8Array {
  const w = begin(envelope);
  const { body } = envelope;
  const expected = body.kind === 'announced' ? LARGE : MIDDLE;
  const start = w.open(BODY.notice, expected);
  const inner = w.open(NOTICE[body.kind], expected);
  switch (body.kind) {
    case 'announced': {
      const manifest = w.open(ANNOUNCED.manifest, LARGE);
      writeManifest(w, body.manifest);
      w.close(manifest, LARGE);
      w.entries(ANNOUNCED.standbys, body.standbys);
      break;
    }
    case 'stored': {
      w.text(STORED.manager, body.manager);
      w.text(STORED.task, body.task);
      w.text(STORED.mac, body.mac);
      w.integer(STORED.programId, body.programId);
      w.integer(STORED.epoch, body.epoch);
      w.integer(STORED.sequence, body.sequence);
      const reference = w.open(STORED.reference, MIDDLE);
      writeReference(w, body.reference);
      w.close(reference, MIDDLE);
      break;
    }
    case 'freed':
      w.text(FREED.task, body.task);
      w.text(FREED.mac, body.mac);
      w.integer(FREED.programId, body.programId);
      w.integer(FREED.epoch, body.epoch);
      w.integer(FREED.sequence, body.sequence);
      break;
    default:
      unreachable(body);
  }
  w.close(inner, expected);
  w.close(start, expected);
  return w.finish();
}

/** One that accepts no packing. */
export function writePageRequest(envelope: Envelope<PageRequest>): Uint8Array {
  const w = begin(envelope);
  const { task, epoch, sequence, positions } = envelope.body;
  const start = w.open(BODY.pageRequest, MIDDLE);
  w.text(REQUEST.task, task);
  w.integer(REQUEST.epoch, epoch);
  w.integer(REQUEST.sequence, sequence);
  w.fixed32s(REQUEST.positions, positions);
  w.close(start, MIDDLE);
  return w.finish();
}

/** Of pages as they are: copied once. Through nested writers each is copied at every level. */
export function writePages(envelope: Envelope<unknown>, pages: Uint8Array): Uint8Array {
  const w = begin(envelope);
  const inner = w.delimiterBytes(PAGES, pages.length) + pages.length;
  const middle = w.delimiterBytes(PAGES, inner) + inner;
  w.delimiter(BODY.pageAnswer, middle);
  w.delimiter(PAGES, inner);
  w.delimiter(PAGES, pages.length);
  const head = w.length();
  const bytes = new Uint8Array(head + pages.length);
  bytes.set(w.written().subarray(0, head));
  bytes.set(pages, head);
  return bytes;
}

function begin(envelope: Envelope<unknown>): WireWriter {
  beginEnvelope(writer, envelope);
  return writer;
}

function writeManifest(w: WireWriter, manifest: CheckpointManifest): void {
  w.text(MANIFEST.task, manifest.task);
  w.integer(MANIFEST.epoch, manifest.epoch);
  w.integer(MANIFEST.sequence, manifest.sequence);
  w.text(MANIFEST.mac, manifest.mac);
  w.integer(MANIFEST.incarnation, manifest.incarnation);
  w.integer(MANIFEST.programId, manifest.programId);
  w.text(MANIFEST.nonce, manifest.nonce);
  if (manifest.baseSequence !== undefined) w.givenInteger(MANIFEST.baseSequence, manifest.baseSequence);
  w.integer(MANIFEST.pageCount, manifest.pageCount);
  w.fixed32s(MANIFEST.pageIndexes, manifest.pageIndexes);
  w.blob(MANIFEST.pageDigests, manifest.pageDigests);
  w.blob(MANIFEST.globals, manifest.globals);
  w.digest(MANIFEST.stateDigest, manifest.stateDigest);
  writeCursor(w, MANIFEST.input, manifest.input);
  w.integer(MANIFEST.outputNumber, manifest.outputNumber);
  w.digest(MANIFEST.artefact, manifest.artefact);
  if (manifest.needs !== undefined) writeNeeds(w, MANIFEST.needs, manifest.needs);
}

function writeReference(w: WireWriter, reference: CheckpointReference): void {
  w.text(REFERENCE.task, reference.task);
  w.integer(REFERENCE.epoch, reference.epoch);
  w.integer(REFERENCE.sequence, reference.sequence);
  writeCursor(w, REFERENCE.input, reference.input);
  w.integer(REFERENCE.outputNumber, reference.outputNumber);
  w.digest(REFERENCE.stateDigest, reference.stateDigest);
  w.entries(REFERENCE.holders, reference.holders);
  if (reference.needs !== undefined) writeNeeds(w, REFERENCE.needs, reference.needs);
}

function writeCursor(w: WireWriter, tag: number, cursor: InputCursor): void {
  const start = w.open(tag, SMALL);
  w.integer(CURSOR.sequence, cursor.sequence);
  w.integer(CURSOR.dataNumber, cursor.dataNumber);
  w.integer(CURSOR.tickNumber, cursor.tickNumber);
  w.close(start, SMALL);
}

function writeNeeds(w: WireWriter, tag: number, needs: CheckpointNeeds): void {
  const start = w.open(tag, SMALL);
  w.integer(NEEDS.runtime, runtimeKinds.toWire[needs.runtime]);
  w.integer(NEEDS.runtimeVersion, needs.runtimeVersion);
  w.integer(NEEDS.memoryBytes, needs.memoryBytes);
  w.entries(NEEDS.hostFunctions, needs.hostFunctions);
  w.entries(NEEDS.subjects, needs.subjects);
  w.entries(NEEDS.capabilities, needs.capabilities);
  w.close(start, SMALL);
}
