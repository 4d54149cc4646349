import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { START_OF_INPUTS } from '../../src/domain/model/checkpoint.ts';
import { advance, contiguityOf } from '../../src/domain/task/contiguity.ts';
import { dueTicks, startTicks } from '../../src/domain/task/ticks.ts';

describe('ticks', () => {
  it('are contiguous for the consumer, never early and never too many, whatever the wake-ups (K1–K4)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50_000 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 10 }),
        fc.array(fc.integer({ min: 0, max: 500_000 }), { maxLength: 60 }),
        (periodUs, catchUp, catchUpMax, wakeUps) => {
          const policy = { periodUs, catchUp, catchUpMax };
          let state = startTicks(policy, 0);
          let cursor = START_OF_INPUTS;
          let nowUs = 0;
          for (const wait of wakeUps) {
            nowUs += wait;
            const due = dueTicks(policy, state, nowUs);
            expect(due.ticks.length).toBeLessThanOrEqual(catchUp ? catchUpMax : 1);
            for (const tick of due.ticks) {
              expect(contiguityOf(cursor, { kind: 'tick', ...tick })).toEqual({ kind: 'ok' });
              cursor = advance(cursor, { kind: 'tick', ...tick }, cursor.sequence + 1);
            }
            state = due.next;
            // The dumb twin: all periods that have passed are numbered, and no others.
            expect(cursor.tickNumber).toBe(Math.floor(nowUs / periodUs));
            expect(state.dueUs).toBe((state.number + 1) * periodUs);
          }
        },
      ),
    );
  });
});
