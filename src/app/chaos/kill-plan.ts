/**
 * Which process dies when, drawn from a seed before anything starts. Pure, so that a seed always gives the same plan; victims
 * are drawn as ranks among those alive at the moment, because only the run knows who that is.
 *
 *   K1. One ECU and one manager at least are always up, restarts and their starting time counted as down.
 *   K2. The moment within a spacing is uniform: kills hit jobs, checkpoints, restores of the kill before.
 */
import type { Rng } from '../../domain/kernel/rng.ts';

export const KILL_KINDS = ['ecu', 'bridge', 'manager', 'both', 'freeze'] as const;
/** What is killed: an ECU whole, its bridge alone, a manager, an ECU and the manager that claims it, or an ECU is stopped for a while. */
export type KillKind = (typeof KILL_KINDS)[number];
export type KillChoice = KillKind | 'mixed';

export interface PlannedKill {
  readonly kind: KillKind;
  /** µs after the plan begins. */
  readonly atUs: number;
  /** How long the victim stays down (or stopped) before it is started (or let go on). A bridge is restarted by its supervisor. */
  readonly downUs: number;
  /** Which of the living: floor(rank · count). */
  readonly victimRank: number;
}

export interface KillPlanOptions {
  readonly kills: number;
  readonly kind: KillChoice;
  readonly ecus: number;
  readonly managers: number;
  /** Mean time between two kills. */
  readonly spacingUs: number;
}

/** Generous: a process that starts on a loaded machine. */
const STARTING_US = 2_500_000;
/** Longer than an instance's lease, so that most zombies wake up replaced; shorter ones are drawn, too. */
const FREEZE_US_MIN = 600_000;
const FREEZE_US_MAX = 3_000_000;
const DOWN_US_MIN = 800_000;
const DOWN_US_MAX = 3_000_000;

export function planKills(options: KillPlanOptions, rng: Rng): PlannedKill[] {
  const { kills, kind, ecus, managers, spacingUs } = options;
  const draw = rng.stream('kills');
  const ecuBusyUntil: number[] = [];
  const managerBusyUntil: number[] = [];
  const plan: PlannedKill[] = [];
  let atUs = 0;
  for (let count = 0; count < kills; count++) {
    const drawn = kind === 'mixed' ? mixedKind(count, draw, managers) : kind;
    const chosen = managers < 2 && (drawn === 'manager' || drawn === 'both') ? 'ecu' : drawn;
    atUs += spacingUs / 2 + draw.below(spacingUs);
    const downUs = chosen === 'freeze' ? between(draw, FREEZE_US_MIN, FREEZE_US_MAX) : between(draw, DOWN_US_MIN, DOWN_US_MAX);
    if (chosen !== 'manager') atUs = freeFrom(ecuBusyUntil, ecus - 1, atUs);
    if (chosen === 'manager' || chosen === 'both') atUs = freeFrom(managerBusyUntil, managers - 1, atUs);
    atUs = Math.round(atUs);
    if (chosen !== 'manager') ecuBusyUntil.push(atUs + downUs + STARTING_US);
    if (chosen === 'manager' || chosen === 'both') managerBusyUntil.push(atUs + downUs + STARTING_US);
    plan.push({ kind: chosen, atUs, downUs, victimRank: draw.unit() });
  }
  return plan;
}

/** Every kind once before any comes twice, from a drawn place on. */
function mixedKind(count: number, draw: Rng, managers: number): KillKind {
  const kinds = managers < 2 ? KILL_KINDS.filter((kind) => kind !== 'manager' && kind !== 'both') : KILL_KINDS;
  const first = draw.below(kinds.length);
  return kinds[count < kinds.length ? count : first] ?? 'ecu';
}

const between = (draw: Rng, low: number, high: number): number => low + draw.below(high - low);

/** The earliest moment at or after `atUs` at which fewer than `most` are down. */
function freeFrom(busyUntil: number[], most: number, atUs: number): number {
  const busy = busyUntil.filter((until) => until > atUs).sort((a, b) => a - b);
  const wait = busy[busy.length - Math.max(1, most)];
  return busy.length < Math.max(1, most) || wait === undefined ? atUs : wait;
}
