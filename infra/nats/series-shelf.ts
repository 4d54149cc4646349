/** The bucket `series`: a task's name → an envelope with its TaskHistory. */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import { decodeTaskHistory, encodeTaskHistory } from '../../src/domain/protocol/codec-history.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { SeriesShelf } from '../../src/ports/series-shelf.ts';

const APPEND_TIMEOUT_US = 2_000_000;

export interface BusSeriesShelfParts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** Who writes. */
  readonly id: HostId;
}

export function createBusSeriesShelf({ bus, clock, id }: BusSeriesShelfParts): SeriesShelf {
  return {
    async put(entry) {
      const sentAtUs = clock.wallUs();
      const body = { id: `series.${entry.task}.${entry.newestS}`, sender: id, trace: '', sentAtUs, body: entry };
      const subject = bucket.entry(buckets.series, entry.task);
      const answer = await bus.append(subject, encodeTaskHistory(body), { timeoutUs: APPEND_TIMEOUT_US });
      if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
      if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'The bucket `series` is at its bound.');
      throw new DroverError('ERR_BUS_TIMEOUT', `the series of ${entry.task} were not answered`, { retryable: true });
    },

    async read(task) {
      const last = await bus.readLast(bucket.entry(buckets.series, task));
      if (last === undefined || last.headers[bucket.operation] !== undefined) return undefined;
      const decoded = decodeTaskHistory(last.payload);
      return decoded.ok ? decoded.value.body : undefined;
    },
  };
}
