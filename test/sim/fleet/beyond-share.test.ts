/**
 * What a fleet of five managers answers and does where the way leads out of the share of whoever decides: targets, chains, hints, reservations,
 * sleepers and forecasts of ECUs that others watch. In every story the managers that keep the first ECU keep none of the others.
 */
import { describe, expect, test, vi } from 'vitest';
import { type FleetWorld, macOf } from '../../../src/app/simulation/fleet-world.ts';
import type { EcuPlan } from '../../../src/app/simulation/simulated-ecu.ts';
import { SENSOR_PROFILES, type SensorProfile } from '../../../src/domain/metrics/sensor-profile.ts';
import { Shares } from '../../../src/domain/placement/shares.ts';
import { build, counted, epochOf, type StageOptions, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 240_000 });

const MANAGERS = ['m1', 'm2', 'm3', 'm4', 'm5'];
const HOME = macOf(1);
const shares = new Shares('m1');
shares.setLiving(MANAGERS);
const keepersOf = (mac: string): readonly string[] => shares.keepersOf(mac);
/** ECUs that nobody keeps who keeps the first. */
const BEYOND = Array.from({ length: 200 }, (_, at) => macOf(at + 2)).filter(
  (mac) => !keepersOf(mac).some((manager) => keepersOf(HOME).includes(manager)),
);
const [FIRST = '', SECOND = '', THIRD = ''] = BEYOND;

const HOUR = 3_600_000_000;
const ROOM = 16 * 1024 * 1024;
const SLOW = { periodUs: 100_000, checkpoint: { intervalUs: 500_000, quorum: 2 } };
const AT_HOME = { affinity: { preferredEcus: [HOME] } };
const plans = (...macs: readonly string[]): EcuPlan[] => macs.map((mac) => ({ mac }));
const shared = (more: StageOptions): Promise<FleetWorld> => stage({ managers: MANAGERS.map((name) => ({ name })), ...more });

const allRun = (fleet: FleetWorld): boolean => [...fleet.wanted].every((name) => fleet.runs(name));
const isEmpty = (fleet: FleetWorld, mac: string): boolean => tasksOn(fleet, mac).length === 0 && allRun(fleet);

