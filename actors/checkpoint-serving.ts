/**
 * A manager as whoever restores asks it: for the manifest of a whole state, and for its pages. The newest states are kept whole in memory
 * (`newest-images.ts`); others are rebuilt from the store, once for the page requests that follow a manifest request.
 */
import { foldManifest } from '../src/domain/checkpoint/manifest.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { CheckpointManifest } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import {
  decodeManifestRequest,
  decodePageRequest,
  encodeManifestAnswer,
  encodePageAnswer,
} from '../src/domain/protocol/codec-checkpoint.ts';
import type { ManifestAnswer, PageAnswer } from '../src/domain/protocol/messages.ts';
import type { BusMessage } from '../src/ports/bus.ts';
import type { CheckpointStore, RebuiltState } from '../src/ports/checkpoint-store.ts';
import { envelope, type Host } from './host.ts';
import { type BroughtPages, NewestImages } from './newest-images.ts';
import { packedFor } from './page-transfer.ts';
import { slicePages } from './slice-pages.ts';

/** Rebuilt states kept for the page requests that follow a manifest request. */
const REBUILT_MAX = 16;
/** Newest states kept whole in memory: a hundred tasks of 1 MiB. */
const IMAGES_BYTES_MAX = 128 * 1024 * 1024;

export class CheckpointServing {
  private readonly parts: { readonly host: Host; readonly store: CheckpointStore };
  private readonly rebuilt = new Map<string, Promise<RebuiltState>>();
  private readonly images = new NewestImages(IMAGES_BYTES_MAX);

  constructor(parts: { readonly host: Host; readonly store: CheckpointStore }) {
    this.parts = parts;
  }

  async serve(message: BusMessage): Promise<Uint8Array> {
    const { host } = this.parts;
    const manifest = decodeManifestRequest(message.payload);
    if (manifest.ok) {
      const { task, epoch, sequence } = manifest.value.body;
      const answer = await this.answering<ManifestAnswer>(async () => {
        const state = await this.rebuild(task, epoch, sequence);
        return { kind: 'manifest', manifest: foldManifest(state.manifest, state.pageDigests) };
      });
      return encodeManifestAnswer(envelope(host, answer));
    }
    const pages = decodePageRequest(message.payload);
    if (!pages.ok) {
      host.counters.add(`wire.${pages.error.kind}`);
      return encodePageAnswer(envelope(host, { kind: 'refused', code: pages.error.code, sentence: pages.error.sentence }));
    }
    const { task, epoch, sequence, positions } = pages.value.body;
    const answer = await this.answering<PageAnswer>(async () => ({
      kind: 'pages',
      pages: slicePages((await this.rebuild(task, epoch, sequence)).memory, positions),
    }));
    return encodePageAnswer(envelope(host, packedFor(host, pages.value.body, answer)));
  }

  private async answering<A>(
    run: () => Promise<A>,
  ): Promise<A | { kind: 'refused'; code: DroverError['code']; sentence: string }> {
    try {
      return await run();
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return { kind: 'refused', code: cause.code, sentence: cause.message };
    }
  }

  /** Follows with the image where that can be, else rebuilds it once: the next increments need no store. */
  stored(manifest: CheckpointManifest, brought: BroughtPages, isNewest: () => boolean): void {
    if (this.images.stored(manifest, brought)) return;
    const { task, epoch, sequence } = manifest;
    this.parts.store.rebuild(task, epoch, sequence).then(
      (state) => {
        if (isNewest()) this.images.seed(state);
      },
      (cause: unknown) => this.parts.host.log.debug('the newest state could not be kept at hand', { task, epoch, cause }),
    );
  }

  private rebuild(task: TaskName, epoch: number, sequence: number): Promise<RebuiltState> {
    const key = `${task} ${epoch}.${sequence}`;
    const held = this.rebuilt.get(key);
    if (held !== undefined) return held;
    const image = this.images.find(task, { epoch, sequence });
    const state = image === undefined ? this.parts.store.rebuild(task, epoch, sequence) : Promise.resolve(image);
    this.rebuilt.set(key, state);
    state.catch(() => this.rebuilt.delete(key));
    for (const oldest of this.rebuilt.keys()) {
      if (this.rebuilt.size <= REBUILT_MAX) break;
      this.rebuilt.delete(oldest);
    }
    return state;
  }
}
