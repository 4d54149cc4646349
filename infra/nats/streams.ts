/**
 * Creates what a fleet needs at the broker, and brings what is there up to date: running it twice, or from two hosts at once,
 * changes nothing the second time. What the streams are is written in `src/domain/protocol/streams.ts`.
 *
 * Settings that must never differ between hosts (the shard count decides where a task's messages lie) are written once, by
 * whoever comes first, to the `fleet` bucket, and read by everybody.
 */
import type { JetStreamManager, StreamConfig, StreamUpdateConfig } from '@nats-io/jetstream';
import {
  DiscardPolicy,
  JetStreamApiError,
  jetstreamManager,
  PersistMode,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import { Objm } from '@nats-io/obj';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { PageEncoding } from '../../src/domain/protocol/messages.ts';
import type { FleetLimits, StreamSpec } from '../../src/domain/protocol/streams.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import { buckets } from '../../src/domain/protocol/subjects.ts';
import { brokerCode } from './broker-api.ts';

export interface BrokerLayout {
  /** Only for a fleet that does not exist yet; an existing one keeps its own. */
  readonly shardCount: number;
  readonly compression?: PageEncoding | undefined;
  readonly replicas: number;
  readonly storage: 'file' | 'memory';
  readonly limits?: Partial<FleetLimits>;
}

/** What every host of a fleet agrees on. */
export interface FleetSettings {
  readonly shardCount: number;
  /** How pages are packed on their way; absent: not at all. */
  readonly compression?: PageEncoding;
}

const SETTINGS_KEY = 'settings';
const INVENTORY_BYTES_MAX = 16 * 1024 * 1024;
const PLACEMENT_BYTES_MAX = 64 * 1024 * 1024;
const PROOFS_BYTES_MAX = 64 * 1024 * 1024;
/** A few hundred bytes of versions and, for each manager, up to nine files of some ten KiB. */
const LEARNED_BYTES_MAX = 64 * 1024 * 1024;
const ARTEFACTS_BYTES_MAX = 512 * 1024 * 1024;

/** Creates or updates everything and returns the fleet's settings, which may be other ones than asked for. */
export async function prepareBroker(connection: NatsConnection, layout: BrokerLayout): Promise<FleetSettings> {
  const storage = layout.storage === 'file' ? StorageType.File : StorageType.Memory;
  const kvm = new Kvm(connection);
  const options = { replicas: layout.replicas, storage, history: 1 };
  const fleet = await kvm.create(buckets.fleet, options);
  const settings = await agreeOnSettings(fleet, {
    shardCount: layout.shardCount,
    ...(layout.compression === undefined ? {} : { compression: layout.compression }),
  });
  const specs = fleetStreams({
    shardCount: settings.shardCount,
    ...(layout.limits === undefined ? {} : { limits: layout.limits }),
  });
  await ensureStreams(connection, specs, { replicas: layout.replicas, storage: layout.storage });
  await kvm.create(buckets.inventory, { ...options, max_bytes: INVENTORY_BYTES_MAX });
  await kvm.create(buckets.placement, { ...options, max_bytes: PLACEMENT_BYTES_MAX });
  await kvm.create(buckets.proofs, { ...options, max_bytes: PROOFS_BYTES_MAX });
  await kvm.create(buckets.learned, { ...options, max_bytes: LEARNED_BYTES_MAX });
  await new Objm(connection).create(buckets.artefacts, { replicas: layout.replicas, storage, max_bytes: ARTEFACTS_BYTES_MAX });
  return settings;
}

/** The settings of a fleet that exists; undefined when nobody has prepared this broker yet. */
export async function readFleetSettings(connection: NatsConnection): Promise<FleetSettings | undefined> {
  try {
    const fleet = await new Kvm(connection).open(buckets.fleet);
    const entry = await fleet.get(SETTINGS_KEY);
    return entry === null ? undefined : parseSettings(entry.json());
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === brokerCode.streamNotFound) return undefined;
    throw error;
  }
}

async function agreeOnSettings(fleet: KV, wanted: FleetSettings): Promise<FleetSettings> {
  const present = await fleet.get(SETTINGS_KEY);
  if (present !== null) return parseSettings(present.json());
  try {
    await fleet.create(SETTINGS_KEY, JSON.stringify(wanted));
    return wanted;
  } catch (error) {
    // Another host came first, or our own answer was lost; what is written counts.
    const written = await fleet.get(SETTINGS_KEY);
    if (written === null) throw error;
    return parseSettings(written.json());
  }
}

