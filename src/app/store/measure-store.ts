/** What is in a store, and how full it is, without verifying any page. */
import { CHECKPOINT_STORE_BYTES_MAX } from '../../../infra/lmdb/checkpoint-store.ts';
import type { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import { type CheckpointOrder, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { TaskName } from '../../domain/model/ids.ts';

export interface StoreMeasure {
  readonly fileBytes: number;
  readonly usedBytes: number;
  readonly boundBytes: number;
  readonly checkpoints: number;
  readonly pages: number;
  /** Places in whole states that name a page: over `pages`, this is how much is shared. */
  readonly namedPages: number;
  readonly pagesSetAside: number;
  readonly manifestsSetAside: number;
  readonly tasks: readonly MeasuredTask[];
}

interface MeasuredTask {
  readonly task: TaskName;
  readonly checkpoints: number;
  readonly oldest: CheckpointOrder;
  readonly newest: CheckpointOrder;
  readonly memoryBytes: number;
}

export function measureStore(reader: StoreReader): StoreMeasure {
  const tasks = new Map<TaskName, MeasuredTask>();
  let checkpoints = 0;
  let namedPages = 0;
  for (const { name, manifest } of reader.manifests()) {
    if (name === undefined || !manifest.ok) continue;
    const { task, epoch, sequence } = name;
    const before = tasks.get(task);
    checkpoints += 1;
    namedPages += manifest.value.pageCount;
    tasks.set(task, {
      task,
      checkpoints: (before?.checkpoints ?? 0) + 1,
      oldest: before?.oldest ?? { epoch, sequence },
      newest: { epoch, sequence },
      memoryBytes: manifest.value.pageCount * PAGE_BYTES,
    });
  }
  const aside = reader.setAside();
  return {
    ...reader.sizes(),
    boundBytes: CHECKPOINT_STORE_BYTES_MAX,
    checkpoints,
    pages: reader.pageCount(),
    namedPages,
    pagesSetAside: aside.pages,
    manifestsSetAside: aside.manifests.length,
    tasks: [...tasks.values()],
  };
}
