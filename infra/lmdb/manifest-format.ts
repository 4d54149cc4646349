/**
 * The bytes of a stored manifest, version 1. All numbers little-endian. `docs/FORMATS.md` has a worked example, which is a
 * golden test. A full checkpoint's page indexes are 0, 1, …, so they are left out.
 *
 *    0  u8   version = 1                      56  u64  number of the last data input consumed
 *    1  u8   flags: 1 = full                  64  u64  number of the last tick consumed
 *    2  u16  task length (T)                  72  u64  number of the last accepted output
 *    4  u16  nonce length (N)                 80  u32  pages of the whole memory
 *    6  6 B  MAC                              84  u32  pages carried (P)
 *   12  u32  program id                       88  u32  globals length (G)
 *   16  u64  epoch                            92  u32  needs length (E): a `CheckpointNeeds`; 0: not said
 *   24  u64  sequence                         96  32 B state digest
 *   32  u64  base sequence; 0 when full      128  32 B artefact digest
 *   40  u64  incarnation                     160  task (T), nonce (N, UTF-8), globals (G), needs (E),
 *   48  u64  input stream sequence                page indexes (u32 × P, increments only), page digests (32 B × P)
 *                                            end  32 B SHA-256 of everything before
 */
import { allPages } from '../../src/domain/checkpoint/pages.ts';
import type { CheckpointManifest } from '../../src/domain/model/checkpoint.ts';
import { DIGEST_BYTES } from '../../src/domain/model/checkpoint.ts';
import { decodeNeeds, encodeNeeds } from '../../src/domain/protocol/codec-needs.ts';
import type { Hasher } from '../../src/ports/digest.ts';
import { readU64, writeU64 } from './record-format.ts';

const MANIFEST_VERSION = 1;
const FIXED_BYTES = 160;
const FLAG_FULL = 1;
const NO_NEEDS = new Uint8Array(0);

export function encodeManifest(manifest: CheckpointManifest, hasher: Hasher): Buffer {
  const full = manifest.baseSequence === undefined;
  const nonce = Buffer.from(manifest.nonce, 'utf8');
  const needs = manifest.needs === undefined ? NO_NEEDS : encodeNeeds(manifest.needs);
  const carried = manifest.pageIndexes.length;
  const bodyBytes =
    FIXED_BYTES +
    manifest.task.length +
    nonce.length +
    manifest.globals.length +
    needs.length +
    (full ? 0 : 4 * carried) +
    DIGEST_BYTES * carried;
  const bytes = Buffer.alloc(bodyBytes + DIGEST_BYTES);
  bytes[0] = MANIFEST_VERSION;
  bytes[1] = full ? FLAG_FULL : 0;
  bytes.writeUInt16LE(manifest.task.length, 2);
  bytes.writeUInt16LE(nonce.length, 4);
  bytes.write(manifest.mac, 6, 'hex');
  bytes.writeUInt32LE(manifest.programId, 12);
  const numbers = [
    manifest.epoch,
    manifest.sequence,
    manifest.baseSequence ?? 0,
    manifest.incarnation,
    manifest.input.sequence,
    manifest.input.dataNumber,
    manifest.input.tickNumber,
    manifest.outputNumber,
  ];
  for (const [index, number] of numbers.entries()) writeU64(bytes, 16 + 8 * index, number);
  bytes.writeUInt32LE(manifest.pageCount, 80);
  bytes.writeUInt32LE(carried, 84);
  bytes.writeUInt32LE(manifest.globals.length, 88);
  bytes.writeUInt32LE(needs.length, 92);
  bytes.write(manifest.stateDigest, 96, 'hex');
  bytes.write(manifest.artefact, 128, 'hex');
  let at = FIXED_BYTES;
  at += bytes.write(manifest.task, at, 'ascii');
  at += nonce.copy(bytes, at);
  bytes.set(manifest.globals, at);
  at += manifest.globals.length;
  bytes.set(needs, at);
  at += needs.length;
  if (!full) for (const pageIndex of manifest.pageIndexes) at = bytes.writeUInt32LE(pageIndex, at);
  bytes.set(manifest.pageDigests, at);
  hasher.digestInto(bytes.subarray(0, bodyBytes), bytes, bodyBytes);
  return bytes;
}

