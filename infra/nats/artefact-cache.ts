/**
 * Artefacts near at hand, so that a restore does not wait for the object store: each is fetched once per process, however many
 * tasks run it and however many ask at the same time, and what a fleet stores is fetched ahead. Artefacts are named by their
 * digest, so what is held is never stale; the bound is on what the cache keeps, not on what it serves.
 */
import type { Digest } from '../../src/domain/model/ids.ts';
import { buckets } from '../../src/domain/protocol/subjects.ts';
import type { Artefacts } from '../../src/ports/artefacts.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { Cancel } from '../../src/ports/clock.ts';

export interface ArtefactCacheOptions {
  readonly source: Artefacts;
  readonly bytesMax: number;
}

export function createArtefactCache({ source, bytesMax }: ArtefactCacheOptions): Artefacts {
  /** Oldest use first. */
  const held = new Map<Digest, Uint8Array>();
  const coming = new Map<Digest, Promise<Uint8Array>>();
  let bytesHeld = 0;

  const hold = (digest: Digest, bytes: Uint8Array): void => {
    if (held.has(digest)) return;
    held.set(digest, bytes);
    bytesHeld += bytes.length;
    for (const [oldest, { length }] of held) {
      if (bytesHeld <= bytesMax) break;
      held.delete(oldest);
      bytesHeld -= length;
    }
  };

  const fetch = (digest: Digest): Promise<Uint8Array> => {
    const fetching = source.get(digest).then((bytes) => {
      hold(digest, bytes);
      return bytes;
    });
    coming.set(digest, fetching);
    const done = (): void => void coming.delete(digest);
    fetching.then(done, done);
    return fetching;
  };

  return {
    put: (bytes) => source.put(bytes),
    async get(digest) {
      const here = held.get(digest);
      if (here === undefined) return coming.get(digest) ?? fetch(digest);
      held.delete(digest);
      held.set(digest, here);
      return here;
    },
  };
}

/**
 * Tells of every artefact of at most `bytesMax` that is in the fleet's object store or comes into it. (An object's metadata is a message
 * of its own on `$O.<bucket>.M.<name>`, as JSON.)
 */
export function followArtefacts(
  bus: Bus,
  options: { readonly bytesMax: number; readonly onArtefact: (digest: Digest) => void },
): Promise<Cancel> {
  const filter = `$O.${buckets.artefacts}.M.>`;
  return bus.consume(`OBJ_${buckets.artefacts}`, { filter, from: 'last-per-subject' }, ({ payload }) => {
    const info = asObject(new TextDecoder().decode(payload));
    const { name, size, deleted } = info;
    if (typeof name === 'string' && typeof size === 'number' && size <= options.bytesMax && deleted !== true)
      options.onArtefact(name);
  });
}

function asObject(json: string): { readonly name?: unknown; readonly size?: unknown; readonly deleted?: unknown } {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // not ours
  }
}
