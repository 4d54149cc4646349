/**
 * The newest state of each task, whole and in memory, so that a restore need not rebuild it from the store while twelve tasks
 * stand still. Kept up to date by the increments as they are stored; a task whose image is not at hand is rebuilt as before.
 *
 * G1. An image is exactly what the store would rebuild: it starts from a rebuilt state or a full checkpoint, and every increment
 *     applied to it was checked page by page by the store first.
 * G2. What is handed out is a copy: the next increment changes the image, never what somebody is still reading.
 * G3. Bound: `bytesMax` in all; the task longest without a new checkpoint goes first.
 */
import { type CheckpointManifest, type CheckpointOrder, DIGEST_BYTES, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { RebuiltState } from '../src/ports/checkpoint-store.ts';

/** What was not in the store before: the bytes of the manifest's pages at these positions, in this order. */
export interface BroughtPages {
  readonly positions: Uint32Array;
  readonly pages: Uint8Array;
}

interface Image {
  manifest: CheckpointManifest;
  memory: Uint8Array;
  pageDigests: Uint8Array;
}

export class NewestImages {
  private readonly bytesMax: number;
  private readonly images = new Map<TaskName, Image>();
  private bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /**
   * A checkpoint was stored. Answers whether the image follows; if not, `seed` it from a rebuilt state when there is time.
   * Pages that the store had already are found in the image: a full checkpoint, also that of a new instance, mostly has what
   * the one before had, at the same places.
   */
  stored(manifest: CheckpointManifest, brought: BroughtPages): boolean {
    const image = this.images.get(manifest.task);
    if (image !== undefined && image.manifest.epoch === manifest.epoch && image.manifest.sequence === manifest.sequence)
      return true;
    const full = manifest.baseSequence === undefined;
    const follows =
      image !== undefined && image.manifest.epoch === manifest.epoch && image.manifest.sequence === manifest.baseSequence;
    const base = full || follows ? (image === undefined ? emptyImage(manifest) : resized(image, manifest)) : undefined;
    if (base === undefined || !apply(base, manifest, brought)) {
      this.drop(manifest.task);
      return false;
    }
    this.keep(manifest.task, base);
    return true;
  }

  seed(state: RebuiltState): void {
    const { manifest, memory, pageDigests } = state;
    this.keep(manifest.task, { manifest, memory: memory.slice(), pageDigests: pageDigests.slice() });
  }

  find(task: TaskName, { epoch, sequence }: CheckpointOrder): RebuiltState | undefined {
    const image = this.images.get(task);
    if (image === undefined || image.manifest.epoch !== epoch || image.manifest.sequence !== sequence) return undefined;
    const { manifest, memory, pageDigests } = image;
    return { manifest, memory: memory.slice(), pageDigests: pageDigests.slice(), globals: manifest.globals };
  }

  private keep(task: TaskName, image: Image): void {
    this.drop(task);
    if (image.memory.length > this.bytesMax) return;
    this.images.set(task, image);
    this.bytes += image.memory.length;
    for (const oldest of this.images.keys()) {
      if (this.bytes <= this.bytesMax) break;
      this.drop(oldest);
    }
  }

  private drop(task: TaskName): void {
    const image = this.images.get(task);
    if (image === undefined) return;
    this.images.delete(task);
    this.bytes -= image.memory.length;
  }
}

const emptyImage = (manifest: CheckpointManifest): Image => ({
  manifest,
  memory: new Uint8Array(manifest.pageCount * PAGE_BYTES),
  pageDigests: new Uint8Array(manifest.pageCount * DIGEST_BYTES),
});

function resized(image: Image, manifest: CheckpointManifest): Image {
  if (image.manifest.pageCount === manifest.pageCount) return { ...image, manifest };
  const next = emptyImage(manifest);
  next.memory.set(image.memory.subarray(0, next.memory.length));
  next.pageDigests.set(image.pageDigests.subarray(0, next.pageDigests.length));
  return next;
}

/** False where a page is neither among those that were brought nor in the image; the image is of no use then. */
function apply(image: Image, { pageIndexes, pageDigests }: CheckpointManifest, { positions, pages }: BroughtPages): boolean {
  const digests = Buffer.from(pageDigests.buffer, pageDigests.byteOffset, pageDigests.byteLength);
  const held = Buffer.from(image.pageDigests.buffer, image.pageDigests.byteOffset, image.pageDigests.byteLength);
  /** Of one digest that occurs several times, one page was brought. */
  const broughtAt = new Map<string, number>();
  /** As nearly always: each page has its own, and is where its digest is. */
  const allBrought = positions.length === pageIndexes.length;
  for (let order = 0; !allBrought && order < positions.length; order++) {
    const at = (positions[order] as number) * DIGEST_BYTES;
    broughtAt.set(digests.toString('latin1', at, at + DIGEST_BYTES), order);
  }
  for (let position = 0; position < pageIndexes.length; position++) {
    const index = pageIndexes[position] as number;
    const at = position * DIGEST_BYTES;
    if (digests.compare(held, index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES, at, at + DIGEST_BYTES) === 0) continue;
    const order = allBrought ? position : broughtAt.get(digests.toString('latin1', at, at + DIGEST_BYTES));
    if (order === undefined) return false;
    image.memory.set(pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES), index * PAGE_BYTES);
    digests.copy(held, index * DIGEST_BYTES, at, at + DIGEST_BYTES);
  }
  return true;
}
