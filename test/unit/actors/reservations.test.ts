/** One call to reserve, in the hands of two managers at once (V5): it is made once, or refused by both. */
import { expect, test } from 'vitest';
import type { BeyondShare } from '../../../actors/beyond-share.ts';
import { FleetKnowledge } from '../../../actors/fleet-knowledge.ts';
import type { Host } from '../../../actors/host.ts';
import { Reservations } from '../../../actors/reservations.ts';
import type { Shell } from '../../../actors/shell.ts';
import type { EcuDescription } from '../../../src/domain/model/ecu.ts';
import { decodeBook, encodeBook } from '../../../src/domain/protocol/codec-booking.ts';
import { ID_CHARS_MAX } from '../../../src/domain/protocol/limits.ts';
import { type Book, EMPTY_BOOK, REFUSED_MAX, withRefusal } from '../../../src/domain/reservation/book.ts';
import type { BookingDraft } from '../../../src/domain/reservation/booking-draft.ts';
import type { BookingBook } from '../../../src/ports/booking-book.ts';
import { candidateOf, macOf } from '../../support/placement-builders.ts';

const NOW_US = 1_700_000_000_000_000;
const HOUR_US = 3_600_000_000;
const CALL = 'client~1.1@7';
const draft: BookingDraft = {
  ...{ ecu: macOf(1), labels: undefined, fromUs: NOW_US + HOUR_US, untilUs: NOW_US + 2 * HOUR_US, task: undefined },
  ...{ criticality: 4, note: '' },
  demand: { cpuPpm: 500_000, memoryBytes: 0, periodUs: 0, wcetUs: 0, deadlineUs: 0, priority: 10, hardDeadline: false },
};
const host = {
  id: 'manager.m1',
  clock: { wallUs: () => NOW_US, monotonicUs: () => 0, after: (_: number, then: () => void) => void setImmediate(then) },
  counters: { add: () => undefined },
} as unknown as Host;

/** The book that both write, by compare-and-set. */
class SharedBook implements BookingBook {
  book: Book = EMPTY_BOOK;
  private position = 0;
  current = () => this.book;
  follow = async () => () => undefined;
  read = async () => ({ position: this.position, book: this.book });
  replace = async ({ position }: { readonly position: number }, book: Book) => {
    if (position !== this.position) return 'unsure';
    this.position++;
    this.book = book;
    return 'replaced';
  };
}

/** `answers`: when its ECU does; one that knows no ECU refuses at once. */
function manager(book: BookingBook, answers?: Promise<void>): Reservations {
  const shell = { view: () => undefined } as unknown as Shell;
  const knowledge = new FleetKnowledge({ replicated: shell, local: shell });
  const candidate = candidateOf(1);
  if (answers !== undefined) knowledge.descriptions.set(macOf(1), candidate.description as EcuDescription);
  const ask = async () => {
    await answers;
    return [candidate];
  };
  const beyond = { ask } as unknown as BeyondShare;
  return new Reservations({ host, book, knowledge, beyond });
}

test('refused by one while another still asks its ECU: the other makes nothing of it', async () => {
  const book = new SharedBook();
  let answer: () => void = () => undefined;
  const asking = manager(book, new Promise((resolve) => (answer = resolve))).reserve(draft, CALL);
  expect(await manager(book).reserve(draft, CALL)).toMatchObject({ kind: 'refused', code: 'ERR_NO_ECU' });
  answer();
  expect(await asking).toMatchObject({ kind: 'refused' });
  expect(book.book).toMatchObject({ bookings: [], refused: [CALL] });
});

test('made by one: another that would refuse it finds it made', async () => {
  const book = new SharedBook();
  const made = await manager(book, Promise.resolve()).reserve(draft, CALL);
  expect(made).toMatchObject({ kind: 'reserved', booking: { id: 'r1', call: CALL } });
  expect(await manager(book).reserve(draft, CALL)).toEqual(made);
  expect(book.book.bookings).toHaveLength(1);
});

test('the last refusals are kept, with everything else, on the wire: also of calls with the longest ids', () => {
  let book = EMPTY_BOOK;
  const callOf = (at: number): string => `${String(at).padStart(ID_CHARS_MAX, 'x')}@${NOW_US}`;
  for (let at = 0; at < REFUSED_MAX + 3; at++) book = withRefusal(book, callOf(at));
  expect([book.refused.length, book.refused[0], book.refused.at(-1)]).toEqual([
    REFUSED_MAX,
    callOf(3),
    callOf(REFUSED_MAX + 2),
  ]);
  const decoded = decodeBook(encodeBook({ id: 'a', sender: 'manager.m1', trace: '', sentAtUs: NOW_US, body: book }));
  expect(decoded.ok && decoded.value.body).toEqual(book);
});
