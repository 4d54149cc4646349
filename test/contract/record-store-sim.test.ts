import { createStreamRecordStore } from '../../infra/nats/record-store.ts';
import { SimBroker } from '../../infra/sim/broker.ts';
import { connectSim } from '../../infra/sim/bus.ts';
import { SimScheduler } from '../../infra/sim/clock.ts';
import { SimDisk } from '../../infra/sim/disk.ts';
import { DiskRecordStore } from '../../infra/sim/disk-records.ts';
import { SimHost } from '../../infra/sim/host.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { fleetStreams } from '../../src/domain/protocol/streams.ts';
import type { RecordStore } from '../../src/ports/record-store.ts';
import { driveAlways } from '../support/sim-drive.ts';
import { describeRecordStore } from './record-store.contract.ts';

const NAMES = { shardCount: 3 };

for (const weak of [false, true]) {
  describeRecordStore(`simulated disk${weak ? ', answering before it syncs' : ''}`, {
    open: async () => {
      const scheduler = new SimScheduler();
      const disk = new SimDisk(scheduler, createRng(3), {
        writeUs: { min: 100, max: 900 },
        ...(weak ? { syncUs: { min: 1_000, max: 9_000 } } : {}),
      });
      const hosts = ['a', 'b'].map((id) => new SimHost({ id, machine: 'ecu', scheduler, boot: () => undefined }));
      const openOn = (host: SimHost | undefined): DiskRecordStore => {
        if (host === undefined) throw new Error('no such host');
        return new DiskRecordStore(disk, host.restart());
      };
      const stop = driveAlways(scheduler);
      return {
        store: openOn(hosts[0]),
        another: async () => openOn(hosts[1]),
        // The end of the process closes every handle; its next incarnation opens the same disk.
        reopen: async () => {
          hosts[1]?.kill();
          return openOn(hosts[0]);
        },
        close: stop,
      };
    },
  });
}

for (const replicas of [1, 3] as const) {
  describeRecordStore(`streams on the simulated bus, ${replicas} replicas`, {
    open: async () => {
      const scheduler = new SimScheduler();
      const broker = new SimBroker({
        scheduler,
        rng: createRng(3),
        streams: fleetStreams(NAMES).map((stream) => ({ ...stream, replicas })),
      });
      const stop = driveAlways(scheduler);
      const hosts = ['a', 'b'].map((id) => new SimHost({ id, machine: 'ecu', scheduler, boot: () => undefined }));
      const openOn = async (host: SimHost | undefined): Promise<RecordStore> => {
        if (host === undefined) throw new Error('no such host');
        return createStreamRecordStore({ bus: await connectSim(broker, host.restart()), names: NAMES });
      };
      return {
        store: await openOn(hosts[0]),
        another: () => openOn(hosts[1]),
        reopen: () => {
          hosts[1]?.kill();
          return openOn(hosts[0]);
        },
        close: stop,
      };
    },
  });
}
