/** The bucket `placement`, one JSON object per task, so that `nats kv watch placement` shows where everything runs. */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { BoardEntry, PlacementBoard } from '../../src/ports/placement-board.ts';

const APPEND_TIMEOUT_US = 2_000_000;

export function createBusPlacementBoard(bus: Bus): PlacementBoard {
  return {
    async put(entry) {
      const answer = await bus.append(bucket.entry(buckets.placement, entry.task), encoded(entry), {
        timeoutUs: APPEND_TIMEOUT_US,
      });
      if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
      if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'The bucket `placement` is at its bound.');
      throw new DroverError('ERR_BUS_TIMEOUT', `the placement entry of ${entry.task} was not answered`, { retryable: true });
    },
  };
}

const encoded = ({ state, epoch, owner, reason }: BoardEntry): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({ version: 1, state, epoch, mac: owner?.mac, incarnation: owner?.incarnation, reason }),
  );