describe('a failure that is foreseen', () => {
  const with_ = (mac: string, sensors: SensorProfile, more: Partial<EcuPlan> = {}): EcuPlan => ({
    ...{ mac, metrics: { everyUs: 1_000_000, keptEveryUs: 0, sensors } },
    ...more,
  });
  const CALM = SENSOR_PROFILES.calm;
  const HEATING = { ...SENSOR_PROFILES.heating, after: 10, limit: 85 };
  const NAMES = ['alpha', 'beta'];
  const tasks = NAMES.map((name) => task(name, { ...SLOW, ...AT_HOME }));

  test('of a target of another share as well: nobody is sent there, though all else speaks for it', async () => {
    const ecus = [with_(HOME, HEATING), with_(FIRST, HEATING), with_(SECOND, CALM)];
    const drawn = tasks.map((draft) => ({ ...draft, affinity: { preferredEcus: [HOME, FIRST] } }));
    const fleet = await shared({ ecus, tasks: drawn, predicts: true });
    const began = tasksOn(fleet, HOME);
    expect(began).not.toEqual([]);
    await fleet.until('both are empty', () => isEmpty(fleet, HOME) && isEmpty(fleet, FIRST), 70_000_000);
    for (const name of NAMES) expect([fleet.owner(name), epochOf(fleet, name)]).toEqual([SECOND, 2]);
    await fleet.settle();
  });

  test('of all targets that there are: who is foreseen to die takes nobody, and says so', async () => {
    // It begins before the other, which is at its limit some 35 s from now.
    const ecus = [with_(HOME, HEATING), with_(FIRST, { ...HEATING, after: 3 })];
    const fleet = await shared({ ecus, tasks, predicts: true });
    const before = NAMES.map((name) => [fleet.owner(name), epochOf(fleet, name)]);
    await fleet.elapse(40_000_000);
    expect(NAMES.map((name) => [fleet.owner(name), epochOf(fleet, name)])).toEqual(before);
    await fleet.settle();
  });

  test('by whom a target is kept that is asked for: its forecast stands in the estimate', async () => {
    const fleet = await shared({
      ecus: [with_(HOME, CALM), with_(FIRST, HEATING), with_(SECOND, CALM)],
      tasks,
      predicts: true,
    });
    const estimated = async () => {
      const said = await fleet.done(fleet.migrate('alpha', { dryRun: true }));
      if (said.kind !== 'estimate') throw new Error(said.kind);
      return new Map(said.estimate.candidates.map((one) => [one.mac, one]));
    };
    let candidates = await estimated();
    for (let second = 0; second < 60 && candidates.get(FIRST)?.shunned === undefined; second++) {
      await fleet.elapse(1_000_000);
      candidates = await estimated();
    }
    expect(candidates.get(FIRST)?.shunned).toMatch(/foreseen/);
    expect(candidates.get(FIRST)?.cost.gain).toBeLessThan(-0.5);
    expect(candidates.get(SECOND)?.shunned).toBeUndefined();
    expect(candidates.get(SECOND)?.performance).toBeDefined();
    // Whoever says where takes that upon themselves.
    expect(await fleet.done(fleet.migrate('alpha', { target: FIRST }))).toEqual({ kind: 'accepted' });
    await fleet.settle();
  });

  test('leads a chain out of the share as one', async () => {
    const ecus = [with_(HOME, HEATING), with_(FIRST, CALM), with_(SECOND, CALM)];
    const chain = [
      task('alpha', { ...SLOW, ...AT_HOME }),
      task('beta', { ...SLOW, ...AT_HOME, periodUs: 0, inputs: { from: 'alpha' } }),
    ];
    const fleet = await shared({ ecus, tasks: chain, predicts: true });
    expect(tasksOn(fleet, HOME)).toEqual(NAMES);
    await fleet.until('it is empty', () => isEmpty(fleet, HOME), 70_000_000);
    await fleet.settle();
    expect(fleet.owner('alpha')).toBe(fleet.owner('beta'));
    expect([...fleet.truth.chains.values()].map(({ state }) => state)).toEqual(['done']);
  });
});

