/**
 * Brings a checkpoint's whole state to this ECU, by the shortest way: the copy that was kept at hand here; the local store (the
 * bridge died, the machine did not); the ECU where the task stands still with it, in a move; else from a manager that holds it. Only the
 * pages are fetched that are not here already. Every page and the whole state are checked by digest.
 */
import { stateDigest } from '../src/domain/checkpoint/manifest.ts';
import { allPages } from '../src/domain/checkpoint/pages.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { hash32 } from '../src/domain/kernel/rng.ts';
import { type CheckpointReference, type InputCursor, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { CheckpointNeeds } from '../src/domain/model/compatibility.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { ecuSubject, managerSubject } from '../src/domain/protocol/subjects.ts';
import type { CheckpointStore } from '../src/ports/checkpoint-store.ts';
import type { Hasher } from '../src/ports/digest.ts';
import type { TaskImage } from '../src/ports/task-runtime.ts';
import type { Host } from './host.ts';
import { PagePull } from './page-pull.ts';
import { positionsUnlike, type StandbyCopies } from './standby.ts';

/** A state and its cursors: those of the checkpoint that was named, or of a later one (S2 in `standby.ts`). */
export interface RestoredState {
  readonly image: TaskImage;
  readonly input: InputCursor;
  readonly outputNumber: number;
}

export interface RestoreImageParts {
  readonly host: Host;
  readonly hasher: Hasher;
  readonly localStore: CheckpointStore | undefined;
  readonly standby: StandbyCopies;
  /** Throws what lacks: asked with a manifest's own word, before its pages are moved. */
  readonly admits: (needs: CheckpointNeeds | undefined) => void;
}

/**
 * States fetched at the same time. The tasks of a failed ECU come together, and what one core can copy and check it does no
 * faster for many at once: in turn, the first (the most urgent) is back while the last is still on its way.
 */
const FETCHES_MAX = 2;
const REQUEST_TIMEOUT_US = 2_000_000;

export class RestoreImage {
  private readonly parts: RestoreImageParts;
  private readonly pull: PagePull;
  private fetching = 0;
  /** In order of arrival, each woken with the place of one that is done. */
  private readonly waiting: (() => void)[] = [];

  constructor(parts: RestoreImageParts) {
    this.parts = parts;
    this.pull = new PagePull(parts);
  }

  /** `standsAt`: the ECU whose instance stands still with this state. */
  async fetch(reference: CheckpointReference, standsAt?: Mac): Promise<RestoredState> {
    const here = this.atHand(reference) ?? (await this.fromLocalStore(reference));
    if (here !== undefined) return here;
    if (this.fetching >= FETCHES_MAX) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.fetching++;
    try {
      return await this.fromOthers(reference, standsAt);
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.fetching--;
      else next();
    }
  }

  /** From the copy that is kept here, which is given away with it. */
  atHand(reference: CheckpointReference): RestoredState | undefined {
    const copy = this.parts.standby.take(reference);
    if (copy === undefined) return undefined;
    this.parts.host.counters.add('restore.standby');
    const { memory, manifest } = copy;
    this.parts.admits(manifest.needs);
    return { image: { memory, globals: manifest.globals }, input: manifest.input, outputNumber: manifest.outputNumber };
  }

  /** Another of the copy that is kept here, whichever it is of that epoch, and what that is. */
  copyAtHand(
    task: TaskName,
    epoch: number,
  ): { readonly reference: CheckpointReference; readonly image: TaskImage } | undefined {
    const copy = this.parts.standby.duplicate(task, epoch);
    if (copy === undefined) return undefined;
    const { memory, manifest } = copy;
    const { sequence, globals, input, outputNumber, stateDigest: digest, needs } = manifest;
    const more = needs === undefined ? {} : { needs };
    const reference = { task, epoch, sequence, input, outputNumber, stateDigest: digest, holders: [], ...more };
    return { reference, image: { memory, globals } };
  }

  private async fromLocalStore(reference: CheckpointReference): Promise<RestoredState | undefined> {
    const { host, localStore } = this.parts;
    const { task, epoch, sequence, input, outputNumber } = reference;
    const found = localStore?.find(task, epoch, sequence);
    if (localStore === undefined || found === undefined || found.stateDigest !== reference.stateDigest) return undefined;
    try {
      const { memory, globals } = await localStore.rebuild(task, epoch, sequence);
      host.counters.add('restore.local');
      return { image: { memory, globals }, input, outputNumber };
    } catch {
      return undefined;
    }
  }

  private async fromOthers(reference: CheckpointReference, standsAt: Mac | undefined): Promise<RestoredState> {
    let last: unknown;
    const source = standsAt === undefined ? [] : [{ subject: ecuSubject.pages(standsAt), counter: 'restore.fromSource' }];
    const managers = inTurn(reference).map((manager) => ({
      subject: managerSubject.pages(manager),
      counter: 'restore.fromManager',
    }));
    for (const { subject, counter } of [...source, ...managers]) {
      try {
        const restored = await this.fromOther(reference, subject);
        this.parts.host.counters.add(counter);
        return restored;
      } catch (cause) {
        this.parts.host.log.warn('a holder could not give a checkpoint; trying the next', {
          task: reference.task,
          epoch: reference.epoch,
          holder: subject,
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

  private async fromOther(reference: CheckpointReference, subject: string): Promise<RestoredState> {
    const { epoch, sequence, input, outputNumber } = reference;
    const { host, hasher, standby } = this.parts;
    const server = { subject, timeoutUs: REQUEST_TIMEOUT_US };
    const manifest = await this.pull.manifest(server, reference);
    if (manifest === undefined) throw new DroverError('ERR_STORE_MISSING', `it has no checkpoint ${epoch}.${sequence}`);
    const { globals, pageCount } = manifest;
    const wanted = { table: manifest.pageDigests, globals, input, outputNumber };
    if (stateDigest(wanted, (bytes) => hasher.hex(bytes)) !== reference.stateDigest) {
      throw new DroverError(
        'ERR_STORE_CORRUPT',
        `the manifest of checkpoint ${epoch}.${sequence} is not that of the announced state`,
      );
    }
    this.parts.admits(manifest.needs);
    // Shared, so that the runtime hands it to its lane without a copy.
    const memory = new Uint8Array(new SharedArrayBuffer(pageCount * PAGE_BYTES));
    const kept = standby.find(reference.task);
    const positions = kept === undefined ? allPages(pageCount) : positionsUnlike(kept, manifest);
    if (kept !== undefined) {
      memory.set(kept.memory.subarray(0, memory.length));
      host.counters.add('restore.pagesAtHand', pageCount - positions.length);
    }
    const got = await this.pull.pages(server, { manifest, positions }, (page, order) =>
      memory.set(page, (positions[order] as number) * PAGE_BYTES),
    );
    if (!got) throw new DroverError('ERR_STORE_MISSING', `checkpoint ${epoch}.${sequence} was replaced while it was fetched`);
    return { image: { memory, globals }, input, outputNumber };
  }
}

/** The holders, beginning at one that depends on the task: the tasks of one failed ECU should not all ask the same manager. */
function inTurn({ task, holders }: CheckpointReference): readonly string[] {
  const first = holders.length === 0 ? 0 : hash32(task) % holders.length;
  return [...holders.slice(first), ...holders.slice(0, first)];
}
