/** What a checkpoint needs and what an ECU offers (`checkpoint.proto`, `ecu.proto`). */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { err, type Result } from '../kernel/result.ts';
import type { CheckpointNeeds, RuntimeOffer } from '../model/compatibility.ts';
import { checked, malformed, type WireError } from './codec-envelope.ts';
import { runtimeKinds } from './codec-task.ts';
import { capabilityList, idText, integerWithin, listWithin, safeInteger, wide } from './field-check.ts';
import { CheckpointNeedsSchema, type CheckpointNeeds as WireNeeds } from './generated/drover/v1/checkpoint_pb.ts';
import type { RuntimeOfferSchema, RuntimeOffer as WireOffer } from './generated/drover/v1/ecu_pb.ts';
import type { RuntimeKind as WireRuntimeKind } from './generated/drover/v1/task_pb.ts';
import { CAPABILITIES_MAX, LIST_MAX } from './limits.ts';

const VERSION_MAX = 65_535;

export const writeNeeds = (needs: CheckpointNeeds): MessageInitShape<typeof CheckpointNeedsSchema> => ({
  runtime: runtimeKinds.toWire[needs.runtime] as WireRuntimeKind,
  runtimeVersion: needs.runtimeVersion,
  memoryBytes: wide(needs.memoryBytes),
  hostFunctions: [...needs.hostFunctions],
  subjects: [...needs.subjects],
  capabilities: [...needs.capabilities],
});

export const readNeeds = (wire: WireNeeds, field: string): CheckpointNeeds => ({
  runtime: runtimeKinds.word(wire.runtime, `${field}.runtime`),
  runtimeVersion: integerWithin(wire.runtimeVersion, `${field}.runtime_version`, { min: 1, max: VERSION_MAX }),
  memoryBytes: safeInteger(wire.memoryBytes, `${field}.memory_bytes`),
  hostFunctions: capabilityList(wire.hostFunctions, `${field}.host_functions`),
  subjects: subjectList(wire.subjects, `${field}.subjects`),
  capabilities: capabilityList(wire.capabilities, `${field}.capabilities`),
});

/** Alone, as a store keeps them beside a manifest. */
export const encodeNeeds = (needs: CheckpointNeeds): Uint8Array =>
  toBinary(CheckpointNeedsSchema, create(CheckpointNeedsSchema, writeNeeds(needs)));

export function decodeNeeds(bytes: Uint8Array): Result<CheckpointNeeds, WireError> {
  let wire: WireNeeds;
  try {
    wire = fromBinary(CheckpointNeedsSchema, bytes);
  } catch (failure) {
    // The parser throws plain errors for bytes that are no Protocol Buffers; it touches nothing but these bytes.
    return err(malformed(`the bytes are no needs: ${failure instanceof Error ? failure.message : 'unreadable'}`));
  }
  return checked(() => readNeeds(wire, 'needs'));
}

export const writeOffer = (offer: RuntimeOffer): MessageInitShape<typeof RuntimeOfferSchema> => ({
  runtime: runtimeKinds.toWire[offer.runtime] as WireRuntimeKind,
  version: offer.version,
  hostFunctions: [...offer.hostFunctions],
});

/** A newer bridge may have runtimes that this build does not know and will never ask for. */
export const readOffers = (wire: readonly WireOffer[]): readonly RuntimeOffer[] =>
  listWithin(wire, 'ecu.offers', LIST_MAX).flatMap((offer) => {
    const runtime = runtimeKinds.wordIfKnown(offer.runtime, 'ecu.offers.runtime');
    if (runtime === undefined) return [];
    const version = integerWithin(offer.version, 'ecu.offers.version', { min: 1, max: VERSION_MAX });
    return [{ runtime, version, hostFunctions: capabilityList(offer.hostFunctions, 'ecu.offers.host_functions') }];
  });

export const subjectList = (list: readonly string[], field: string): readonly string[] =>
  listWithin(list, field, CAPABILITIES_MAX).map((subject) => idText(subject, field));