describe('a chain', () => {
  const chain = [
    task('alpha', { ...SLOW, ...AT_HOME }),
    task('beta', { ...SLOW, ...AT_HOME, periodUs: 0, inputs: { from: 'alpha' } }),
    task('gamma', { ...SLOW, affinity: { preferredEcus: [SECOND] }, periodUs: 0, inputs: { from: 'beta' } }),
  ];
  const isAllOn = (fleet: FleetWorld, mac: string): boolean => chain.every(({ name }) => fleet.owner(name) === mac);
  const flows = (fleet: FleetWorld) => (fleet.truth.sinceMarker.get('gamma') ?? 0) > 5;
  const chained = async (): Promise<FleetWorld> => {
    const fleet = await shared({ ecus: plans(HOME, FIRST, SECOND), tasks: chain });
    await fleet.until('something comes out at the end', () => flows(fleet));
    return fleet;
  };

  test('goes as one to an ECU of another share that is asked for, whoever is asked', async () => {
    const fleet = await chained();
    for (const target of [FIRST, HOME, FIRST, HOME]) {
      expect(await fleet.done(fleet.migrateChain('beta', target))).toMatchObject({ kind: 'chain', plan: { target } });
      await fleet.until('all are there', () => allRun(fleet) && isAllOn(fleet, target));
      await fleet.elapse(1_000_000);
    }
    await fleet.settle();
  });

  test('goes as one to the only ECU that takes all of it, whoever is asked', async () => {
    const [roomy = '', ...rest] = BEYOND.slice(0, 24);
    const small = rest.map((mac) => ({ mac, memoryBytes: 2 * ROOM }));
    const fleet = await shared({ ecus: [{ mac: HOME, memoryBytes: 2 * ROOM }, { mac: roomy }, ...small], tasks: chain });
    expect(isAllOn(fleet, roomy)).toBe(false);
    expect(await fleet.done(fleet.migrateChain('beta'))).toMatchObject({ kind: 'chain', plan: { target: roomy } });
    await fleet.until('all are there', () => allRun(fleet) && isAllOn(fleet, roomy));
    await fleet.settle();
  });

  test('leaves an ECU that is drained as one, though its share has no other', async () => {
    const fleet = await chained();
    await fleet.done(fleet.drain(HOME));
    await fleet.until('it is empty', () => isEmpty(fleet, HOME));
    await fleet.settle();
    expect(fleet.owner('alpha')).toBe(fleet.owner('beta'));
    expect([...fleet.truth.chains.values()].map(({ state }) => state)).toEqual(['done']);
    expect(counted(fleet, 'chain.leftOneByOne')).toBe(0);
  });

  test('is drawn to where its companion runs, in whichever share', async () => {
    const drawn = chain.slice(0, 2).map((draft) => ({ ...draft, affinity: { ...draft.affinity, together: ['other'] } }));
    const fleet = await shared({ ecus: plans(HOME, ...BEYOND.slice(0, 24)), tasks: drawn });
    expect(tasksOn(fleet, HOME)).toEqual(['alpha', 'beta']);
    await fleet.done(fleet.declare(task('other', { affinity: { requiredEcus: [THIRD] } })));
    await fleet.until('it runs', () => fleet.runs('other'));
    await fleet.done(fleet.drain(HOME));
    await fleet.until('it is empty', () => isEmpty(fleet, HOME));
    expect(['alpha', 'beta'].map((name) => fleet.owner(name))).toEqual([THIRD, THIRD]);
    await fleet.settle();
  });
});

describe('a target of another share', () => {
  test('takes a task by name, by dry run, and where nobody says where', async () => {
    const fleet = await shared({ ecus: plans(HOME, FIRST, SECOND), tasks: [task('alpha', AT_HOME)] });
    const dry = await fleet.done(fleet.migrate('alpha', { dryRun: true, target: FIRST }));
    expect(dry).toMatchObject({ kind: 'estimate', estimate: { chosen: { mac: FIRST } } });
    expect(await fleet.done(fleet.migrate('alpha', { target: FIRST }))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.runs('alpha') && fleet.owner('alpha') === FIRST);
    await fleet.elapse(1_000_000);
    expect(await fleet.done(fleet.migrate('alpha'))).toEqual({ kind: 'accepted' });
    await fleet.until('it has moved', () => fleet.runs('alpha') && epochOf(fleet, 'alpha') === 3);
    await fleet.settle();
  });

  test('dies while a task is on its way there: the task stays, and may be moved again', async () => {
    const fleet = await shared({ ecus: plans(HOME, FIRST, SECOND), tasks: [task('alpha', AT_HOME)] });
    const open = () => [...fleet.truth.migrations.values()].find(({ context }) => context.cause?.task === 'alpha');
    void fleet.migrate('alpha', { target: FIRST });
    await fleet.until('it is on its way', () => (open()?.record.revision ?? 0) >= 4);
    fleet.killEcu(FIRST);
    await fleet.until('it is given up, or done', () => fleet.truth.openMigrations().length === 0, 60_000_000);
    await fleet.until('it runs', () => fleet.runs('alpha') && fleet.owner('alpha') !== FIRST);
    const to = fleet.owner('alpha') === SECOND ? HOME : SECOND;
    expect(await fleet.done(fleet.migrate('alpha', { target: to }))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.runs('alpha') && fleet.owner('alpha') === to);
    await fleet.settle();
  });

  test('is found by its label among forty, by a placement and by a migration', async () => {
    const [labelled = '', ...rest] = BEYOND.slice(0, 40);
    const ecus: EcuPlan[] = [...plans(HOME, ...rest.slice(0, 39)), { mac: labelled, labels: { zone: 'engine' } }];
    const fleet = await shared({ ecus, tasks: [] });
    const zone = { affinity: { requiredLabels: { zone: 'engine' } } };
    for (const name of ['alpha', 'beta', 'gamma']) {
      await fleet.done(fleet.declare(task(name, { ...zone, periodUs: 200_000 })));
      await fleet.until('it runs there', () => fleet.runs(name) && fleet.owner(name) === labelled, 1_500_000);
    }
    expect(Math.max(...['alpha', 'beta', 'gamma'].map((name) => epochOf(fleet, name)))).toBe(1);
    await fleet.settle();
  });

  test('is found when it alone of forty has room', async () => {
    const [roomy = '', ...rest] = BEYOND.slice(0, 40);
    const ecus = [{ mac: HOME }, { mac: roomy }, ...rest.map((mac) => ({ mac, memoryBytes: ROOM / 2 }))];
    const tasks = [task('alpha', { ...AT_HOME, periodUs: 200_000 })];
    const fleet = await shared({ ecus, tasks });
    expect(await fleet.done(fleet.migrate('alpha'))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.runs('alpha') && fleet.owner('alpha') === roomy);
    await fleet.settle();
  });
});

