/**
 * Ends a task's ticks for good, and nothing else: one last tick is appended in the name of an epoch that no instance reaches. Its
 * ticker is refused, reads it, and stops at the higher epoch; so does every later one. The task itself runs on, consumes what
 * is there, and comes to rest.
 */

import { type Host, pause } from '../../../actors/host.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { header, taskSubject } from '../../domain/protocol/subjects.ts';

const LAST_EPOCH = Number.MAX_SAFE_INTEGER;
const APPEND_TIMEOUT_US = 1_000_000;
const RETRY_US = 3_000;
const NO_PAYLOAD = new Uint8Array(0);

/** Resolves with the number of the last tick. */
export async function appendLastTick(host: Host, task: TaskName): Promise<number> {
  const subject = taskSubject.tick(host.names, task);
  for (;;) {
    try {
      const last = await host.bus.readLast(subject);
      if (Number(last?.headers[header.epoch] ?? 0) === LAST_EPOCH) return Number(last?.headers[header.number]);
      const number = Number(last?.headers[header.number] ?? 0) + 1;
      const headers = { [header.epoch]: String(LAST_EPOCH), [header.number]: String(number), [header.skipped]: '0' };
      await host.bus.append(subject, NO_PAYLOAD, {
        expectedSequence: last?.sequence ?? 0,
        headers,
        timeoutUs: APPEND_TIMEOUT_US,
      });
    } catch {
      // The broker may be away for a moment.
    }
    // A refusal: a tick came between. Wait a part of a period that is not a divisor of usual ones.
    await pause(host.clock, RETRY_US);
  }
}
