/** Checkpoints on the wire (`checkpoint.proto`): notices in the stream, and the requests by which pages are pulled. */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { unreachable } from '../kernel/assert.ts';
import {
  type CheckpointManifest,
  type CheckpointReference,
  DIGEST_BYTES,
  type InputCursor,
  PAGE_BYTES,
} from '../model/checkpoint.ts';
import { envelopeCodec } from './codec-envelope.ts';
import { readNeeds, writeNeeds } from './codec-needs.ts';
import {
  digestBytes,
  digestHex,
  enumTable,
  integerWithin,
  listWithin,
  macList,
  macText,
  managerText,
  nonceText,
  refusal,
  refuse,
  required,
  safeInteger,
  taskText,
  wide,
} from './field-check.ts';
import type {
  CheckpointManifestSchema,
  CheckpointReferenceSchema,
  InputCursorSchema,
  InputCursor as WireCursor,
  CheckpointManifest as WireManifest,
  CheckpointReference as WireReference,
} from './generated/drover/v1/checkpoint_pb.ts';
import { PageRequestSchema, PageEncoding as WireEncoding } from './generated/drover/v1/checkpoint_pb.ts';
import { GLOBALS_BYTES_MAX, HOLDERS_MAX, PAGES_MAX, PAGES_PER_REQUEST_MAX, WIRE_BYTES_MAX } from './limits.ts';
import type {
  CheckpointNotice,
  Envelope,
  ManifestAnswer,
  ManifestRequest,
  PageAnswer,
  PageEncoding,
  PageRequest,
  PagesPushed,
} from './messages.ts';
import { writeNotice, writePageRequest, writePages } from './write-checkpoint.ts';

const pageEncodings = enumTable<PageEncoding>({ deflate: WireEncoding.DEFLATE, brotli: WireEncoding.BROTLI });

/** What a newer requester accepts besides is nothing this build could give. */
const knownEncodings = (accepts: readonly WireEncoding[]): readonly PageEncoding[] =>
  accepts
    .map((encoding) => pageEncodings.wordIfKnown(encoding, 'page_request.accepts'))
    .filter((encoding) => encoding !== undefined);

/** By the generated code: the yardstick of the tests. */
export const noticeCodec = envelopeCodec<'checkpointNotice', CheckpointNotice>(
  'checkpointNotice',
  (notice) => {
    switch (notice.kind) {
      case 'announced':
        return {
          notice: { case: 'announced', value: { manifest: writeManifest(notice.manifest), standbys: [...notice.standbys] } },
        };
      case 'stored':
        return {
          notice: {
            case: 'stored',
            value: { manager: notice.manager, ...writeCheckpointKey(notice), reference: writeReference(notice.reference) },
          },
        };
      case 'freed':
        return { notice: { case: 'freed', value: writeCheckpointKey(notice) } };
      default:
        return unreachable(notice);
    }
  },
  ({ notice }) => {
    switch (notice.case) {
      case 'announced':
        return {
          kind: 'announced',
          manifest: readManifest(required(notice.value.manifest, 'announced.manifest')),
          standbys: macList(notice.value.standbys, 'announced.standbys'),
        };
      case 'stored':
        return {
          kind: 'stored',
          manager: managerText(notice.value.manager, 'stored.manager'),
          ...readCheckpointKey(notice.value),
          reference: readReference(required(notice.value.reference, 'stored.reference')),
        };
      case 'freed':
        return { kind: 'freed', ...readCheckpointKey(notice.value) };
      case undefined:
        return refuse('checkpoint_notice.notice is missing');
      default:
        return unreachable(notice);
    }
  },
);

export const decodeCheckpointNotice = noticeCodec.decode;

export function encodeCheckpointNotice(envelope: Envelope<CheckpointNotice>): Uint8Array {
  const bytes = writeNotice(envelope);
  // Which says what is wrong.
  if (bytes.length > WIRE_BYTES_MAX) return noticeCodec.encode(envelope);
  noticeCodec.sent(bytes, envelope);
  return bytes;
}

