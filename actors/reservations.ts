/**
 * A manager's side of the fleet's reservations (`src/domain/reservation`): makes them, ends them, and says what is booked where.
 *
 * V1. One book for the fleet, changed by compare-and-set: of two that want the same room the second finds it taken.
 * V2. What runs on an ECU its bridge is asked for, when a reservation is made: its own record is never late. A task that it accepts
 *     between that answer and the book's change is not undone; the reservation is then shown as broken until there is room.
 * V3. Every plan counts what is booked (`FleetKnowledge.bookedOn`), and the target's bridge counts it again (`bridge.ts`, B3).
 * V4. What was asked for by labels is moved to another ECU that has them and room, when its own fails or has none; what was asked for on an ECU
 *     stays there.
 * V5. A call that is repeated, because its answer was lost, finds what it made (`Booking.call`); and one that is refused is on record as refused
 *     first, so that no other manager that has it in hand makes something of it.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import { acceptedTaskOf, admittingEcuOf } from '../src/domain/placement/admit.ts';
import { admitsBooking, type BookedEcu, brokenBookings } from '../src/domain/placement/admits-booking.ts';
import { type Candidate, sentenceOf } from '../src/domain/placement/evidence.ts';
import type { FleetReservation, ManagerAnswer } from '../src/domain/protocol/messages.ts';
import { type Book, keptOn, movedBooking, withBooking, withoutBooking, withRefusal } from '../src/domain/reservation/book.ts';
import type { BookedDemand, Booking } from '../src/domain/reservation/booking.ts';
import { type BookingDraft, checkBooking } from '../src/domain/reservation/booking-draft.ts';
import type { BookingBook, BookPage } from '../src/ports/booking-book.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { BeyondShare } from './beyond-share.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, pause, planted } from './host.ts';

export interface ReservationsParts {
  readonly host: Host;
  readonly book: BookingBook;
  readonly knowledge: FleetKnowledge;
  readonly beyond: BeyondShare;
}

const ATTEMPTS_MAX = 8;
const RETRY_US = 20_000;
const LOOK_US = 1_000_000;
/** With the labels; more are not asked. */
const ASKED_MAX = 64;
const GONE: ReadonlySet<string> = new Set(['removed', 'undeclared']);

export class Reservations {
  private readonly parts: ReservationsParts;
  private readonly cancels: Cancel[] = [];
  private byEcu = new Map<Mac, readonly Booking[]>();

  constructor(parts: ReservationsParts) {
    this.parts = parts;
    parts.knowledge.bookedOn = (mac) => this.on(mac);
  }

