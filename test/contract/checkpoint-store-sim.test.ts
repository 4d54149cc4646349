import { SimScheduler } from '../../infra/sim/clock.ts';
import { SimDisk } from '../../infra/sim/disk.ts';
import { DiskCheckpointStore } from '../../infra/sim/disk-checkpoints.ts';
import { SimHost } from '../../infra/sim/host.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { driveAlways } from '../support/sim-drive.ts';
import { describeCheckpointStore } from './checkpoint-store.contract.ts';

describeCheckpointStore('simulated disk', {
  open: async () => {
    const scheduler = new SimScheduler();
    const disk = new SimDisk(scheduler, createRng(3));
    const host = new SimHost({ id: 'ecu', scheduler, boot: () => undefined });
    const stop = driveAlways(scheduler);
    return {
      store: new DiskCheckpointStore(disk, host.start()),
      reopen: async () => new DiskCheckpointStore(disk, host.restart()),
      close: stop,
    };
  },
});