export const pageRequestCodec = envelopeCodec<'pageRequest', PageRequest>(
  'pageRequest',
  (request) => ({
    ...create(PageRequestSchema, {
      task: request.task,
      epoch: wide(request.epoch),
      sequence: wide(request.sequence),
      accepts: (request.accepts ?? []).map((encoding) => pageEncodings.toWire[encoding] as WireEncoding),
    }),
    $unknown: [packedFixed32(PageRequestSchema.field.positions.number, request.positions)],
  }),
  (wire) => {
    integerWithin(wire.positions.length, 'the length of page_request.positions', { min: 1, max: PAGES_PER_REQUEST_MAX });
    return {
      kind: 'pages',
      task: taskText(wire.task, 'page_request.task'),
      epoch: safeInteger(wire.epoch, 'page_request.epoch'),
      sequence: safeInteger(wire.sequence, 'page_request.sequence'),
      positions: Uint32Array.from(wire.positions),
      ...(wire.accepts.length === 0 ? {} : { accepts: knownEncodings(wire.accepts) }),
    };
  },
);

export const decodePageRequest = pageRequestCodec.decode;

export function encodePageRequest(envelope: Envelope<PageRequest>): Uint8Array {
  const bytes = envelope.body.accepts === undefined ? writePageRequest(envelope) : pageRequestCodec.encode(envelope);
  pageRequestCodec.sent(bytes, envelope);
  return bytes;
}

export const pageAnswerCodec = envelopeCodec<'pageAnswer', PageAnswer>(
  'pageAnswer',
  (answer) => {
    switch (answer.kind) {
      case 'pages':
        return {
          answer: {
            case: 'pages',
            value: {
              pages: answer.pages as Uint8Array<ArrayBuffer>,
              ...(answer.encoding === undefined ? {} : { encoding: pageEncodings.toWire[answer.encoding] as WireEncoding }),
            },
          },
        };
      case 'superseded':
        return { answer: { case: 'superseded', value: { epoch: wide(answer.epoch), sequence: wide(answer.sequence) } } };
      case 'refused':
        return { answer: { case: 'refused', value: { code: answer.code, sentence: answer.sentence } } };
      default:
        return unreachable(answer);
    }
  },
  ({ answer }) => {
    switch (answer.case) {
      case 'pages':
        return answer.value.encoding === WireEncoding.UNSPECIFIED
          ? { kind: 'pages', pages: wholePages(answer.value.pages) }
          : {
              kind: 'pages',
              pages: answer.value.pages,
              encoding: pageEncodings.word(answer.value.encoding, 'pages.encoding'),
            };
      case 'superseded':
        return {
          kind: 'superseded',
          epoch: safeInteger(answer.value.epoch, 'superseded.epoch'),
          sequence: safeInteger(answer.value.sequence, 'superseded.sequence'),
        };
      case 'refused':
        return { kind: 'refused', ...refusal(answer.value.code, answer.value.sentence, 'refused.code') };
      case undefined:
        return refuse('page_answer.answer is missing');
      default:
        return unreachable(answer);
    }
  },
);

/**
 * A packed list of fixed32, written as what it is on the wire: one run of little-endian words. The library's own writer allocates
 * a buffer per entry, and a restore asks for thousands. It stands after the other fields, in whose order nothing lies.
 */
function packedFixed32(no: number, values: Uint32Array): { no: number; wireType: WireType; data: Uint8Array } {
  const words = new DataView(new ArrayBuffer(values.length * 4));
  for (let at = 0; at < values.length; at++) words.setUint32(at * 4, values[at] as number, true);
  return { no, wireType: WireType.LengthDelimited, data: new BinaryWriter().bytes(new Uint8Array(words.buffer)).finish() };
}

export const decodePageAnswer = pageAnswerCodec.decode;

export function encodePageAnswer(envelope: Envelope<PageAnswer>): Uint8Array {
  const { body } = envelope;
  const isPlain = body.kind === 'pages' && body.pages.length > 0 && body.encoding === undefined;
  if (!isPlain || body.pages.length > WIRE_BYTES_MAX - HEAD_BYTES_MAX) return pageAnswerCodec.encode(envelope);
  const bytes = writePages(envelope, body.pages);
  pageAnswerCodec.sent(bytes, envelope);
  return bytes;
}

/** More than any envelope has besides its body. */
const HEAD_BYTES_MAX = 1024;

function wholePages(pages: Uint8Array): Uint8Array {
  if (pages.length % PAGE_BYTES !== 0) refuse(`pages has ${pages.length} bytes; it must be a multiple of ${PAGE_BYTES}`);
  return pages;
}

