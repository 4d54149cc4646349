/**
 * Brings whole checkpoints into this manager's store from whoever holds them: other managers first, an ECU only where no
 * manager can help. For repair (store-repair.ts), for catching up (catch-up.ts), and for a base that an increment needs.
 *
 * P1. Nothing a peer says is believed: its manifest has to be sound, of the checkpoint asked for and of the state that is
 *     known; its pages are checked by digest, and the whole by its state digest, by the store's `put`.
 * P2. Only pages that are not here are asked for, so a repair moves the damaged ones and nothing else.
 */
import { checkManifest, describeManifestError, stateDigest, stateOf } from '../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, laterCheckpoint, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import {
  decodeManifestAnswer,
  decodePageAnswer,
  encodeManifestRequest,
  encodePageRequest,
} from '../src/domain/protocol/codec-checkpoint.ts';
import { ecuSubject, managerSubject } from '../src/domain/protocol/subjects.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Hasher } from '../src/ports/digest.ts';
import { envelope, type Host } from './host.ts';
import { acceptedBy, unpackedBy } from './page-transfer.ts';

export interface WantedCheckpoint extends CheckpointOrder {
  readonly task: TaskName;
  /** What its state is known to be; undefined where the manifest here is lost. */
  readonly stateDigest?: string | undefined;
}

export interface PeerCheckpointsParts {
  readonly host: Host;
  readonly store: CheckpointStore;
  readonly hasher: Hasher;
  /** A checkpoint can be rebuilt here that could not before: it is to be made known. */
  readonly onBrought: (manifest: CheckpointManifest) => Promise<void>;
}

const PAGES_PER_REQUEST = 128;
const REQUEST_TIMEOUT_US = 2_000_000;
/** Pages that were here when the manifest came may be dropped before they are counted in. */
const ATTEMPTS_MAX = 3;

export class PeerCheckpoints {
  private readonly parts: PeerCheckpointsParts;

  constructor(parts: PeerCheckpointsParts) {
    this.parts = parts;
  }

  /** From the first of these managers that gives it. Fails with the last one's failure. */
  async fromManagers(wanted: WantedCheckpoint, managers: readonly string[]): Promise<CheckpointManifest> {
    let last: unknown;
    for (const manager of managers) {
      try {
        return await this.from(managerSubject.pages(manager), wanted, 'exact');
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
        this.parts.host.log.debug('a manager could not give a checkpoint', { ...wanted, manager, code: cause.code });
        last = cause;
      }
    }
    throw last ?? new DroverError('ERR_STORE_MISSING', `no other manager has checkpoint ${wanted.epoch}.${wanted.sequence}`);
  }

  /** An ECU gives its newest capture: this checkpoint's or a later one's state. */
  fromEcu(wanted: WantedCheckpoint, mac: string): Promise<CheckpointManifest> {
    return this.from(ecuSubject.pages(mac), wanted, 'or-later');
  }

  private async from(subject: string, wanted: WantedCheckpoint, which: 'exact' | 'or-later'): Promise<CheckpointManifest> {
    const { store } = this.parts;
    const manifest = await this.manifest(subject, wanted, which);
    for (let attempt = 1; ; attempt++) {
      const pages = await this.pages(subject, manifest, store.missing(manifest));
      try {
        const { stored } = await store.put(manifest, pages);
        if (!stored) throw new DroverError('ERR_STORE_CORRUPT', `${nameOf(manifest)} cannot be rebuilt with what was given`);
        break;
      } catch (cause) {
        if (!(cause instanceof DroverError && cause.code === 'ERR_STORE_MISSING') || attempt === ATTEMPTS_MAX) throw cause;
      }
    }
    await this.parts.onBrought(manifest);
    return manifest;
  }

  private async manifest(
    subject: string,
    { task, epoch, sequence, stateDigest: known }: WantedCheckpoint,
    which: 'exact' | 'or-later',
  ): Promise<CheckpointManifest> {
    const { host, hasher } = this.parts;
    const request = encodeManifestRequest(envelope(host, { kind: 'manifest', task, epoch, sequence }));
    const answer = decodeManifestAnswer(await host.bus.request(subject, request, { timeoutUs: REQUEST_TIMEOUT_US }));
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const { body } = answer.value;
    if (body.kind === 'refused') throw new DroverError(body.code, body.sentence);
    const { manifest } = body;
    const wrong = (why: string): DroverError =>
      new DroverError('ERR_STORE_CORRUPT', `the manifest given for ${task} ${epoch}.${sequence} is not usable: ${why}`);
    const sound = checkManifest(manifest);
    if (!sound.ok) throw wrong(describeManifestError(sound.error));
    if (manifest.baseSequence !== undefined) throw wrong('it is an increment');
    const same = manifest.epoch === epoch && manifest.sequence === sequence;
    const later = which === 'or-later' && laterCheckpoint(manifest, { epoch, sequence });
    if (manifest.task !== task || !(same || later)) throw wrong('it is another checkpoint');
    if (same && known !== undefined && manifest.stateDigest !== known) throw wrong('it is of another state');
    // Before any page is asked for: a manifest that lies about its state would be refused by the store after all of them.
    if (stateDigest(stateOf(manifest, manifest.pageDigests), (bytes) => hasher.hex(bytes)) !== manifest.stateDigest)
      throw wrong('its pages do not give the state it names');
    return manifest;
  }

  private async pages(subject: string, manifest: CheckpointManifest, missing: Uint32Array): Promise<Uint8Array> {
    const { host } = this.parts;
    const { task, epoch, sequence } = manifest;
    const pages = new Uint8Array(missing.length * PAGE_BYTES);
    for (let first = 0; first < missing.length; first += PAGES_PER_REQUEST) {
      // Of a whole state, positions in the manifest and page indexes in memory are the same.
      const positions = missing.slice(first, first + PAGES_PER_REQUEST);
      const request = encodePageRequest(
        envelope(host, { kind: 'pages', task, epoch, sequence, positions, ...acceptedBy(host) }),
      );
      const answer = decodePageAnswer(await host.bus.request(subject, request, { timeoutUs: REQUEST_TIMEOUT_US }));
      if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
      const body = unpackedBy(host, answer.value.body, positions.length * PAGE_BYTES);
      if (body.kind === 'refused') throw new DroverError(body.code, body.sentence);
      if (body.kind === 'superseded')
        throw new DroverError('ERR_STORE_MISSING', `${nameOf(manifest)} was superseded while its pages were fetched`, {
          retryable: true,
        });
      if (body.pages.length !== positions.length * PAGE_BYTES)
        throw new DroverError('ERR_WIRE_MALFORMED', `${nameOf(manifest)}: another number of pages came than was asked for`);
      pages.set(body.pages, first * PAGE_BYTES);
    }
    return pages;
  }
}

const nameOf = ({ task, epoch, sequence }: CheckpointManifest): string => `checkpoint ${epoch}.${sequence} of ${task}`;
