import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbCheckpointStore } from '../../infra/lmdb/checkpoint-store.ts';
import { systemHasher } from '../../infra/system/hasher.ts';
import { describeCheckpointStore } from './checkpoint-store.contract.ts';

for (const durable of [true, false]) {
  describeCheckpointStore(`LMDB, ${durable ? 'durable' : 'local'}`, {
    open: async () => {
      const path = await mkdtemp(join(tmpdir(), 'drover-checkpoints-'));
      // A tiny table cache, so that walking the chain is tested as well as the short cut.
      const openOne = () =>
        openLmdbCheckpointStore({ path, hasher: systemHasher, durable, tableCacheBytesMax: durable ? 2000 : 1_000_000 });
      let open = openOne();
      return {
        store: open,
        reopen: async () => {
          await open.close();
          open = openOne();
          return open;
        },
        close: async () => {
          await open.close();
          await rm(path, { recursive: true });
        },
      };
    },
  });
}
