/** Checkpoints tried in a sandbox: what is whole is proven, what was damaged before it was digested is refuted, and nothing is guessed. */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { FleetTask } from '../../../src/domain/protocol/messages.ts';
import { streams, taskSubject } from '../../../src/domain/protocol/subjects.ts';
import { counted, ECU1, ECU2, someOwner, stage, task } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

const PER_MINUTE = 600;
const NAMES = { shardCount: 1 };

/** What each manager shows of the task. */
const shown = (fleet: FleetWorld, name: string): (FleetTask | undefined)[] =>
  [...fleet.managers.values()].map(({ manager }) => manager?.fleet().tasks.find((one) => one.task === name));

const byAll = (fleet: FleetWorld, name: string, holds: (task: FleetTask) => boolean): boolean =>
  shown(fleet, name).every((one) => one !== undefined && holds(one));

describe('a checkpoint that is tried', () => {
  test('is proven when it is whole; every manager shows it, and each proves its share', async () => {
    const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
    const fleet = await stage({ tasks: names.map((name) => task(name)), provesPerMinute: PER_MINUTE });
    await fleet.until('every task is proven', () =>
      names.every((name) => byAll(fleet, name, (one) => one.proven !== undefined)),
    );
    for (const name of names) {
      const [first, second] = shown(fleet, name);
      expect(first?.proven).toMatchObject({ epoch: 1, by: expect.stringMatching(/^m[12]$/) });
      expect(first?.proven?.outputs).toBeGreaterThan(0);
      expect(first?.proven?.jobs).toBeGreaterThan(0);
      expect(second?.proven?.by).toBe(first?.proven?.by);
    }
    expect(new Set(names.map((name) => shown(fleet, name)[0]?.proven?.by))).toEqual(new Set(['m1', 'm2']));
    expect(counted(fleet, 'prover.refuted')).toBe(0);
    await fleet.settle();
  });

  test('goes on being proven by the manager that stays', async () => {
    const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
    const fleet = await stage({ tasks: names.map((name) => task(name)), provesPerMinute: PER_MINUTE });
    fleet.killManager('m2');
    const m1 = () => fleet.managers.get('m1')?.manager?.fleet().tasks ?? [];
    await fleet.until('m1 has proven every task', () => m1().length === 5 && m1().every(({ proven }) => proven?.by === 'm1'));
  });

  test('is refuted when it was damaged before it was digested, loudly, and a whole one is proven after it', async () => {
    let isBad = false;
    const damaging = ({ name }: { readonly name: string }, memory: Uint8Array): void => {
      if (isBad && name === 'alpha') memory.fill(0xa5, 0, 3 * 4096);
    };
    const fleet = await stage({
      tasks: [task('alpha'), task('beta')],
      provesPerMinute: PER_MINUTE,
      world: { runtime: { damaging } },
    });
    isBad = true;
    await fleet.until('alpha is refuted', () => byAll(fleet, 'alpha', ({ refuted }) => refuted !== undefined));
    const [refuted] = shown(fleet, 'alpha');
    expect(counted(fleet, 'prover.refuted')).toBeGreaterThan(0);
    expect(fleet.story(400)).toMatch(/a checkpoint is refuted.*output \d+ (differs|goes to channel|is in the stream)/);
    expect(byAll(fleet, 'beta', (one) => one.refuted === undefined)).toBe(true);
    isBad = false;
    const bad = refuted?.refuted?.sequence ?? 0;
    await fleet.until('a later one is proven', () => byAll(fleet, 'alpha', ({ proven }) => (proven?.sequence ?? 0) > bad));
    expect(byAll(fleet, 'alpha', (one) => one.refuted === undefined)).toBe(true);
    fleet.killEcu(someOwner(fleet));
    await fleet.settle();
  });

  test('waits while a restore is under way', async () => {
    const names = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
    const fleet = await stage({ tasks: names.map((name) => task(name)), provesPerMinute: 6_000 });
    const tried = (): number =>
      ['proven', 'inconclusive', 'refuted'].reduce((sum, verdict) => sum + counted(fleet, `prover.${verdict}`), 0);
    await fleet.until('trials are made', () => tried() > 10);
    const dead = someOwner(fleet);
    const target = dead === ECU1 ? ECU2 : ECU1;
    fleet.killEcu(dead);
    // Whoever is to take the tasks hangs, so that the restore stays under way.
    fleet.freezeEcu(target);
    await fleet.until('a restore is under way', () => fleet.truth.openArbiters().length > 0);
    await fleet.elapse(5_000); // until every manager has heard of it
    const before = tried();
    await fleet.elapse(100_000);
    expect(fleet.truth.openArbiters()).not.toEqual([]);
    expect(tried()).toBe(before);
    fleet.thawEcu(target);
    await fleet.until('trials go on', () => tried() > before + 10);
  });

  test('is neither when the inputs after it are gone, and the reason is said', async () => {
    const draft = task('alpha', { periodUs: 0, deadlineUs: 10_000 });
    // The first trial comes after everything was fed.
    const fleet = await stage({ tasks: [draft], provesPerMinute: 10 });
    await fleet.until('all is fed and read', () => fleet.atRest());
    await fleet.elapse(200_000);
    const m1 = fleet.world.host('manager.m1').process();
    if (m1 === undefined) throw new Error('m1 runs');
    const { bus } = await fleet.done(fleet.world.portsOf(m1, { connection: 'janitor of the test' }));
    await fleet.done(bus.purge(streams.inputs(0), { subject: taskSubject.data(NAMES, 'alpha'), keep: 1 }));
    await fleet.until('alpha was tried', () => byAll(fleet, 'alpha', ({ tried }) => tried !== undefined));
    const [first] = shown(fleet, 'alpha');
    expect(first?.tried).toMatchObject({ verdict: 'inconclusive', why: expect.stringMatching(/trimmed/) });
    expect(first).toMatchObject({ proven: undefined, refuted: undefined });
    expect(counted(fleet, 'prover.inconclusive')).toBeGreaterThan(0);
  });

  test('is none where proving is off', async () => {
    const fleet = await stage({ tasks: [task('alpha')] });
    await fleet.elapse(3_000_000);
    expect(shown(fleet, 'alpha').map((one) => one?.tried)).toEqual([undefined, undefined]);
  });
});
