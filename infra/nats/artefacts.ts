/**
 * Task programs in the object store, each under its own digest. The digest is checked over what came back, whatever the store
 * says of it: a bridge never runs bytes that nobody deployed.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { ObjectStore } from '@nats-io/obj';
import { Objm } from '@nats-io/obj';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Digest } from '../../src/domain/model/ids.ts';
import { buckets } from '../../src/domain/protocol/subjects.ts';
import type { Artefacts } from '../../src/ports/artefacts.ts';
import type { Hasher } from '../../src/ports/digest.ts';
import { brokerCode } from './broker-api.ts';

export interface NatsArtefactsParts {
  readonly connection: NatsConnection;
  readonly hasher: Hasher;
}

export function createNatsArtefacts({ connection, hasher }: NatsArtefactsParts): Artefacts {
  let opened: Promise<ObjectStore> | undefined;
  const store = (): Promise<ObjectStore> => {
    opened ??= new Objm(connection).open(buckets.artefacts).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };

  /** Undefined when it is not there; `damaged` when what is there is not it. */
  const read = async (digest: Digest): Promise<Uint8Array | 'damaged' | undefined> => {
    let bytes: Uint8Array | null;
    try {
      bytes = await (await store()).getBlob(digest);
    } catch (error) {
      // The store's own check found a wrong digest or a wrong size, which it tells in words alone.
      if (error instanceof Error && /digest|size/i.test(error.message)) return 'damaged';
      throw error;
    }
    if (bytes === null) return undefined;
    return hasher.hex(bytes) === digest ? bytes : 'damaged';
  };

  return {
    async put(bytes) {
      const digest = hasher.hex(bytes);
      try {
        const present = await read(digest);
        // What is there and whole is left alone: replacing it would pull it from under a bridge that reads it just now.
        if (present === undefined || present === 'damaged') await (await store()).putBlob({ name: digest }, bytes);
      } catch (error) {
        throw outwardOf(error);
      }
      return digest;
    },

    async get(digest) {
      let found: Uint8Array | 'damaged' | undefined;
      try {
        found = await read(digest);
        // Somebody may have mended it while it was read.
        if (found === 'damaged') found = await read(digest);
      } catch (error) {
        throw outwardOf(error);
      }
      if (found === undefined)
        throw new DroverError('ERR_STORE_MISSING', `No artefact has the digest ${digest}; deploy the task again.`);
      if (found === 'damaged')
        throw new DroverError('ERR_STORE_CORRUPT', `What is stored under ${digest} has another digest; deploy the task again.`);
      return found;
    },
  };
}

function outwardOf(error: unknown): DroverError {
  if (error instanceof DroverError) return error;
  if (error instanceof JetStreamApiError && error.code === brokerCode.streamNotFound) {
    return new DroverError('ERR_BUS_NO_STREAM', 'This broker has no artefact store; no fleet was prepared on it.', {
      cause: error,
    });
  }
  if (error instanceof JetStreamApiError && error.code === brokerCode.storeFailed) {
    return new DroverError('ERR_BUS_STREAM_FULL', 'The artefact store is at its bound.', { cause: error });
  }
  return new DroverError('ERR_BUS_TIMEOUT', 'The artefact store did not answer.', { retryable: true, cause: error });
}