  async start(): Promise<void> {
    this.cancels.push(await this.parts.book.follow(() => this.changed()));
    this.look();
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  /** Undefined: nothing. */
  private on(mac: Mac): readonly Booking[] | undefined {
    const booked = this.byEcu.get(mac);
    if (booked === undefined) return undefined;
    const nowUs = this.parts.host.clock.wallUs();
    if (booked.every(({ untilUs }) => untilUs > nowUs)) return booked;
    this.changed();
    return this.byEcu.get(mac);
  }

  private changed(): void {
    const nowUs = this.parts.host.clock.wallUs();
    const book = this.parts.book.current();
    const macs = new Set(book.bookings.filter(({ untilUs }) => untilUs > nowUs).map(({ ecu }) => ecu));
    this.byEcu = new Map([...macs].map((mac) => [mac, keptOn(book, mac, nowUs)]));
  }

  /** For people: the beginning of the window first. */
  shown(): FleetReservation[] {
    const shown: FleetReservation[] = [];
    for (const mac of [...this.byEcu.keys()]) {
      const bookings = this.on(mac) ?? [];
      const isGone = this.isFailed(mac);
      const broken = this.brokenOn(mac, bookings);
      for (const booking of bookings) {
        const why = isGone ? 'its ECU is gone' : broken?.get(booking.id);
        shown.push({ ...booking, ...(why === undefined ? {} : { broken: why }) });
      }
    }
    return shown.sort((a, b) => a.fromUs - b.fromUs || (a.id < b.id ? -1 : 1));
  }

  // ——— making and ending ———

  /** `call`: unique to who asks and when; the same when it is asked again. */
  async reserve(draft: BookingDraft, call: string): Promise<ManagerAnswer> {
    const made = this.madeBy(call, (await this.parts.book.read()).book);
    if (made !== undefined) return { kind: 'reserved', booking: made };
    const answer = await this.tryToReserve(draft, call);
    return answer.kind === 'reserved' ? answer : this.refuse(call, answer);
  }

  /** V5. */
  private async refuse(call: string, refusal: ManagerAnswer): Promise<ManagerAnswer> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const page = await this.parts.book.read();
      const made = this.madeBy(call, page.book);
      if (made !== undefined) return { kind: 'reserved', booking: made };
      if (page.book.refused.includes(call)) break;
      if (await this.written(page, withRefusal(page.book, call), ({ refused: calls }) => calls.includes(call))) break;
    }
    return refusal;
  }

  private async tryToReserve(draft: BookingDraft, call: string): Promise<ManagerAnswer> {
    const { clock, counters } = this.parts.host;
    const filled = await this.filled(draft);
    if (filled === undefined) {
      const sentence = `there is no task ${draft.task} whose parameters could be booked: give them, or declare it first`;
      return { kind: 'refused', code: 'ERR_NO_TASK', sentence };
    }
    const checked = checkBooking(filled, clock.wallUs());
    if (!checked.ok) return refused(checked.error);
    const { ecu, labels } = filled;
    if (ecu !== undefined && !this.isKnown(ecu))
      return { kind: 'refused', code: 'ERR_NO_ECU', sentence: `there is no ECU ${ecu}` };
    const candidates = await this.candidates(ecu, labels);
    if (candidates.length === 0)
      return refused(ecu === undefined ? 'no ECU that lives has these labels' : `ECU ${ecu} does not answer`);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const page = await this.parts.book.read();
      const nowUs = clock.wallUs();
      const before = this.madeBy(call, page.book);
      if (before !== undefined) return { kind: 'reserved', booking: before };
      if (page.book.refused.includes(call)) return refused('another manager has refused it meanwhile; ask again');
      const made = withBooking(page.book, { ...filled, ecu: '', call }, nowUs);
      if (!made.ok) return refused(made.error);
      const chosen = this.choose(candidates, made.value.booking, page.book);
      if ('sentence' in chosen) return refused(chosen.sentence);
      const booking: Booking = { ...made.value.booking, ecu: chosen.mac };
      const book = movedBooking(made.value.book, booking.id, chosen.mac);
      if (await this.written(page, book, ({ bookings }) => bookings.some((one) => one.call === call))) {
        counters.add('reservations.made');
        return { kind: 'reserved', booking };
      }
    }
    return refused('the reservations of the fleet change too often just now; try again');
  }

  /** V5. */
  private madeBy(call: string, { bookings }: Book): Booking | undefined {
    return planted(this.parts.host, 'reserve-again') ? undefined : bookings.find((one) => one.call === call);
  }

  async cancel(id: string): Promise<ManagerAnswer> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const page = await this.parts.book.read();
      const book = withoutBooking(page.book, id, this.parts.host.clock.wallUs());
      if (book === undefined && attempt > 0) return { kind: 'accepted' };
      if (book === undefined)
        return { kind: 'refused', code: 'ERR_NO_RESERVATION', sentence: `there is no reservation ${id}, or it is over` };
      if (await this.written(page, book, () => false)) return { kind: 'accepted' };
    }
    return refused('the reservations of the fleet change too often just now; try again');
  }

  private isKnown(mac: Mac): boolean {
    const { descriptions, elsewhere } = this.parts.knowledge;
    return descriptions.has(mac) || elsewhere.has(mac);
  }

  /** Of an ECU that others watch now nothing is known here: it may have shown life since. */
  private isFailed(mac: Mac): boolean {
    const { knowledge } = this.parts;
    return knowledge.descriptions.has(mac) && knowledge.ecu(mac)?.state === 'failed';
  }

  /** Without any demand of its own it is its task's. Undefined: there is no such task. */
  private async filled(draft: BookingDraft): Promise<BookingDraft | undefined> {
    const { cpuPpm, memoryBytes, periodUs } = draft.demand;
    if (draft.task === undefined || cpuPpm > 0 || memoryBytes > 0 || periodUs > 0) return draft;
    const placement = await this.parts.knowledge.freshPlacement(draft.task);
    const spec = placement === undefined || GONE.has(placement.state) ? undefined : placement.context.spec;
    return spec === undefined ? undefined : { ...draft, demand: demandOf(spec) };
  }

  /** Each by its own word; V2. */
  private async candidates(ecu: Mac | undefined, labels: BookingDraft['labels']): Promise<Candidate[]> {
    const { beyond, knowledge } = this.parts;
    if (ecu !== undefined) return beyond.ask([ecu]);
    const has = ({ description }: { readonly description: Pick<EcuDescription, 'labels'> }): boolean =>
      Object.entries(labels ?? {}).every(([label, value]) => description.labels[label] === value);
    const own = knowledge.candidates().filter((candidate) => candidate.alive && !candidate.draining && has(candidate));
    const others = await beyond.ask(beyond.drawnMacs(has));
    const asked = await beyond.ask(own.slice(0, ASKED_MAX).map(({ mac }) => mac));
    return [...asked, ...others.filter(({ mac }) => !asked.some((one) => one.mac === mac))].filter(has);
  }

  /** The one that is left with the most. */
  private choose(
    candidates: readonly Candidate[],
    wanted: Booking,
    book: Book,
  ): { readonly mac: Mac } | { readonly sentence: string } {
    let best: { mac: Mac; fullest: number } | undefined;
    const reasons: string[] = [];
    for (const { mac, description, draining, accepted } of candidates) {
      // One that only sleeps is woken in time (`power-manager.ts`).
      const refuses = draining && !this.onlySleeps(mac);
      // Also those that are over by this clock: only what overlaps counts, whatever a clock says.
      const bookings = planted(this.parts.host, 'overbook') ? [] : book.bookings.filter(({ ecu }) => ecu === mac);
      const there: BookedEcu = { ecu: admittingEcuOf(description, refuses), accepted, bookings };
      const answer = admitsBooking(there, { ...wanted, ecu: mac });
      if (!answer.ok) {
        const { beside, refusal } = answer.error;
        reasons.push(`${description.name} ${sentenceOf(refusal)}${beside.length === 0 ? '' : `, beside ${beside.join(', ')}`}`);
      } else if (best === undefined || answer.value < best.fullest || (answer.value === best.fullest && mac < best.mac))
        best = { mac, fullest: answer.value };
    }
    return best ?? { sentence: `it has no room: ${reasons.slice(0, 4).join('; ')}` };
  }

  /** It takes nothing now because it sleeps, or is to: it is woken in time (`power-manager.ts`). */
  private onlySleeps(mac: Mac): boolean {
    const { power, draining } = this.parts.knowledge.index;
    return (power.get(mac)?.state ?? 'awake') !== 'awake' && !draining.has(mac);
  }

  /** `wasMine`: whether what stands there now is this change after all, whose answer was lost. */
  private async written(page: BookPage, book: Book, wasMine: (now: Book) => boolean): Promise<boolean> {
    if ((await this.parts.book.replace(page, book)) === 'replaced') return true;
    await pause(this.parts.host.clock, RETRY_US);
    return wasMine((await this.parts.book.read()).book);
  }

  // ——— keeping (V4) ———

  private look(): void {
    let cancel: Cancel = () => {};
    cancel = this.parts.host.clock.after(LOOK_US, () => {
      this.cancels.splice(this.cancels.indexOf(cancel), 1);
      this.look();
      void this.moveToRoom();
    });
    this.cancels.push(cancel);
  }

  private async moveToRoom(): Promise<void> {
    const { host } = this.parts;
    for (const mac of [...this.byEcu.keys()]) {
      const bookings = this.on(mac) ?? [];
      if (bookings.every(({ labels }) => labels === undefined)) continue;
      const isGone = this.isFailed(mac);
      const broken = isGone ? undefined : this.brokenOn(mac, bookings);
      for (const { id, labels } of bookings) {
        if (labels === undefined || (!isGone && broken?.has(id) !== true)) continue;
        const why = isGone ? 'its ECU is gone' : 'there is no room for it any more';
        try {
          await this.moveFrom(mac, { id, labels, why });
        } catch (cause) {
          if (!(cause instanceof DroverError)) throw cause;
          host.log.info('a reservation could not be kept elsewhere yet', { reservation: id, cause });
        }
      }
    }
  }

  private async moveFrom(
    mac: Mac,
    { id, labels, why }: Pick<Booking, 'id' | 'labels'> & { readonly why: string },
  ): Promise<void> {
    const { host, book } = this.parts;
    const candidates = (await this.candidates(undefined, labels)).filter((one) => one.mac !== mac);
    const page = await book.read();
    const booking = page.book.bookings.find((one) => one.id === id && one.ecu === mac);
    const chosen = booking === undefined ? undefined : this.choose(candidates, booking, page.book);
    if (chosen === undefined || 'sentence' in chosen) return;
    if ((await book.replace(page, movedBooking(page.book, id, chosen.mac))) !== 'replaced') return;
    host.counters.add('reservations.moved');
    host.log.info(`a reservation is kept elsewhere: ${why}`, { reservation: id, from: mac, to: chosen.mac });
  }

  /** Undefined: nobody here knows the ECU. */
  private brokenOn(mac: Mac, bookings: readonly Booking[]): ReadonlyMap<string, string> | undefined {
    const { knowledge } = this.parts;
    const description = knowledge.descriptions.get(mac);
    if (description === undefined) return undefined;
    return brokenBookings({
      ecu: admittingEcuOf(description, false),
      accepted: knowledge.index.acceptedAt(mac),
      bookings,
    });
  }
}

const refused = (sentence: string): ManagerAnswer => ({ kind: 'refused', code: 'ERR_RESERVATION', sentence });

/** A task without a period asks for what its specification reserves. */
function demandOf(spec: TaskSpec): BookedDemand {
  const {
    periodUs,
    wcetUs,
    deadlineUs,
    priority,
    memoryBytesMax: memoryBytes,
    hardDeadline,
    cpuPpm = 0,
  } = acceptedTaskOf(spec, 0);
  if (periodUs === 0 || wcetUs === 0)
    return { cpuPpm, memoryBytes, periodUs: 0, wcetUs: 0, deadlineUs: 0, priority, hardDeadline: false };
  const isBounded = deadlineUs > 0 && deadlineUs <= periodUs;
  return {
    ...{ cpuPpm: 0, memoryBytes, periodUs, wcetUs, priority },
    deadlineUs: isBounded ? deadlineUs : periodUs,
    hardDeadline: hardDeadline === true,
  };
}
