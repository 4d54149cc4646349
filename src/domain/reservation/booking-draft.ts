/**
 * What somebody asks to have booked, checked: everything that is wrong with it by itself, before any ECU is looked at.
 *
 * | field       | range                                                                                |
 * |-------------|--------------------------------------------------------------------------------------|
 * | where       | an ECU, or labels (at least one)                                                     |
 * | window      | 1 s … 31 days long, over in the future, beginning no later than in 366 days          |
 * | cores       | 0.001 … 64, or 0 with task parameters or memory                                      |
 * | memory      | 0 … 1 TiB                                                                            |
 * | period      | 100 µs … 1 day; then WCET ≤ deadline ≤ period, and no cores                          |
 * | criticality | 0 … 4                                                                                |
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { Mac } from '../model/ids.ts';
import type { BookedDemand, Booking } from './booking.ts';

export interface BookingDraft extends Pick<Booking, 'fromUs' | 'untilUs' | 'task' | 'criticality' | 'demand' | 'note'> {
  /** Undefined: by labels. */
  readonly ecu: Mac | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

const SECOND_US = 1_000_000;
const DAY_US = 86_400 * SECOND_US;
export const WINDOW_US_MAX = 31 * DAY_US;
const AHEAD_US_MAX = 366 * DAY_US;
/** Clocks differ, and a call takes its time: what begins "now" may have begun. */
const LATE_US_MAX = 60 * SECOND_US;
const CPU_PPM_MAX = 64_000_000;
const MEMORY_MAX = 2 ** 40;
const PRIORITY_MAX = 1000;

/** The sentence says what is wrong and what would be right. */
export function checkBooking(draft: BookingDraft, nowUs: number): Result<BookingDraft, string> {
  const { ecu, labels, fromUs, untilUs, criticality, demand } = draft;
  const wrong =
    (ecu === undefined && Object.keys(labels ?? {}).length === 0 ? 'it names neither an ECU nor labels' : undefined) ??
    windowProblem({ fromUs, untilUs, nowUs }) ??
    (isWithin(criticality, 0, 4) ? undefined : `its criticality is ${criticality}; it must be 0 to 4`) ??
    demandProblem(demand);
  return wrong === undefined ? ok(draft) : err(wrong);
}

function windowProblem({
  fromUs,
  untilUs,
  nowUs,
}: {
  readonly fromUs: number;
  readonly untilUs: number;
  readonly nowUs: number;
}): string | undefined {
  const lengthUs = untilUs - fromUs;
  if (!Number.isSafeInteger(fromUs) || !Number.isSafeInteger(untilUs)) return 'its window is no time';
  if (lengthUs < SECOND_US) return 'its window is shorter than a second';
  if (lengthUs > WINDOW_US_MAX) return 'its window is longer than 31 days';
  if (untilUs <= nowUs) return 'its window is over already';
  if (fromUs < nowUs - LATE_US_MAX) return 'its window begins in the past';
  return fromUs > nowUs + AHEAD_US_MAX ? 'its window begins more than a year from now' : undefined;
}

function demandProblem(demand: BookedDemand): string | undefined {
  const { cpuPpm, memoryBytes, periodUs, wcetUs, deadlineUs, priority, hardDeadline } = demand;
  if (!isWithin(cpuPpm, 0, CPU_PPM_MAX)) return `it asks for ${cpuPpm / 1e6} cores; it may ask for 64 at most`;
  if (!isWithin(memoryBytes, 0, MEMORY_MAX)) return `it asks for ${memoryBytes} bytes of memory; it may ask for 1 TiB at most`;
  if (periodUs === 0) {
    if (wcetUs !== 0 || deadlineUs !== 0 || hardDeadline) return 'it has a WCET, a deadline or --hard and no period';
    return cpuPpm === 0 && memoryBytes === 0
      ? 'it books nothing: neither cores, nor a task’s parameters, nor memory'
      : undefined;
  }
  if (cpuPpm !== 0) return 'it has both cores and a period; a period with its WCET says how much of a core it needs';
  if (!isWithin(periodUs, 100, DAY_US)) return `its period is ${periodUs} µs; it must be 100 µs to a day`;
  if (!isWithin(wcetUs, 1, periodUs)) return `its WCET is ${wcetUs} µs; it must be 1 µs to its period of ${periodUs} µs`;
  if (!isWithin(deadlineUs, wcetUs, periodUs))
    return `its deadline is ${deadlineUs} µs; it must lie between its WCET and its period (${wcetUs} to ${periodUs} µs)`;
  return isWithin(priority, 0, PRIORITY_MAX) ? undefined : `its priority is ${priority}; it must be 0 to ${PRIORITY_MAX}`;
}

const isWithin = (value: number, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most;
