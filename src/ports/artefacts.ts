import type { Digest } from '../domain/model/ids.ts';

/** Task programs by digest. What `get` returns has that digest, or it fails with ERR_STORE_CORRUPT / ERR_STORE_MISSING. */
export interface Artefacts {
  put(bytes: Uint8Array): Promise<Digest>;
  get(digest: Digest): Promise<Uint8Array>;
}