describe('hints', () => {
  test('a task is kept apart from one of another share that asks for it', async () => {
    const shy = task('shy', { affinity: { requiredEcus: [FIRST], apart: ['alpha'] } });
    const alpha = task('alpha', { affinity: { preferredEcus: [HOME, FIRST] } });
    const fleet = await shared({ ecus: plans(HOME, FIRST, SECOND), tasks: [shy, alpha] });
    await fleet.until('it is settled', () => allRun(fleet));
    expect(fleet.owner('alpha')).not.toBe(FIRST);
    if (fleet.owner('alpha') !== HOME) await fleet.done(fleet.migrate('alpha', { target: HOME }));
    await fleet.until('it is at home', () => fleet.runs('alpha') && fleet.owner('alpha') === HOME);
    await fleet.elapse(1_000_000);
    expect(await fleet.done(fleet.migrate('alpha', { target: FIRST }))).toMatchObject({ code: 'ERR_NO_PLACE' });
    await fleet.done(fleet.drain(HOME));
    await fleet.until('it has left', () => isEmpty(fleet, HOME));
    expect(fleet.owner('alpha')).toBe(SECOND);
    await fleet.settle();
  });

  test.each(['together', 'near'] as const)('a task goes %s with one of another share', async (hint) => {
    const partner = task('partner', { affinity: { requiredEcus: [THIRD] } });
    const others = BEYOND.slice(3, 23);
    const fleet = await shared({ ecus: plans(HOME, FIRST, SECOND, THIRD, ...others), tasks: [partner] });
    for (const name of ['alpha', 'beta', 'gamma']) {
      await fleet.done(fleet.declare(task(name, { ...SLOW, affinity: { [hint]: ['partner'] } })));
      await fleet.until('it runs with it', () => fleet.runs(name) && fleet.owner(name) === THIRD, 3_000_000);
    }
    await fleet.settle();
  });
});

describe('reservations', () => {
  test('for a task of another share, by whoever is asked', async () => {
    const tasks = [task('alpha', { affinity: { requiredEcus: [HOME] } })];
    const fleet = await shared({ ecus: plans(HOME, FIRST), tasks, reserves: true });
    await fleet.elapse(8_000_000); // what others took over is forgotten by then
    for (let one = 0; one < 6; one++) {
      const made = await fleet.done(fleet.reserve({ task: 'alpha', ecu: FIRST, inUs: HOUR, forUs: HOUR }));
      expect(made).toMatchObject({ kind: 'reserved', booking: { task: 'alpha', ecu: FIRST } });
    }
  });

  test('by a label that one of forty has', async () => {
    const [labelled = '', ...rest] = BEYOND.slice(0, 40);
    const ecus: EcuPlan[] = [...plans(HOME, ...rest), { mac: labelled, labels: { zone: 'engine' } }];
    const fleet = build({ ecus, managers: MANAGERS.map((name) => ({ name })), reserves: true });
    fleet.start();
    await fleet.elapse(1_000_000);
    for (let one = 0; one < 6; one++) {
      const made = await fleet.done(fleet.reserve({ labels: { zone: 'engine' }, cores: 0.1, inUs: HOUR, forUs: HOUR }));
      expect(made).toMatchObject({ kind: 'reserved', booking: { ecu: labelled } });
    }
  });
});