function parseSettings(value: unknown): FleetSettings {
  const shardCount = typeof value === 'object' && value !== null && 'shardCount' in value ? value.shardCount : undefined;
  if (typeof shardCount !== 'number' || !Number.isInteger(shardCount) || shardCount < 1) {
    throw new DroverError('ERR_WIRE_MALFORMED', 'The settings in the fleet bucket are not those of a drover fleet.');
  }
  const compression = 'compression' in Object(value) ? (value as { compression: unknown }).compression : undefined;
  if (compression === undefined) return { shardCount };
  if (compression === 'deflate' || compression === 'brotli') return { shardCount, compression };
  // A newer fleet's: whoever does not know it sends and asks for pages as they are, which everybody understands.
  return { shardCount };
}

/** Creates the streams that are missing and updates those that differ. */
export async function ensureStreams(
  connection: NatsConnection,
  specs: readonly StreamSpec[],
  options: { readonly replicas: number; readonly storage: 'file' | 'memory' },
): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false });
  // Both came with the same version of the server.
  const atomicBatches = isAtLeast(connection.info?.version ?? '0', 2, 12);
  const answersEarly = atomicBatches && options.replicas === 1 && options.storage === 'file';
  for (const spec of specs) {
    const mode = answersEarly && spec.saidAgain === true ? PersistMode.Async : undefined;
    await ensureStream(manager, configOf(spec, { ...options, atomicBatches }), mode);
  }
}

/** The mode cannot be changed: a stream keeps the one it was made with. */
async function ensureStream(manager: JetStreamManager, config: StreamCreate, mode: PersistMode | undefined): Promise<void> {
  const present = await infoOf(manager, config.name);
  if (present === undefined) {
    try {
      await manager.streams.add(mode === undefined ? config : { ...config, persist_mode: mode });
      return;
    } catch (error) {
      // Somebody else created it in between, with settings that may differ.
      if (!(error instanceof JetStreamApiError) || error.code !== brokerCode.streamNameInUse) throw error;
    }
  }
  const current = present ?? (await infoOf(manager, config.name));
  if (current === undefined || !differs(current, config)) return;
  const kept = current.persist_mode === undefined ? {} : { persist_mode: current.persist_mode };
  await manager.streams.update(config.name, { ...config, ...kept });
}

async function infoOf(manager: JetStreamManager, name: string): Promise<StreamConfig | undefined> {
  try {
    return (await manager.streams.info(name)).config;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === brokerCode.streamNotFound) return undefined;
    throw error;
  }
}

const differs = (current: StreamConfig, wanted: StreamCreate): boolean => {
  const present: Readonly<Record<string, unknown>> = { ...current };
  return Object.entries(wanted).some(
    ([key, value]) => JSON.stringify(present[key] ?? false) !== JSON.stringify(value ?? false),
  );
};

type StreamCreate = Partial<StreamUpdateConfig> & Pick<StreamConfig, 'name' | 'storage' | 'retention'>;

function configOf(
  spec: StreamSpec,
  options: { readonly replicas: number; readonly storage: 'file' | 'memory'; readonly atomicBatches: boolean },
): StreamCreate {
  return {
    name: spec.name,
    subjects: [...spec.subjects],
    retention: RetentionPolicy.Limits,
    storage: options.storage === 'file' ? StorageType.File : StorageType.Memory,
    num_replicas: options.replicas,
    discard: spec.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
    max_bytes: spec.bytesMax ?? -1,
    max_msgs: spec.messagesMax ?? -1,
    max_msgs_per_subject: spec.messagesPerSubjectMax ?? -1,
    max_age: (spec.ageUsMax ?? 0) * 1000,
    duplicate_window: spec.duplicateWindowUs * 1000,
    // A follower that lags may answer a direct get; drover reads records from the leader only.
    allow_direct: false,
    ...(options.atomicBatches ? { allow_atomic: spec.atomicBatches } : {}),
  };
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const [presentMajor = 0, presentMinor = 0] = version.split('.').map(Number);
  return presentMajor > major || (presentMajor === major && presentMinor >= minor);
}