export const { encode: encodePagesPushed, decode: decodePagesPushed } = envelopeCodec<'pagesPushed', PagesPushed>(
  'pagesPushed',
  (pushed) => ({
    task: pushed.task,
    epoch: wide(pushed.epoch),
    sequence: wide(pushed.sequence),
    pages: pushed.pages as Uint8Array<ArrayBuffer>,
  }),
  (wire) => {
    const pages = wholePages(wire.pages);
    integerWithin(pages.length / PAGE_BYTES, 'the number of pages_pushed.pages', { min: 1, max: PAGES_PER_REQUEST_MAX });
    return {
      kind: 'pushed',
      task: taskText(wire.task, 'pages_pushed.task'),
      epoch: safeInteger(wire.epoch, 'pages_pushed.epoch'),
      sequence: safeInteger(wire.sequence, 'pages_pushed.sequence'),
      pages,
    };
  },
);

export const { encode: encodeManifestRequest, decode: decodeManifestRequest } = envelopeCodec<
  'manifestRequest',
  ManifestRequest
>(
  'manifestRequest',
  (request) => ({ task: request.task, epoch: wide(request.epoch), sequence: wide(request.sequence) }),
  (wire) => ({
    kind: 'manifest',
    task: taskText(wire.task, 'manifest_request.task'),
    epoch: safeInteger(wire.epoch, 'manifest_request.epoch'),
    sequence: safeInteger(wire.sequence, 'manifest_request.sequence'),
  }),
);

export const { encode: encodeManifestAnswer, decode: decodeManifestAnswer } = envelopeCodec<'manifestAnswer', ManifestAnswer>(
  'manifestAnswer',
  (answer) =>
    answer.kind === 'manifest'
      ? { answer: { case: 'manifest', value: writeManifest(answer.manifest) } }
      : { answer: { case: 'refused', value: { code: answer.code, sentence: answer.sentence } } },
  ({ answer }) => {
    switch (answer.case) {
      case 'manifest':
        return { kind: 'manifest', manifest: readManifest(answer.value) };
      case 'refused':
        return { kind: 'refused', ...refusal(answer.value.code, answer.value.sentence, 'refused.code') };
      case undefined:
        return refuse('manifest_answer.answer is missing');
      default:
        return unreachable(answer);
    }
  },
);

// ——— parts ———

interface CheckpointKey<Count> {
  readonly task: string;
  readonly mac: string;
  readonly programId: number;
  readonly epoch: Count;
  readonly sequence: Count;
}

const writeCheckpointKey = (key: CheckpointKey<number>) => ({
  task: key.task,
  mac: key.mac,
  programId: key.programId,
  epoch: wide(key.epoch),
  sequence: wide(key.sequence),
});

const readCheckpointKey = (wire: CheckpointKey<bigint>): CheckpointKey<number> => ({
  task: taskText(wire.task, 'checkpoint.task'),
  mac: macText(wire.mac, 'checkpoint.mac'),
  programId: wire.programId,
  epoch: safeInteger(wire.epoch, 'checkpoint.epoch'),
  sequence: safeInteger(wire.sequence, 'checkpoint.sequence'),
});

const writeManifest = (manifest: CheckpointManifest): MessageInitShape<typeof CheckpointManifestSchema> => ({
  ...writeCheckpointKey(manifest),
  incarnation: wide(manifest.incarnation),
  nonce: manifest.nonce,
  ...(manifest.baseSequence === undefined ? {} : { baseSequence: wide(manifest.baseSequence) }),
  pageCount: manifest.pageCount,
  pageIndexes: Array.from(manifest.pageIndexes),
  pageDigests: manifest.pageDigests as Uint8Array<ArrayBuffer>,
  globals: manifest.globals as Uint8Array<ArrayBuffer>,
  stateDigest: digestBytes(manifest.stateDigest),
  input: writeCursor(manifest.input),
  outputNumber: wide(manifest.outputNumber),
  artefact: digestBytes(manifest.artefact),
  ...(manifest.needs === undefined ? {} : { needs: writeNeeds(manifest.needs) }),
});

