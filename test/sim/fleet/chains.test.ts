/**
 * Chains: one task's outputs are another's data, each once and in order, whoever dies and however often; and a chain that moves as one goes
 * whole or not at all. The judges (routed-once, moves-as-one, no-lost-work) look at every message.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { managerHost } from '../../../src/app/simulation/simulated-manager.ts';
import type { FaultPointName } from '../../../src/ports/fault-points.ts';
import { CHAIN, CHAIN_ECUS, CHAIN_MIXED, chainOn } from './chain-stories.ts';
import { migrationOf } from './migration-stories.ts';
import { counted, ECU1, ECU3, epochOf, task } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const routerOf = (fleet: FleetWorld): string => fleet.truth.routes.get('route/beta')?.record.writer ?? managerHost('m1');
const NAMES = CHAIN.map(({ name }) => name);

describe('a chain', () => {
  test('gives at its end what its tasks give one after the other', async () => {
    const fleet = await chainOn();
    await fleet.elapse(2_000_000);
    await fleet.settle();
    expect(counted(fleet, 'route.outputs')).toBeGreaterThan(100);
  });

  const points: readonly FaultPointName[] = ['beforeRouteRead', 'beforeRoute', 'afterRoute'];
  for (const action of ['kill', 'freeze'] as const) {
    test.each(points)(`whose router is ${action === 'kill' ? 'killed' : 'stopped for a while'} %s`, async (point) => {
      for (const nth of [1, 7]) {
        const hosts = ['m1', 'm2'].map(managerHost);
        const scripted = hosts.map((host) => ({ host, point, nth, action, forUs: 900_000 }));
        const fleet = await chainOn({ world: { scripted } });
        await fleet.elapse(1_500_000);
        await fleet.settle();
      }
    });
  }

  test('whose source is restored again and again, and repeats what was accepted', async () => {
    const fleet = await chainOn();
    for (let times = 0; times < 3; times++) {
      const owner = fleet.owner('alpha') as string;
      fleet.killEcu(owner);
      await fleet.until('it runs elsewhere', () => fleet.runs('alpha') && fleet.owner('alpha') !== owner);
      fleet.startEcu(owner);
      await fleet.elapse(300_000);
    }
    await fleet.settle();
    expect(epochOf(fleet, 'alpha')).toBe(4);
  });

  test('two routers at once: one is stopped, another takes over, the first goes on', async () => {
    const fleet = await chainOn();
    const first = routerOf(fleet);
    const host = fleet.world.host(first);
    host.freeze();
    await fleet.until('another routes', () => routerOf(fleet) !== first);
    await fleet.elapse(300_000);
    host.thaw();
    await fleet.elapse(1_000_000);
    await fleet.settle();
  });

  test('the broker restarts while its router dies, and ids are forgotten', async () => {
    const fleet = await chainOn({ duplicateWindowUs: 200_000 });
    fleet.world.broker.restart(400_000);
    const routing = routerOf(fleet).slice('manager.'.length);
    fleet.killManager(routing);
    await fleet.elapse(1_000_000);
    fleet.startManager(routing);
    await fleet.elapse(500_000);
    await fleet.settle();
  });

  test('data by hand in between change nothing about the route', async () => {
    const fleet = await chainOn();
    fleet.feed({ task: 'beta', count: 150, everyUs: 3_000 });
    await fleet.until('it is fed', () => fleet.client.fed());
    await fleet.settle();
  });

  test('a task of it is taken away and declared again: its route goes on where it was', async () => {
    const fleet = await chainOn();
    await fleet.done(fleet.remove('beta'));
    await fleet.until('it is gone', () => fleet.truth.placements.get('beta')?.state === 'removed');
    await fleet.until('nobody routes to it', () => fleet.truth.routes.get('route/beta')?.state === 'idle');
    await fleet.elapse(500_000);
    expect(await fleet.done(fleet.declare(CHAIN[1] as (typeof CHAIN)[number]))).toEqual({ kind: 'accepted' });
    await fleet.settle();
  });

  test('is refused where it would begin nowhere, or feed itself', async () => {
    const fleet = await chainOn();
    const from = (name: string, source: string) => task(name, { inputs: { from: source } });
    const refusal = async (...draft: [string, string]) => {
      const answer = await fleet.done(fleet.client.call({ kind: 'declare-task', spec: fleet.spec(from(...draft)) }));
      return answer.kind === 'refused' ? `${answer.code} ${answer.sentence}` : answer.kind;
    };
    expect(await refusal('delta', 'nobody')).toMatch(/ERR_CHAIN.*deploy nobody first/);
    await fleet.done(fleet.remove('alpha'));
    await fleet.until('it is gone', () => fleet.truth.placements.get('alpha')?.state === 'removed');
    expect(await refusal('alpha', 'gamma')).toMatch(/ERR_CHAIN.*alpha → beta → gamma → alpha/);
    await fleet.done(fleet.declare(CHAIN[0] as (typeof CHAIN)[number]));
    await fleet.settle();
  });
});

const chainNow = (fleet: FleetWorld) => [...fleet.truth.chains.values()].at(-1);
const allOn = (fleet: FleetWorld, mac: string): boolean => NAMES.every((name) => fleet.owner(name) === mac && fleet.runs(name));

describe('a chain that moves as one', () => {
  test('goes to one ECU', async () => {
    const fleet = await chainOn();
    expect(await fleet.done(fleet.migrateChain('beta', ECU3))).toMatchObject({ kind: 'chain', plan: { target: ECU3 } });
    await fleet.until('all are there', () => allOn(fleet, ECU3));
    await fleet.settle();
    expect(chainNow(fleet)?.state).toBe('done');
  });

  test('does not where one of its tasks has no room: all go on where they were', async () => {
    const ecus = CHAIN_ECUS.map((plan) => (plan.mac === ECU3 ? { ...plan, memoryBytes: 2 * 16 * 1024 * 1024 } : plan));
    const fleet = await chainOn({ ecus });
    const before = NAMES.map((name) => epochOf(fleet, name));
    const answer = await fleet.done(fleet.migrateChain('beta', ECU3));
    expect(answer).toMatchObject({ kind: 'refused', code: 'ERR_NO_PLACE' });
    await fleet.settle();
    expect(NAMES.map((name) => epochOf(fleet, name))).toEqual(before);
  });

  const membersOf = (fleet: FleetWorld) => NAMES.map((name) => migrationOf(fleet, name)?.context);

  test('is kept up with by its target: none of its tasks stands still', async () => {
    const fleet = await chainOn();
    await fleet.done(fleet.migrateChain('beta', ECU3));
    await fleet.until('all are there', () => allOn(fleet, ECU3));
    await fleet.settle();
    expect(membersOf(fleet).map((member) => member?.following)).toEqual([true, true, true]);
    expect(counted(fleet, 'restore.followed')).toBe(3);
  });

  test('with one that cannot be kept up with: that one stands still, the others do not, and they go together', async () => {
    const fleet = await chainOn({ tasks: CHAIN_MIXED });
    const answer = await fleet.done(fleet.migrateChain('beta', ECU3));
    const why = expect.stringMatching(/runtime process/);
    expect(answer).toMatchObject({ plan: { members: [{ task: 'alpha' }, { task: 'beta', standsStillFor: why }, {}] } });
    await fleet.until('all are there', () => allOn(fleet, ECU3));
    await fleet.settle();
    expect(chainNow(fleet)?.state).toBe('done');
    expect(membersOf(fleet).map((member) => member?.following)).toEqual([true, undefined, true]);
    expect(membersOf(fleet)[1]?.standsStillFor).toMatch(/runtime process/);
    expect(counted(fleet, 'restore.followed')).toBe(2);
  });

  test('whose kept up state is lost between its word and the marker: it begins from the copy, and nothing is lost', async () => {
    const fleet = await chainOn();
    void fleet.migrateChain('beta', ECU3).catch(() => undefined);
    await fleet.until('it is committed', () => chainNow(fleet)?.state === 'committed');
    fleet.ecus.get(ECU3)?.breakProgram('beta');
    await fleet.until('all are there', () => allOn(fleet, ECU3));
    await fleet.settle();
    expect([chainNow(fleet)?.state, counted(fleet, 'restore.followed')]).toEqual(['done', 2]);
  });

  const REVISIONS = [1, 2, 3, 4];
  const VICTIMS = [
    'the target',
    'a source',
    'both sides',
    'the manager',
    'the target is cut off',
    'the target stops for a while',
  ];
  const KINDS = [
    ['kept up with', CHAIN, REVISIONS],
    ['of which one has to stand still', CHAIN_MIXED, [3, 4]],
  ] as const;
  const cases = KINDS.flatMap(([kind, tasks, revisions]) =>
    VICTIMS.flatMap((victim) => revisions.map((revision) => ({ kind, tasks, victim, revision }))),
  );
  test.each(cases)('$kind: $victim, when the chain’s record is at revision $revision', async ({ tasks, victim, revision }) => {
    const fleet = await chainOn({ tasks });
    void fleet.migrateChain('beta', ECU3).catch(() => undefined);
    await fleet.until(
      'it is there',
      () => (chainNow(fleet)?.record.revision ?? 0) >= revision || chainNow(fleet)?.state === 'done',
    );
    const manager = (chainNow(fleet)?.record.writer ?? '').slice('manager.'.length);
    if (victim === 'the target' || victim === 'both sides') fleet.killEcu(ECU3);
    if (victim === 'a source' || victim === 'both sides') fleet.killEcu(fleet.owner('alpha') ?? ECU1);
    if (victim === 'the manager') fleet.killManager(manager);
    if (victim === 'the target is cut off') fleet.partitionEcu(ECU3);
    if (victim === 'the target stops for a while') fleet.freezeEcu(ECU3);
    await fleet.elapse(1_500_000);
    fleet.healEcu(ECU3);
    fleet.thawEcu(ECU3);
    if (victim === 'the manager') fleet.startManager(manager);
    else for (const { mac } of CHAIN_ECUS) fleet.startEcu(mac);
    await fleet.settle();
    expect(['done', 'aborted']).toContain(chainNow(fleet)?.state);
  });

  const STEPS: readonly FaultPointName[] = ['beforeAppend', 'afterAppend', 'beforeEffect', 'afterEffect'];
  test.each(STEPS)('whose manager dies %s, at each of its steps', async (point) => {
    const ends = new Set<string | undefined>();
    for (const nth of [1, 5, 11, 19, 28, 37]) {
      const fleet = await chainOn();
      const { plan } = fleet.world;
      void fleet.migrateChain('beta', ECU3).catch(() => undefined);
      await fleet.until('it is proposed', () => chainNow(fleet) !== undefined);
      const host = chainNow(fleet)?.record.writer ?? '';
      plan.script({ host, point, nth: plan.count(host, point) + nth, action: 'kill' });
      await fleet.elapse(1_500_000);
      fleet.startManager(host.slice('manager.'.length));
      await fleet.settle();
      ends.add(chainNow(fleet)?.state);
    }
    expect(ends).toContain('done');
  });
});
