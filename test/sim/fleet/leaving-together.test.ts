/**
 * The tasks of a chain leave an ECU together: one that is drained, and one that is foreseen to fail. Where no ECU takes all of them, or the way
 * there fails, they go one by one and say why; none is left behind. The judges (moves-as-one, routed-once, no-lost-work) look at every message.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { CHAIN_ECUS } from './chain-stories.ts';
import { counted, ECU1, ECU2, ECU3, epochOf, type StageOptions, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const ON_FIRST = { affinity: { preferredEcus: [ECU1] } };
const NAMES = ['alpha', 'beta', 'gamma'];
const chain = (more: Parameters<typeof task>[1] = {}) => [
  task('alpha', { ...ON_FIRST, ...more }),
  task('beta', { ...ON_FIRST, ...more, periodUs: 0, inputs: { from: 'alpha' } }),
  task('gamma', { ...ON_FIRST, ...more, periodUs: 0, inputs: { from: 'beta' } }),
];

async function chainOnFirst(more: StageOptions = {}): Promise<FleetWorld> {
  const fleet = await stage({ ecus: CHAIN_ECUS, tasks: chain(), ...more });
  await fleet.until('something comes out at the end', () => (fleet.truth.sinceMarker.get('gamma') ?? 0) > 10);
  return fleet;
}

const isEmpty = (fleet: FleetWorld, mac: string): boolean =>
  tasksOn(fleet, mac).length === 0 && [...fleet.wanted].every((name) => fleet.runs(name));
const places = (fleet: FleetWorld): readonly (string | undefined)[] => [...new Set(NAMES.map((name) => fleet.owner(name)))];
const epochs = (fleet: FleetWorld): readonly number[] => NAMES.map((name) => epochOf(fleet, name));
const chains = (fleet: FleetWorld) => [...fleet.truth.chains.values()];
const reasonsOf = (fleet: FleetWorld, name: string): string[] =>
  [...fleet.truth.migrations.values()].flatMap(({ context: { cause } }) => (cause?.task === name ? [cause.reason] : []));

describe('an ECU that is to be empty', () => {
  test('is left by a chain as one, for one ECU', async () => {
    const fleet = await chainOnFirst();
    expect(tasksOn(fleet, ECU1)).toEqual(NAMES);
    await fleet.done(fleet.drain(ECU1));
    await fleet.until('it is empty', () => isEmpty(fleet, ECU1));
    await fleet.settle();
    expect(places(fleet)).toHaveLength(1);
    expect(epochs(fleet)).toEqual([2, 2, 2]);
    expect(chains(fleet).map(({ state, context }) => [state, context.cause?.opcode])).toEqual([['done', 'drain']]);
    expect(reasonsOf(fleet, 'beta')).toEqual([expect.stringMatching(/is to be empty \(the chain of alpha, beta, gamma\)/)]);
  });

  test('is left by those of a chain that run there; the others stay where they are', async () => {
    const [alpha, beta, gamma] = chain();
    const elsewhere = { ...alpha, affinity: { preferredEcus: [ECU2] } };
    const tasks = [elsewhere, beta, gamma] as ReturnType<typeof chain>;
    const fleet = await chainOnFirst({ tasks });
    expect(tasksOn(fleet, ECU1)).toEqual(['beta', 'gamma']);
    await fleet.done(fleet.drain(ECU1));
    await fleet.until('it is empty', () => isEmpty(fleet, ECU1));
    await fleet.settle();
    expect(fleet.owner('beta')).toBe(fleet.owner('gamma'));
    expect(epochs(fleet)).toEqual([1, 2, 2]);
  });

  test('is left one by one where no ECU takes all of them, and each says why', async () => {
    const room = 2 * 16 * 1024 * 1024;
    const ecus = CHAIN_ECUS.map((plan) => (plan.mac === ECU1 ? plan : { ...plan, memoryBytes: room }));
    const fleet = await chainOnFirst({ ecus });
    expect(tasksOn(fleet, ECU1)).toEqual(NAMES);
    await fleet.done(fleet.drain(ECU1));
    await fleet.until('it is empty', () => isEmpty(fleet, ECU1));
    await fleet.settle();
    expect(epochs(fleet)).toEqual([2, 2, 2]);
    // The first of them says it; of the two that are left some may go together then.
    const said = NAMES.flatMap((name) => reasonsOf(fleet, name)).filter((reason) =>
      /one by one: no ECU takes all/.test(reason),
    );
    expect(said.length).toBeGreaterThan(0);
    expect(counted(fleet, 'chain.leftOneByOne')).toBeGreaterThan(0);
  });

  const VICTIMS = [
    ['the target', [1, 2, 3]],
    ['the manager', [2]],
    ['the target is cut off', [2]],
  ] as const;
  for (const [victim, revisions] of VICTIMS) {
    test.each(revisions)(`${victim}, at revision %i of the chain that leaves: none is left behind`, async (revision) => {
      const fleet = await chainOnFirst();
      await fleet.done(fleet.drain(ECU1));
      const first = () => chains(fleet)[0];
      await fleet.until('it is there', () => (first()?.record.revision ?? 0) >= revision || first()?.state === 'done');
      const target = first()?.context.cause?.target ?? ECU2;
      const manager = (first()?.record.writer ?? '').slice('manager.'.length);
      if (victim === 'the target') fleet.killEcu(target);
      else if (victim === 'the manager') fleet.killManager(manager);
      else fleet.partitionEcu(target);
      await fleet.until('the first is empty', () => isEmpty(fleet, ECU1), 60_000_000);
      if (victim === 'the target is cut off') fleet.healEcu(target);
      if (victim === 'the manager') fleet.startManager(manager);
      if (victim === 'the target') fleet.startEcu(target);
      await fleet.settle();
      expect(tasksOn(fleet, ECU1)).toEqual([]);
    });
  }

  test('gives no more away at a time than it may: a chain that is longer goes when nothing else does', async () => {
    // By one manager: of two, each counts what it has heard of the other's.
    const alone = { checkpoint: { intervalUs: 30_000, quorum: 1 } };
    const singles = ['one', 'two', 'three'].map((name) => task(name, { ...ON_FIRST, ...alone }));
    const fleet = await chainOnFirst({ managers: [{ name: 'm1' }], tasks: [...singles, ...chain(alone)] });
    await fleet.done(fleet.drain(ECU1));
    const seen = new Set<string>();
    await fleet.until('it is empty', () => {
      const open = fleet.truth.openMigrations().map((actor) => fleet.truth.migrations.get(actor)?.context.cause?.task ?? '');
      // What has gone may still have its end to write.
      const leaving = open.filter((name) => fleet.owner(name) === ECU1);
      const ofChain = leaving.filter((name) => NAMES.includes(name));
      if (leaving.length > 2) expect([leaving.length, ofChain.length]).toEqual([3, 3]);
      for (const name of leaving) seen.add(name);
      return isEmpty(fleet, ECU1);
    });
    expect([...seen].sort()).toEqual([...NAMES, 'one', 'two', 'three'].sort());
    await fleet.settle();
    expect(places(fleet)).toHaveLength(1);
  });
});

describe('an ECU that is foreseen to fail', () => {
  const SLOW = { checkpoint: { intervalUs: 500_000, quorum: 2 } };
  const with_ = (mac: string, sensors: SensorProfile, more: Partial<EcuPlan> = {}): EcuPlan => ({
    ...{ mac, metrics: { everyUs: 200_000, keptEveryUs: 0, sensors } },
    ...more,
  });
  const HEATING = { ...SENSOR_PROFILES.heating, after: 10, limit: 85 };
  const heated = (more: Partial<EcuPlan> = {}): EcuPlan[] => [
    with_(ECU1, HEATING),
    with_(ECU2, SENSOR_PROFILES.calm, more),
    with_(ECU3, SENSOR_PROFILES.calm, more),
  ];
  const tasks = chain({ ...SLOW, periodUs: 100_000 });

  test('is left by a chain as one: each proposal names the others, and each migration its proposal', async () => {
    const fleet = await chainOnFirst({ ecus: heated(), predicts: true, tasks });
    expect(tasksOn(fleet, ECU1)).toEqual(NAMES);
    await fleet.until('the ECU is empty', () => isEmpty(fleet, ECU1), 70_000_000);
    fleet.killEcu(ECU1);
    await fleet.elapse(1_000_000);
    await fleet.settle();
    expect(places(fleet)).toHaveLength(1);
    expect(epochs(fleet)).toEqual([2, 2, 2]);
    expect(chains(fleet).filter(({ state }) => state === 'done')).toHaveLength(1);
    for (const name of NAMES) {
      const { takenBy = '' } = fleet.truth.placements.get(name)?.context ?? {};
      const cause = fleet.truth.migrations.get(takenBy)?.context.cause;
      expect(cause).toMatchObject({ opcode: 'forecast', proposal: { id: expect.stringContaining(`.${name}.1.`) } });
      expect(cause?.reason).toMatch(/foreseen to get too hot.*\(the chain of alpha, beta, gamma\)/);
    }
    // Each of them counts as a proposal, at each of the two managers.
    expect(counted(fleet, 'predictor.proposed')).toBe(2 * NAMES.length);
  });

  test('is left one by one where no ECU takes all of them, before it dies', async () => {
    const fleet = await chainOnFirst({ ecus: heated({ memoryBytes: 2 * 16 * 1024 * 1024 }), predicts: true, tasks });
    expect(tasksOn(fleet, ECU1)).toEqual(NAMES);
    await fleet.until('the ECU is empty', () => isEmpty(fleet, ECU1), 70_000_000);
    fleet.killEcu(ECU1);
    await fleet.elapse(1_000_000);
    await fleet.settle();
    expect(epochs(fleet)).toEqual([2, 2, 2]);
    for (const name of NAMES)
      expect(reasonsOf(fleet, name).at(-1)).toMatch(/foreseen to get too hot.*one by one: no ECU takes all/);
  });
});
