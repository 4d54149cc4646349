/** Feeds one task its numbered inputs at a rate. Whatever happens to an answer, `InputFeed` keeps the numbers without gap. */
import { type Host, pause } from '../../../actors/host.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { InputFeed } from '../feed/input-feed.ts';
import type { Payload } from './workload.ts';

export interface NumberedFeed {
  /** Resolves when nothing more is on its way. */
  stop(): Promise<void>;
}

/** After a stall at most this many inputs are made up at once; what is above is dropped from the schedule. */
const MADE_UP_MAX = 50;
const LOOK_US = 100_000;
const RETRY_US = 100_000;

export interface NumberedFeedOptions {
  readonly task: TaskName;
  readonly periodUs: number;
  readonly payload: Payload;
}

/** Of a task that nobody else feeds: `payload` is asked for the numbers 1, 2, 3 … */
export function startNumberedFeed(host: Host, { task, periodUs, payload }: NumberedFeedOptions): NumberedFeed {
  const { clock } = host;
  const feed = new InputFeed(host, task);
  let stopped = false;

  const run = async (): Promise<void> => {
    let number = 0;
    let dueUs = clock.monotonicUs() + periodUs;
    while (!stopped) {
      const nowUs = clock.monotonicUs();
      if (nowUs < dueUs) {
        await pause(clock, Math.min(dueUs - nowUs, LOOK_US));
        continue;
      }
      try {
        number = await feed.append(payload(number + 1));
      } catch {
        await pause(clock, RETRY_US);
      }
      dueUs = Math.max(dueUs + periodUs, clock.monotonicUs() - MADE_UP_MAX * periodUs);
    }
  };

  const running = run();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}
