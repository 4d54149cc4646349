/**
 * Appends numbered data inputs to one task at a rate, each by compare-and-set on the subject's last sequence, so that no input
 * is lost or doubled whatever happens to an answer: after anything but `appended` the last input is read, and its number says
 * whether ours was written.
 */
import type { TaskName } from '../../domain/model/ids.ts';
import { header, taskSubject } from '../../domain/protocol/subjects.ts';
import { pause, type Host } from '../../../actors/host.ts';
import type { Payload } from './workload.ts';

export interface NumberedFeed {
  /** Inputs accepted so far, those of earlier feeds of the task included. */
  readonly number: () => number;
  /** Resolves when nothing more is on its way. */
  stop(): Promise<void>;
}

const APPEND_TIMEOUT_US = 1_000_000;
const RETRY_US = 20_000;
/** After a stall at most this many inputs are made up at once; what is above is dropped from the schedule. */
const MADE_UP_MAX = 50;

export function startNumberedFeed(host: Host, options: { readonly task: TaskName; readonly periodUs: number; readonly payload: Payload }): NumberedFeed {
  const { task, periodUs, payload } = options;
  const { bus, clock, names } = host;
  const subject = taskSubject.data(names, task);
  let number = 0;
  let sequence = 0;
  let stopped = false;

  const readLast = async (): Promise<void> => {
    for (;;) {
      try {
        const last = await bus.readLast(subject);
        number = Number(last?.headers[header.number] ?? 0);
        sequence = last?.sequence ?? 0;
        return;
      } catch {
        if (stopped) return;
        await pause(clock, RETRY_US);
      }
    }
  };

  const appendNext = async (): Promise<void> => {
    const next = number + 1;
    try {
      const headers = { [header.number]: String(next) };
      const answer = await bus.append(subject, payload(next), { expectedSequence: sequence, headers, timeoutUs: APPEND_TIMEOUT_US });
      if (answer.kind === 'appended') {
        number = next;
        sequence = answer.sequence;
        return;
      }
    } catch {
      // Read below what came of it.
    }
    await pause(clock, RETRY_US);
    await readLast();
  };

  const run = async (): Promise<void> => {
    await readLast();
    let dueUs = clock.monotonicUs() + periodUs;
    while (!stopped) {
      const nowUs = clock.monotonicUs();
      if (nowUs < dueUs) {
        await pause(clock, Math.min(dueUs - nowUs, 100_000));
        continue;
      }
      await appendNext();
      dueUs = Math.max(dueUs + periodUs, clock.monotonicUs() - MADE_UP_MAX * periodUs);
    }
  };

  const running = run();
  return {
    number: () => number,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
