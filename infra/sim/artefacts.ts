/** The object store of the simulated broker: task programs by digest, reachable while the host is connected. */
import { createHash } from 'node:crypto';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Digest } from '../../src/domain/model/ids.ts';
import type { Artefacts } from '../../src/ports/artefacts.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { SimProcess } from './host.ts';
import type { SimLink } from './network.ts';

/** One for the world; scenarios may damage or remove an entry. */
export type ArtefactShelf = Map<Digest, Uint8Array>;

export const artefactDigest = (bytes: Uint8Array): Digest => createHash('sha256').update(bytes).digest('hex');

export class SimArtefacts implements Artefacts {
  private readonly options: {
    readonly shelf: ArtefactShelf;
    readonly bus: Bus;
    readonly process: SimProcess;
    readonly link: SimLink;
  };

  constructor(options: {
    readonly shelf: ArtefactShelf;
    readonly bus: Bus;
    readonly process: SimProcess;
    readonly link: SimLink;
  }) {
    this.options = options;
  }

  put(bytes: Uint8Array): Promise<Digest> {
    const copy = bytes.slice();
    return this.reach(() => {
      const digest = artefactDigest(copy);
      this.options.shelf.set(digest, copy);
      return digest;
    });
  }

  get(digest: Digest): Promise<Uint8Array> {
    return this.reach(() => {
      const bytes = this.options.shelf.get(digest);
      if (bytes === undefined) throw new DroverError('ERR_STORE_MISSING', `there is no artefact ${digest}`);
      if (artefactDigest(bytes) !== digest) throw new DroverError('ERR_STORE_CORRUPT', `artefact ${digest} is damaged`);
      return bytes.slice();
    });
  }

  private reach<T>(run: () => T): Promise<T> {
    const { bus, process, link } = this.options;
    return process.promise((settle) => {
      process.after(link.delay() + link.delay(), () => {
        if (!bus.connected()) {
          settle.reject(new DroverError('ERR_BUS_DISCONNECTED', 'the object store cannot be reached', { retryable: true }));
          return;
        }
        try {
          settle.resolve(run());
        } catch (error) {
          settle.reject(error as Error);
        }
      });
    });
  }
}