/** undefined when the bytes are not a whole, undamaged manifest of this version. Copies everything it gives out. */
export function decodeManifest(bytes: Buffer, hasher: Hasher): CheckpointManifest | undefined {
  const bodyBytes = bytes.length - DIGEST_BYTES;
  if (bodyBytes < FIXED_BYTES || bytes[0] !== MANIFEST_VERSION) return undefined;
  const digest = Buffer.allocUnsafe(DIGEST_BYTES);
  hasher.digestInto(bytes.subarray(0, bodyBytes), digest, 0);
  if (digest.compare(bytes, bodyBytes) !== 0) return undefined;
  // From here on the bytes are the ones `encodeManifest` wrote.
  const header = decodeHeader(bytes);
  const full = header.baseSequence === undefined;
  const carried = bytes.readUInt32LE(84);
  const taskEnd = FIXED_BYTES + bytes.readUInt16LE(2);
  const nonceEnd = taskEnd + bytes.readUInt16LE(4);
  const globalsEnd = nonceEnd + bytes.readUInt32LE(88);
  const needsEnd = globalsEnd + bytes.readUInt32LE(92);
  const digestsAt = needsEnd + (full ? 0 : 4 * carried);
  if (digestsAt + DIGEST_BYTES * carried !== bodyBytes) return undefined;
  let pageIndexes: Uint32Array;
  if (full) pageIndexes = allPages(carried);
  else {
    pageIndexes = new Uint32Array(carried);
    for (let i = 0; i < carried; i++) pageIndexes[i] = bytes.readUInt32LE(needsEnd + 4 * i);
  }
  const needs = needsEnd === globalsEnd ? undefined : decodeNeeds(bytes.subarray(globalsEnd, needsEnd));
  if (needs?.ok === false) return undefined;
  return {
    ...header,
    task: bytes.toString('ascii', FIXED_BYTES, taskEnd),
    mac: bytes.toString('hex', 6, 12),
    nonce: bytes.toString('utf8', taskEnd, nonceEnd),
    programId: bytes.readUInt32LE(12),
    incarnation: readU64(bytes, 40),
    input: { sequence: readU64(bytes, 48), dataNumber: readU64(bytes, 56), tickNumber: readU64(bytes, 64) },
    outputNumber: readU64(bytes, 72),
    pageCount: bytes.readUInt32LE(80),
    pageIndexes,
    pageDigests: Uint8Array.from(bytes.subarray(digestsAt, bodyBytes)),
    globals: Uint8Array.from(bytes.subarray(nonceEnd, globalsEnd)),
    stateDigest: bytes.toString('hex', 96, 128),
    artefact: bytes.toString('hex', 128, 160),
    ...(needs === undefined ? {} : { needs: needs.value }),
  };
}

/** Why `decodeManifest` does not take these bytes, for whoever looks into the quarantine. */
export function describeDamagedManifest(bytes: Buffer, hasher: Hasher): string {
  const bodyBytes = bytes.length - DIGEST_BYTES;
  if (bodyBytes < FIXED_BYTES) return `${bytes.length} bytes are no whole manifest`;
  if (bytes[0] !== MANIFEST_VERSION) return `its version is ${bytes[0]}, not ${MANIFEST_VERSION}`;
  const digest = Buffer.allocUnsafe(DIGEST_BYTES);
  hasher.digestInto(bytes.subarray(0, bodyBytes), digest, 0);
  if (digest.compare(bytes, bodyBytes) !== 0) return 'its bytes do not have the digest at their end';
  return 'it is another checkpoint’s, or what it says contradicts itself';
}

function decodeHeader(bytes: Buffer): {
  readonly epoch: number;
  readonly sequence: number;
  readonly baseSequence: number | undefined;
} {
  const full = ((bytes[1] ?? 0) & FLAG_FULL) !== 0;
  return { epoch: readU64(bytes, 16), sequence: readU64(bytes, 24), baseSequence: full ? undefined : readU64(bytes, 32) };
}