describe('sleepers of another share', () => {
  const POWER = { idleWatts: 8, busyWatts: 20, sleep: [{ name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 }] };
  const CHOICE = { afterUs: 2_000_000, restUs: 3_000_000 };
  const decider = keepersOf(FIRST)[0] ?? '';
  /** All decided over by one manager, so that some may sleep; the first of them saves the most. */
  const sleepers = BEYOND.filter((mac) => keepersOf(mac)[0] === decider).slice(0, 3);
  const [ENGINE = ''] = sleepers;
  const asleep = (fleet: FleetWorld): string[] => sleepers.filter((mac) => fleet.powerOf(mac) === 'asleep');
  const IN_ENGINE = { ...SLOW, affinity: { requiredLabels: { zone: 'engine' } } };

  async function sleeping(more: StageOptions = {}): Promise<FleetWorld> {
    const power = (mac: string) => ({ ...POWER, idleWatts: mac === ENGINE ? 16 : 8 });
    const ecus: EcuPlan[] = [{ mac: HOME }, ...sleepers.map((mac) => ({ mac, power: power(mac) }))].map((plan) =>
      plan.mac === HOME || plan.mac === ENGINE ? { ...plan, labels: { zone: 'engine' } } : plan,
    );
    const tasks = [task('alpha', { ...IN_ENGINE, affinity: { ...IN_ENGINE.affinity, preferredEcus: [HOME] } })];
    const fleet = await shared({ ecus, tasks, power: CHOICE, ...more });
    await fleet.until('that one sleeps', () => asleep(fleet).includes(ENGINE) && allRun(fleet), 120_000_000);
    return fleet;
  }

  test('are woken for a task that finds no place', async () => {
    const fleet = await sleeping();
    // Who looks after it while it runs nowhere does not decide over that one.
    const names = Array.from({ length: 40 }, (_, at) => `task-${at}`);
    const name = names.find((one) => !keepersOf(one).includes(decider)) ?? '';
    fleet.killEcu(HOME);
    await fleet.done(fleet.declare(task(name, IN_ENGINE)));
    await fleet.until('it runs', () => fleet.runs(name) && fleet.owner(name) === ENGINE, 60_000_000);
    expect(counted(fleet, 'power.wokenBeyond')).toBeGreaterThan(0);
    await fleet.until('and what had run at home', () => allRun(fleet), 60_000_000);
    await fleet.settle();
  });

  test('are woken for an ECU that is to be empty', async () => {
    const fleet = await sleeping();
    expect(tasksOn(fleet, HOME)).toEqual(['alpha']);
    await fleet.done(fleet.drain(HOME));
    await fleet.until('it is empty', () => isEmpty(fleet, HOME), 60_000_000);
    expect(fleet.owner('alpha')).toBe(ENGINE);
    await fleet.settle();
  });

  test('are left asleep where somebody who is awake can take it', async () => {
    const fleet = await sleeping();
    await fleet.done(fleet.declare(task('beta', SLOW)));
    await fleet.until('it runs', () => fleet.runs('beta'));
    await fleet.elapse(20_000_000);
    expect(counted(fleet, 'power.wokenBeyond')).toBe(0);
    await fleet.settle();
  });

  test('can be reserved', async () => {
    const fleet = await sleeping({ reserves: true });
    const [mac = ''] = asleep(fleet);
    for (let one = 0; one < 6; one++) {
      const made = await fleet.done(fleet.reserve({ ecu: mac, cores: 0.1, inUs: HOUR, forUs: HOUR }));
      expect(made).toMatchObject({ kind: 'reserved', booking: { ecu: mac } });
    }
  });
});
