/**
 * A fleet in which running tasks must make room for another. ECU 1 runs `high` alone; ECU 2 is full with `lowest`, `low` and
 * `mid`, and `high` needs as much as two of them. When ECU 1 dies, `high` finds no place: `lowest` and `low` are shed for it,
 * `mid` is left alone, and the two return with the room.
 */

import type { ScriptedFault } from '../../../infra/sim/faults.ts';
import { drawLinkOptions } from '../../../infra/sim/network.ts';
import { type FleetOptions, type FleetWorld, macOf, type TaskDraft } from '../../../src/app/simulation/fleet-world.ts';
import { managerHost } from '../../../src/app/simulation/simulated-manager.ts';
import { createRng, type Rng } from '../../../src/domain/kernel/rng.ts';
import type { FaultPointName } from '../../../src/ports/fault-points.ts';
import { stage, task } from './stage.ts';

const MIB = 1024 * 1024;
export const [DYING, FULL] = [macOf(1), macOf(2)] as const;
/** Whoever makes room. */
export const SHED = ['lowest', 'low'] as const;

const on = (mac: string, name: string, more: Partial<TaskDraft>): TaskDraft =>
  task(name, { affinity: { preferredEcus: [mac] }, ...more });

export interface FullFleetOptions extends Partial<FleetOptions> {
  /** The criticality of `high`. */
  readonly high?: number;
}

export const fullFleet = ({ high = 4, ...options }: FullFleetOptions = {}): Promise<FleetWorld> =>
  stage({
    ecus: [
      { mac: DYING, memoryBytes: 32 * MIB },
      { mac: FULL, memoryBytes: 48 * MIB },
    ],
    tasks: [
      on(DYING, 'high', { criticality: high, memoryBytesMax: 32 * MIB }),
      on(FULL, 'lowest', { criticality: 0 }),
      on(FULL, 'low', { criticality: 1 }),
      on(FULL, 'mid', { criticality: 2 }),
    ],
    ...options,
  });

/** Why its placement says that it is shed; undefined while it is not. */
export function shedReason(fleet: FleetWorld, name: string): string | undefined {
  const placement = fleet.truth.placements.get(name);
  return placement?.state === 'shed' ? placement.context.reason : undefined;
}

export const madeRoom = (fleet: FleetWorld): boolean =>
  ['high', 'mid'].every((name) => fleet.runs(name) && fleet.owner(name) === FULL) &&
  SHED.every((name) => shedReason(fleet, name) !== undefined);

/** Around each of the loop's writes, where the eviction is half done. */
const POINTS: readonly FaultPointName[] = ['beforeAppend', 'afterAppend', 'beforeAck', 'beforeEffect', 'afterEffect'];

/** Where a manager dies in the middle: at a step of the loop that follows the death of the ECU by a few steps. */
function deathOf(manager: string, fleet: FleetWorld, draw: Rng): ScriptedFault {
  const host = managerHost(manager);
  const point = POINTS[draw.below(POINTS.length)] as FaultPointName;
  const nth = fleet.world.plan.count(host, point) + 1 + draw.below(12);
  return { host, point, nth, action: 'kill', forUs: 1_000 + draw.below(1_500_000) };
}

/**
 * The eviction in bad weather: links lose, double, delay and reorder, one or both managers die at drawn steps of it, now and
 * then the bridge that has to make room dies too. Then it clears up; the room must be made, for good, and given back.
 */
export async function stormyEviction(seed: number): Promise<FleetWorld> {
  const draw = createRng(seed, 'eviction');
  const fleet = await fullFleet({ seed });
  const { broker, plan, scheduler } = fleet.world;
  const calm = [...broker.allLinks()].map((link) => ({ link, options: link.options }));
  for (const { link } of calm) if (draw.below(3) > 0) link.options = drawLinkOptions(draw);
  for (const manager of ['m1', 'm2']) if (draw.below(3) > 0) plan.script(deathOf(manager, fleet, draw));
  if (draw.below(3) === 0) scheduler.after(draw.below(60_000), () => fleet.killBridge(FULL));
  fleet.killEcu(DYING);
  await fleet.elapse(500_000 + draw.below(2_500_000));
  for (const { link, options } of calm) link.options = options;
  for (const manager of ['m1', 'm2']) fleet.startManager(manager);
  await fleet.until('high and mid run on the full ECU, the others are shed', () => madeRoom(fleet));
  return fleet;
}
