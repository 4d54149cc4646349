/**
 * Admission beside bookings: what is admitted now must also be admitted at every moment at which bookings are kept, with their demand as
 * additional tasks of the same test (`reservation/booking.ts`, B1). The test that is repeated is whatever the ECU's own test is.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { AcceptedTask } from '../model/ecu.ts';
import type { TaskSpec } from '../model/task.ts';
import { ALWAYS, type Booking, bookedTasks, moments } from '../reservation/booking.ts';
import { type AdmissionEvidence, type Refusal, sentenceOf } from './evidence.ts';

type Test = (accepted: readonly AcceptedTask[]) => Result<AdmissionEvidence, Refusal>;

/** `now`: what the test said without any booking. The bookings are those of this ECU that are not over. */
export function besideBookings(
  now: AdmissionEvidence,
  accepted: readonly AcceptedTask[],
  newcomers: readonly TaskSpec[],
  bookings: readonly Booking[],
  test: Test,
): Result<AdmissionEvidence, Refusal> {
  const present = new Set([...accepted.map(({ task }) => task), ...newcomers.map(({ name }) => name)]);
  const criticality = Math.min(...newcomers.map((spec) => spec.criticality));
  // B2, B3. Without a newcomer all of them count.
  const counting = bookings.filter(
    (booking) =>
      !(booking.task !== undefined && present.has(booking.task)) &&
      !(booking.criticality < criticality && newcomers.length > 0),
  );
  let fullest: AdmissionEvidence['reserved'];
  for (const kept of moments(counting, ALWAYS)) {
    const then = test([...accepted, ...kept.flatMap(bookedTasks)]);
    if (!then.ok)
      return err({ kind: 'reserved', bookings: kept.map(({ id }) => id), ...windowOf(kept), why: sentenceOf(then.error) });
    const { utilisationPpm, memoryUsedBytes } = then.value;
    if (fullest === undefined || utilisationPpm > fullest.utilisationPpm)
      fullest = { bookings: kept.map(({ id }) => id), utilisationPpm, memoryUsedBytes };
  }
  return ok(fullest === undefined ? now : { ...now, reserved: fullest });
}

/** When all of them are kept at once. */
const windowOf = (kept: readonly Booking[]) => ({
  fromUs: Math.max(...kept.map(({ fromUs }) => fromUs)),
  untilUs: Math.min(...kept.map(({ untilUs }) => untilUs)),
});
