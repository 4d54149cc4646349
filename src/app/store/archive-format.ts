/**
 * The file that `drover store export` writes, version 1; `docs/FORMATS.md` has it as a table. All numbers little-endian.
 *
 *   "DROVERCK" · version u16 · 0 u16 · description length u32 · description (JSON, for people)
 *   then sections: kind u8 · 0 (3 bytes) · length u32 · bytes
 *      1  a page, 4,096 bytes
 *      2  a manifest as the store keeps it: a full one, of pages that came before it
 *      3  the end: pages u64, manifests u64, SHA-256 of everything before this section
 */
import { DroverError } from '../../domain/kernel/error-codes.ts';

export const ARCHIVE_VERSION = 1;
const MAGIC = Buffer.from('DROVERCK', 'ascii');
const HEADER_BYTES = 16;
export const SECTION_HEADER_BYTES = 8;
export const END_BYTES = 8 + 8 + 32;
const DESCRIPTION_BYTES_MAX = 1 << 20;
/** A manifest of the largest memory that wasm32 has, with its globals. */
const SECTION_BYTES_MAX = 64 << 20;

export const SECTION = { page: 1, manifest: 2, end: 3 } as const;

export interface ArchiveDescription {
  readonly drover: string;
  readonly exportedAt: string;
  readonly checkpoints: readonly { readonly task: string; readonly epoch: number; readonly sequence: number }[];
}

export function encodeHeader(description: ArchiveDescription): Buffer {
  const text = Buffer.from(JSON.stringify(description), 'utf8');
  const header = Buffer.alloc(HEADER_BYTES);
  MAGIC.copy(header);
  header.writeUInt16LE(ARCHIVE_VERSION, 8);
  header.writeUInt32LE(text.length, 12);
  return Buffer.concat([header, text]);
}

export function encodeSectionHeader(kind: number, length: number): Buffer {
  const header = Buffer.alloc(SECTION_HEADER_BYTES);
  header[0] = kind;
  header.writeUInt32LE(length, 4);
  return header;
}

export function encodeEnd(pages: number, manifests: number, digest: Buffer): Buffer {
  const end = Buffer.alloc(16);
  end.writeBigUInt64LE(BigInt(pages), 0);
  end.writeBigUInt64LE(BigInt(manifests), 8);
  return Buffer.concat([end, digest]);
}

/** Reads bytes in order; what is asked for and not there is a file that was cut short. */
export interface ArchiveSource {
  readonly at: number;
  take(bytes: number): Promise<Buffer>;
}

export async function readHeader(source: ArchiveSource): Promise<ArchiveDescription> {
  const header = await source.take(HEADER_BYTES);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw invalid('it is no archive of checkpoints');
  const version = header.readUInt16LE(8);
  if (version !== ARCHIVE_VERSION) throw invalid(`it is of version ${version}; this drover reads version ${ARCHIVE_VERSION}`);
  const length = header.readUInt32LE(12);
  if (length > DESCRIPTION_BYTES_MAX) throw invalid(`its description is said to be ${length} bytes long`);
  const text = (await source.take(length)).toString('utf8');
  try {
    return JSON.parse(text) as ArchiveDescription;
  } catch {
    throw invalid('its description is no JSON');
  }
}

export async function readSectionHeader(source: ArchiveSource): Promise<{ readonly kind: number; readonly length: number }> {
  const { at } = source;
  const header = await source.take(SECTION_HEADER_BYTES);
  const kind = header[0] ?? 0;
  const length = header.readUInt32LE(4);
  const known = Object.values(SECTION).some((one) => one === kind);
  if (!known || length > SECTION_BYTES_MAX || header.readUIntLE(1, 3) !== 0)
    throw invalid('what stands there is no section', at);
  return { kind, length };
}

export const invalid = (why: string, at?: number): DroverError =>
  new DroverError('ERR_ARCHIVE_INVALID', `the archive cannot be taken: ${why}${at === undefined ? '' : ` (at byte ${at})`}`);
