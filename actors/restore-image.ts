/**
 * Brings a checkpoint's whole state to this ECU: from the local store when it is there (the bridge died, the machine did
 * not), else page by page from a manager that holds it. Every page and the whole state are checked by digest.
 */
import { stateDigest } from '../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { hash32 } from '../src/domain/kernel/rng.ts';
import { type CheckpointManifest, type CheckpointReference, DIGEST_BYTES, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { CheckpointNeeds } from '../src/domain/model/compatibility.ts';
import {
  decodeManifestAnswer,
  decodePageAnswer,
  encodeManifestRequest,
  encodePageRequest,
} from '../src/domain/protocol/codec-checkpoint.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { TaskImage } from '../src/ports/task-runtime.ts';
import { envelope, type Host } from './host.ts';
import { acceptedBy, unpackedBy } from './page-transfer.ts';

/** 512 KiB a request: large enough that the round trip is small beside the copy, well below the broker's limit. */
const PAGES_PER_REQUEST = 128;
/**
 * States fetched at the same time. The tasks of a failed ECU come together, and what one core can copy and check it does no
 * faster for many at once: in turn, the first (the most urgent) is back while the last is still on its way.
 */
const FETCHES_MAX = 2;
const REQUEST_TIMEOUT_US = 2_000_000;

export class RestoreImage {
  private readonly host: Host;
  private readonly hasher: Hasher;
  private readonly localStore: CheckpointStore | undefined;
  private readonly admits: (needs: CheckpointNeeds | undefined) => void;
  private fetching = 0;
  /** In order of arrival, each woken with the place of one that is done. */
  private readonly waiting: (() => void)[] = [];

  constructor(parts: {
    readonly host: Host;
    readonly hasher: Hasher;
    readonly localStore: CheckpointStore | undefined;
    /** Throws what lacks: asked with a manifest's own word, before its pages are moved. */
    readonly admits: (needs: CheckpointNeeds | undefined) => void;
  }) {
    this.host = parts.host;
    this.hasher = parts.hasher;
    this.localStore = parts.localStore;
    this.admits = parts.admits;
  }

  async fetch(reference: CheckpointReference): Promise<TaskImage> {
    const local = await this.fromLocalStore(reference);
    if (local !== undefined) return local;
    if (this.fetching >= FETCHES_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.fetching++;
    try {
      return await this.fromManagers(reference);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.fetching--;
      else next();
    }
  }

  private async fromManagers(reference: CheckpointReference): Promise<TaskImage> {
    let last: unknown;
    for (const manager of inTurn(reference)) {
      try {
        return await this.fromManager(reference, manager);
      } catch (cause) {
        this.host.log.warn('a manager could not give a checkpoint; trying the next', {
          task: reference.task,
          epoch: reference.epoch,
          manager,
          cause,
        });
        last = cause;
      }
    }
    // Damage that no holder makes good is another news than a copy that is gone.
    const code = last instanceof DroverError && last.code === 'ERR_STORE_CORRUPT' ? last.code : 'ERR_STORE_MISSING';
    throw new DroverError(
      code,
      `no manager of ${reference.holders.join(', ') || 'none'} gave checkpoint ${reference.epoch}.${reference.sequence}`,
      {
        retryable: true,
        cause: last,
      },
    );
  }

  private async fromLocalStore({
    task,
    epoch,
    sequence,
    stateDigest: wanted,
  }: CheckpointReference): Promise<TaskImage | undefined> {
    const found = this.localStore?.find(task, epoch, sequence);
    if (this.localStore === undefined || found === undefined || found.stateDigest !== wanted) return undefined;
    try {
      const { memory, globals } = await this.localStore.rebuild(task, epoch, sequence);
      this.host.counters.add('restore.local');
      return { memory, globals };
    } catch {
      return undefined;
    }
  }

  private async fromManager(reference: CheckpointReference, manager: string): Promise<TaskImage> {
    const { task, epoch, sequence } = reference;
    const subject = managerSubject.pages(manager);
    const manifestBytes = encodeManifestRequest(envelope(this.host, { kind: 'manifest', task, epoch, sequence }));
    const answer = decodeManifestAnswer(await this.host.bus.request(subject, manifestBytes, { timeoutUs: REQUEST_TIMEOUT_US }));
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const { body } = answer.value;
    if (body.kind === 'refused') throw new DroverError(body.code, body.sentence);
    const { manifest } = body;
    const wanted = {
      table: manifest.pageDigests,
      globals: manifest.globals,
      input: reference.input,
      outputNumber: reference.outputNumber,
    };
    if (stateDigest(wanted, (bytes) => this.hasher.hex(bytes)) !== reference.stateDigest) {
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `the manifest of checkpoint ${epoch}.${sequence} is not that of the announced state`,
      );
    }
    this.admits(manifest.needs);
    const memory = await this.pages(manifest, subject);
    this.host.counters.add('restore.fromManager');
    return { memory, globals: manifest.globals };
  }

  private async pages(manifest: CheckpointManifest, subject: string): Promise<Uint8Array> {
    // Shared, so that the runtime hands it to its lane without a copy.
    const memory = new Uint8Array(new SharedArrayBuffer(manifest.pageCount * PAGE_BYTES));
    const requests: Promise<void>[] = [];
    for (let first = 0; first < manifest.pageCount; first += PAGES_PER_REQUEST) {
      requests.push(this.somePages(manifest, subject, memory, first));
    }
    await Promise.all(requests);
    return memory;
  }

  private async somePages(manifest: CheckpointManifest, subject: string, memory: Uint8Array, first: number): Promise<void> {
    const { task, epoch, sequence, pageCount, pageDigests } = manifest;
    const count = Math.min(PAGES_PER_REQUEST, pageCount - first);
    const positions = Uint32Array.from({ length: count }, (_, order) => first + order);
    const bytes = encodePageRequest(
      envelope(this.host, { kind: 'pages', task, epoch, sequence, positions, ...acceptedBy(this.host) }),
    );
    const answer = decodePageAnswer(await this.host.bus.request(subject, bytes, { timeoutUs: REQUEST_TIMEOUT_US }));
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const body = unpackedBy(this.host, answer.value.body, count * PAGE_BYTES);
    if (body.kind !== 'pages' || body.pages.length !== count * PAGE_BYTES) {
      throw new DroverError(
        'ERR_STORE_MISSING',
        `pages ${first}–${first + count - 1} of checkpoint ${epoch}.${sequence} were not given`,
      );
    }
    const digest = new Uint8Array(DIGEST_BYTES);
    for (let order = 0; order < count; order++) {
      const page = body.pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES);
      this.hasher.digestInto(page, digest, 0);
      const expected = pageDigests.subarray((first + order) * DIGEST_BYTES, (first + order + 1) * DIGEST_BYTES);
      if (!equal(digest, expected))
        throw new DroverError(
          'ERR_STORE_CORRUPT',
          `page ${first + order} of checkpoint ${epoch}.${sequence} has another digest`,
        );
    }
    memory.set(body.pages, first * PAGE_BYTES);
  }
}

/** The holders, beginning at one that depends on the task: the tasks of one failed ECU should not all ask the same manager. */
function inTurn({ task, holders }: CheckpointReference): readonly string[] {
  const first = holders.length === 0 ? 0 : hash32(task) % holders.length;
  return [...holders.slice(first), ...holders.slice(0, first)];
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
