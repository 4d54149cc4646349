/** What chains could do wrong, each as a story that passes as the code is and fails when its mechanism is taken out (`FLEET_PLANTS`). */
import { expect } from 'vitest';
import type { FleetWorld, TaskDraft } from '../../../src/app/simulation/fleet-world.ts';
import { type FleetPlant, plantsNamed } from '../../../src/ports/plants.ts';
import { ECU1, ECU2, ECU3, type StageOptions, stage, task } from './stage.ts';

type Story = (plants: readonly FleetPlant[]) => Promise<void>;

export const CHAIN_ECUS = [ECU1, ECU2, ECU3].map((mac) => ({ mac }));

export const CHAIN = [
  task('alpha', { affinity: { preferredEcus: [ECU1] } }),
  task('beta', { periodUs: 0, inputs: { from: 'alpha' }, affinity: { preferredEcus: [ECU2] } }),
  task('gamma', { periodUs: 0, inputs: { from: 'beta' }, affinity: { preferredEcus: [ECU2] } }),
];

/** The one in the middle cannot be kept up with. */
export const CHAIN_MIXED = CHAIN.map((one) => (one.name === 'beta' ? { ...one, runtime: 'process' as const } : one));

const CHAIN_APART = CHAIN.map((one) => ({ ...one, affinity: { preferredEcus: [one.inputs === undefined ? ECU3 : ECU1] } }));

/** All three run and something has come out at the end. */
export async function chainOn(more: StageOptions = {}): Promise<FleetWorld> {
  const fleet = await stage({ ecus: CHAIN_ECUS, tasks: CHAIN, ...more });
  await fleet.until('something comes out at the end', () => (fleet.truth.sinceMarker.get('gamma') ?? 0) > 10);
  return fleet;
}

/** A router that another manager than the one that trims its source's outputs holds; undefined: there is none here. */
function routerApart(fleet: FleetWorld): string | undefined {
  for (const { record, context } of fleet.truth.routes.values()) {
    const tidier = fleet.truth.placements.get(context.source ?? '')?.record.writer;
    if (tidier !== undefined && tidier !== record.writer) return record.writer;
  }
  return undefined;
}

/** What another share's managers knew of a task while they helped to declare it is forgotten by then (`Duty`). */
const FORGOTTEN_US = 8_000_000;

async function trimmedBeforeTheRouter(
  plants: readonly FleetPlant[],
  managers: readonly string[],
  tasks: readonly TaskDraft[],
): Promise<void> {
  let told = 0;
  for (let seed = 1; seed <= 12 && told < 2; seed++) {
    const janitor = { everyUs: 30_000, outputsKept: 1, recordsKept: 20 };
    const named = managers.map((name) => ({ name }));
    const fleet = await chainOn({ seed, janitor, managers: named, tasks, plants: plantsNamed(plants) });
    if (managers.length > 2) await fleet.elapse(FORGOTTEN_US);
    const router = routerApart(fleet);
    if (router === undefined) continue;
    told++;
    fleet.world.host(router).freeze();
    await fleet.elapse(1_500_000);
    fleet.world.host(router).thaw();
    await fleet.elapse(300_000);
    await fleet.settle(15_000_000);
  }
  expect(told).toBeGreaterThan(0);
}

export const CHAIN_STORIES = {
  'a router stands still while another manager trims what it has not routed': (plants) =>
    trimmedBeforeTheRouter(plants, ['m1', 'm2'], CHAIN),

  // Two of five keep an ECU; none keeps ECU1 and ECU3 both.
  'a router of another share than its source’s stands still while those outputs are trimmed': (plants) =>
    trimmedBeforeTheRouter(plants, ['m1', 'm2', 'm3', 'm4', 'm5'], CHAIN_APART),

  'a chain moves as one, and one of its tasks takes longest': async (plants) => {
    for (let seed = 1; seed <= 4; seed++) {
      const fleet = await chainOn({ seed, plants: plantsNamed(plants) });
      expect(await fleet.done(fleet.migrateChain('alpha', ECU3))).toMatchObject({ kind: 'chain' });
      await fleet.until('it is over', () => [...fleet.truth.chains.values()].every(({ state }) => state === 'done'));
      await fleet.settle();
    }
  },

  'a chain moves as one, and its target keeps up with all of it': async (plants) => {
    const fleet = await chainOn({ plants: plantsNamed(plants) });
    expect(await fleet.done(fleet.migrateChain('alpha', ECU3))).toMatchObject({ kind: 'chain' });
    await fleet.until('it is over', () => [...fleet.truth.chains.values()].every(({ state }) => state === 'done'));
    await fleet.settle();
  },

  'a chain is committed, one of its tasks had to stand still for it, and the target is heard no more': async (plants) => {
    const fleet = await chainOn({ tasks: CHAIN_MIXED, plants: plantsNamed(plants) });
    void fleet.migrateChain('alpha', ECU3).catch(() => undefined);
    await fleet.until('it is committed', () => [...fleet.truth.chains.values()].some(({ state }) => state === 'committed'));
    fleet.partitionEcu(ECU3);
    await fleet.elapse(3_000_000);
    fleet.healEcu(ECU3);
    await fleet.settle();
  },
} as const satisfies Readonly<Record<string, Story>>;