function readManifest(wire: WireManifest): CheckpointManifest {
  const pageCount = integerWithin(wire.pageCount, 'manifest.page_count', { min: 0, max: PAGES_MAX });
  const sequence = safeInteger(wire.sequence, 'manifest.sequence');
  const baseSequence = wire.baseSequence === undefined ? undefined : safeInteger(wire.baseSequence, 'manifest.base_sequence');
  if (baseSequence !== undefined && baseSequence >= sequence) {
    refuse(`manifest.base_sequence is ${baseSequence}; it must be below the sequence, ${sequence}`);
  }
  if (wire.pageDigests.length !== wire.pageIndexes.length * DIGEST_BYTES) {
    refuse(
      `manifest.page_digests has ${wire.pageDigests.length} bytes; it must have ${DIGEST_BYTES} for each of ${wire.pageIndexes.length} pages`,
    );
  }
  if (baseSequence === undefined && wire.pageIndexes.length !== pageCount) {
    refuse(
      `manifest.page_indexes has ${wire.pageIndexes.length} entries; a full checkpoint of ${pageCount} pages must carry every page`,
    );
  }
  if (wire.globals.length > GLOBALS_BYTES_MAX) {
    refuse(`manifest.globals has ${wire.globals.length} bytes; it may have ${GLOBALS_BYTES_MAX}`);
  }
  return {
    ...readCheckpointKey(wire),
    incarnation: safeInteger(wire.incarnation, 'manifest.incarnation'),
    nonce: nonceText(wire.nonce, 'manifest.nonce'),
    baseSequence,
    pageCount,
    pageIndexes: ascendingIndexes(wire.pageIndexes, pageCount),
    pageDigests: wire.pageDigests,
    globals: wire.globals,
    stateDigest: digestHex(wire.stateDigest, 'manifest.state_digest'),
    input: readCursor(required(wire.input, 'manifest.input'), 'manifest.input'),
    outputNumber: safeInteger(wire.outputNumber, 'manifest.output_number'),
    artefact: digestHex(wire.artefact, 'manifest.artefact'),
    ...(wire.needs === undefined ? {} : { needs: readNeeds(wire.needs, 'manifest.needs') }),
  };
}

function ascendingIndexes(list: readonly number[], pageCount: number): Uint32Array {
  const indexes = new Uint32Array(list.length);
  let previous = -1;
  for (let i = 0; i < list.length; i++) {
    const index = list[i] ?? 0;
    if (index <= previous || index >= pageCount) {
      refuse(`manifest.page_indexes has ${index} after ${previous}; indexes must ascend and be below ${pageCount}`);
    }
    indexes[i] = index;
    previous = index;
  }
  return indexes;
}

export const writeReference = (reference: CheckpointReference): MessageInitShape<typeof CheckpointReferenceSchema> => ({
  task: reference.task,
  epoch: wide(reference.epoch),
  sequence: wide(reference.sequence),
  input: writeCursor(reference.input),
  outputNumber: wide(reference.outputNumber),
  stateDigest: digestBytes(reference.stateDigest),
  holders: [...reference.holders],
  ...(reference.needs === undefined ? {} : { needs: writeNeeds(reference.needs) }),
});

export const readReference = (wire: WireReference): CheckpointReference => ({
  task: taskText(wire.task, 'reference.task'),
  epoch: safeInteger(wire.epoch, 'reference.epoch'),
  sequence: safeInteger(wire.sequence, 'reference.sequence'),
  input: readCursor(required(wire.input, 'reference.input'), 'reference.input'),
  outputNumber: safeInteger(wire.outputNumber, 'reference.output_number'),
  stateDigest: digestHex(wire.stateDigest, 'reference.state_digest'),
  holders: listWithin(wire.holders, 'reference.holders', HOLDERS_MAX).map((holder) => managerText(holder, 'reference.holders')),
  ...(wire.needs === undefined ? {} : { needs: readNeeds(wire.needs, 'reference.needs') }),
});

export const writeCursor = (cursor: InputCursor): MessageInitShape<typeof InputCursorSchema> => ({
  sequence: wide(cursor.sequence),
  dataNumber: wide(cursor.dataNumber),
  tickNumber: wide(cursor.tickNumber),
});

export const readCursor = (wire: WireCursor, field: string): InputCursor => ({
  sequence: safeInteger(wire.sequence, `${field}.sequence`),
  dataNumber: safeInteger(wire.dataNumber, `${field}.data_number`),
  tickNumber: safeInteger(wire.tickNumber, `${field}.tick_number`),
});
