import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LmdbRecordStore } from '../../infra/lmdb/record-store.ts';
import { openLmdbRecordStore } from '../../infra/lmdb/record-store.ts';
import { describeRecordStore } from './record-store.contract.ts';

for (const durability of ['sync', 'process'] as const) {
  describeRecordStore(`LMDB, ${durability} durability`, {
    open: async () => {
      const path = await mkdtemp(join(tmpdir(), 'drover-records-'));
      const handles: LmdbRecordStore[] = [];
      const openOne = (): LmdbRecordStore => {
        const handle = openLmdbRecordStore({ path, durability, sizeBytesMax: 64 * 1024 ** 2 });
        handles.push(handle);
        return handle;
      };
      const closeAll = async (): Promise<void> => {
        for (const handle of handles.splice(0)) await handle.close();
      };
      return {
        store: openOne(),
        another: async () => openOne(),
        reopen: async () => {
          await closeAll();
          return openOne();
        },
        close: async () => {
          await closeAll();
          await rm(path, { recursive: true });
        },
      };
    },
  });
}
