/** The key `receive` of the bucket `fleet`: `{"version":1,"strategy":"push","intervalUs":1000000}`. Without it: notify. */
import {
  RECEIVE_DEFAULT,
  RECEIVE_INTERVAL_US,
  RECEIVE_STRATEGIES,
  type ReceiveChoice,
} from '../../src/domain/checkpoint/receiving.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import type { Bus, StreamMessage } from '../../src/ports/bus.ts';
import type { Cancel } from '../../src/ports/clock.ts';
import type { Log } from '../../src/ports/log.ts';
import type { ReceivePolicy } from '../../src/ports/receive-policy.ts';

const ENTRY = bucket.entry(buckets.fleet, 'receive');
const APPEND_TIMEOUT_US = 2_000_000;

export class BusReceivePolicy implements ReceivePolicy {
  private readonly bus: Bus;
  private readonly log: Log;
  private choice = RECEIVE_DEFAULT;

  constructor(parts: { readonly bus: Bus; readonly log: Log }) {
    this.bus = parts.bus;
    this.log = parts.log;
  }

  current(): ReceiveChoice {
    return this.choice;
  }

  async follow(onChange: (choice: ReceiveChoice) => void): Promise<Cancel> {
    const options = { filter: ENTRY, from: 'last-per-subject' } as const;
    try {
      return await this.bus.consume(bucket.stream(buckets.fleet), options, (message) => {
        const choice = this.read(message);
        const { strategy, intervalUs } = this.choice;
        if (choice.strategy === strategy && choice.intervalUs === intervalUs) return;
        this.choice = choice;
        onChange(choice);
      });
    } catch (cause) {
      if (!(cause instanceof DroverError) || cause.code !== 'ERR_BUS_NO_STREAM') throw cause;
      this.log.warn('this broker has no bucket `fleet`; checkpoints are announced and pulled', { code: cause.code });
      return () => {};
    }
  }

  private read({ payload, headers }: StreamMessage): ReceiveChoice {
    if (headers[bucket.operation] !== undefined) return RECEIVE_DEFAULT;
    const choice = parseChoice(payload);
    if (choice !== undefined) return choice;
    this.log.warn('the fleet’s receiving strategy cannot be read; notify is used', { subject: ENTRY });
    return RECEIVE_DEFAULT;
  }
}

/** For the whole fleet, from now on. */
export async function chooseReceiving(bus: Bus, choice: ReceiveChoice): Promise<void> {
  const payload = new TextEncoder().encode(JSON.stringify({ version: 1, ...choice }));
  const answer = await bus.append(ENTRY, payload, { timeoutUs: APPEND_TIMEOUT_US });
  if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
  throw new DroverError('ERR_BUS_TIMEOUT', 'the fleet’s receiving strategy could not be written', { retryable: true });
}

export function parseChoice(payload: Uint8Array): ReceiveChoice | undefined {
  let value: { readonly strategy?: unknown; readonly intervalUs?: unknown } | null;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  const strategy = RECEIVE_STRATEGIES.find((known) => known === value?.strategy);
  const intervalUs = value?.intervalUs ?? RECEIVE_INTERVAL_US;
  const usable = typeof intervalUs === 'number' && Number.isSafeInteger(intervalUs) && intervalUs > 0;
  return strategy === undefined || !usable ? undefined : { strategy, intervalUs };
}
