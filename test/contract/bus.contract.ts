/**
 * What every implementation of `src/ports/bus.ts` must do; run by `bus-nats.test.ts` and `bus-sim.test.ts`.
 *
 * The suite owns no clock. A test waits with `elapse` (real time on NATS, virtual in the simulator) and hands every promise
 * of a bus to `settle`, so that a simulated world can be stepped until it resolves. Time appears only as the bound after
 * which a test gives up. Where the port leaves a choice (refused or duplicate, written or not after `unknown`), the test
 * states what is promised and accepts either.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { StreamSpec } from '../../src/domain/protocol/streams.ts';
import { appends, batches, reading } from './bus-appends.contract.ts';
import { connections } from './bus-connections.contract.ts';
import { consuming, trimming } from './bus-consuming.contract.ts';
import { coreMessages, requests } from './bus-messages.contract.ts';
import type { BusFixture, Check } from './bus-world.ts';
import { World } from './bus-world.ts';

export type { BusFixture, BusHost } from './bus-world.ts';

/** The streams a fixture creates. */
export const contractStreams: readonly StreamSpec[] = [
  { name: 'LEDGER', subjects: ['ledger.>'], discard: 'new', duplicateWindowUs: 120_000_000, atomicBatches: true },
  {
    name: 'NARROW',
    subjects: ['narrow.>'],
    discard: 'new',
    messagesMax: 4,
    duplicateWindowUs: 120_000_000,
    atomicBatches: false,
  },
  { name: 'RING', subjects: ['ring.>'], discard: 'old', messagesMax: 4, duplicateWindowUs: 120_000_000, atomicBatches: false },
];

export interface BusImplementation {
  open(): Promise<BusFixture>;
  /** Tests that this implementation cannot pass, by exact name, each with its reason. */
  readonly skip?: readonly { readonly reason: string; readonly tests: readonly string[] }[];
}

export function describeBus(name: string, implementation: BusImplementation): void {
  const skipped = new Map<string, string>();
  for (const { reason, tests } of implementation.skip ?? []) for (const test of tests) skipped.set(test, reason);

  describe(`bus contract: ${name}`, () => {
    let open: BusFixture | undefined;
    afterEach(async () => {
      await open?.close();
      open = undefined;
    });

    const check: Check = (title, run) => {
      const reason = skipped.get(title);
      skipped.delete(title);
      if (reason !== undefined) {
        it.skip(`${title} (${reason})`, () => undefined);
        return;
      }
      it(title, async () => {
        open = await implementation.open();
        await run(new World(open));
      });
    };

    describe('core messages', () => {
      coreMessages(check);
    });
    describe('requests', () => {
      requests(check);
    });
    describe('appends', () => {
      appends(check);
    });
    describe('batches', () => {
      batches(check);
    });
    describe('reading', () => {
      reading(check);
    });
    describe('consuming', () => {
      consuming(check);
    });
    describe('trimming', () => {
      trimming(check);
    });
    describe('connections', () => {
      connections(check);
    });
    it('skips only tests that exist', () => {
      expect([...skipped.keys()]).toEqual([]);
    });
  });
}
