/**
 * Migration: a running task goes elsewhere without a gap. Whatever dies, and whenever, either the source goes on as if nothing had been,
 * or the target owns the task; the judges (atomic-migration, single-writer, no-lost-work) look at every message.
 */
import { describe, expect, test, vi } from 'vitest';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import type { MigrationMode } from '../../../src/domain/migration/estimate.ts';
import { migrationOf } from './migration-stories.ts';
import { counted, ECU1, ECU2, ECU3, epochOf, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const THREE = [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }];
const MODES: readonly MigrationMode[] = ['live', 'stop-and-copy', 'cold'];

describe('a migration', () => {
  test.each(MODES)('%s: it goes on where it was sent, from the very state, and the source is stopped', async (mode) => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const from = fleet.owner('alpha') as string;
    const to = THREE.map(({ mac }) => mac).find((mac) => mac !== from) as string;
    expect(await fleet.done(fleet.migrate('alpha', { target: to, mode }))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.owner('alpha') === to && fleet.runs('alpha'));
    await fleet.settle();
    expect(migrationOf(fleet)).toMatchObject({ state: 'done', context: { mode, epoch: 2 } });
    expect(counted(fleet, 'restore.followed')).toBe(mode === 'live' ? 1 : 0);
    // Only one that stands still is not met by the marker. (A live one may have been told to by then.)
    if (mode !== 'live') expect(counted(fleet, 'instance.ended.ERR_FENCED')).toBe(mode === 'cold' ? 1 : 0);
    expect(fleet.ecus.get(from)?.bridge?.running().get('alpha')).toBeUndefined();
  });
});

const elsewhere = (mac: string): string => THREE.map((ecu) => ecu.mac).find((other) => other !== mac) as string;

/** A migration of alpha under way; what befalls whom is left to the caller. */
async function underWay(mode: MigrationMode, more: Parameters<typeof stage>[0] = {}) {
  const fleet = await stage({ ecus: THREE, tasks: [task('alpha'), task('beta')], ...more });
  const from = fleet.owner('alpha') as string;
  const to = elsewhere(from);
  void fleet.migrate('alpha', { target: to, mode }).catch(() => undefined);
  return { fleet, from, to };
}

/** Its record has come this far, or it is over. */
const atRevision = (fleet: FleetWorld, revision: number): boolean =>
  (migrationOf(fleet)?.record.revision ?? 0) >= revision ||
  (fleet.truth.openMigrations().length === 0 && migrationOf(fleet) !== undefined);

const REVISIONS = Array.from({ length: 12 }, (_, at) => at + 1);

describe('killed at every numbered step of a migration', () => {
  test.each(REVISIONS)('the source, at revision %i', async (revision) => {
    const { fleet, from } = await underWay('live');
    await fleet.until('it is there', () => atRevision(fleet, revision));
    fleet.killEcu(from);
    await fleet.until(
      'both run elsewhere',
      () => tasksOn(fleet, from).length === 0 && fleet.runs('alpha') && fleet.runs('beta'),
    );
    await fleet.settle();
  });

  test.each(REVISIONS)('the target, at revision %i', async (revision) => {
    const { fleet, to } = await underWay('live');
    await fleet.until('it is there', () => atRevision(fleet, revision));
    fleet.killEcu(to);
    await fleet.until('both run elsewhere', () => tasksOn(fleet, to).length === 0 && fleet.runs('alpha') && fleet.runs('beta'));
    await fleet.settle();
  });

  test.each(REVISIONS)('the manager that performs it, at revision %i', async (revision) => {
    const { fleet } = await underWay('live');
    await fleet.until('it is there', () => atRevision(fleet, revision));
    const writer = migrationOf(fleet)?.record.writer.slice('manager.'.length) ?? 'm1';
    fleet.killManager(writer);
    await fleet.until('it runs', () => fleet.runs('alpha') && fleet.truth.openMigrations().length === 0);
    fleet.startManager(writer);
    await fleet.settle();
  });

  test.each([2, 4, 5, 6, 7])('the source cut off, at revision %i: it runs on one side, and nowhere twice', async (revision) => {
    const { fleet, from } = await underWay('live');
    await fleet.until('it is there', () => atRevision(fleet, revision));
    fleet.partitionEcu(from);
    await fleet.until(
      'both run elsewhere',
      () => tasksOn(fleet, from).length === 0 && fleet.runs('alpha') && fleet.runs('beta'),
    );
    fleet.healEcu(from);
    await fleet.settle();
  });
});

describe('a migration meets', () => {
  test('no other ECU that can take the task: it is refused with the reason, and the task runs on untouched', async () => {
    const fleet = await stage({ ecus: [{ mac: ECU1 }], tasks: [task('alpha')] });
    expect(await fleet.done(fleet.migrate('alpha'))).toMatchObject({ kind: 'refused', code: 'ERR_NO_PLACE' });
    await fleet.elapse(300_000);
    expect([fleet.runs('alpha'), epochOf(fleet, 'alpha')]).toEqual([true, 1]);
    await fleet.settle();
  });

  test('a target that another task has filled since: rejected, and the task runs on untouched', async () => {
    const ecus = [ECU1, ECU2].map((mac) => ({ mac, memoryBytes: 16 * 1024 * 1024 }));
    const preferring = (mac: string, name: string) => task(name, { affinity: { preferredEcus: [mac] } });
    const fleet = await stage({ ecus, tasks: [preferring(ECU1, 'alpha')] });
    const [moved, declared] = [fleet.migrate('alpha', { target: ECU2 }), fleet.declare(preferring(ECU2, 'late'))];
    await fleet.done(Promise.all([moved, declared]));
    await fleet.until('both run', () => fleet.runs('alpha') && fleet.runs('late') && fleet.truth.openMigrations().length === 0);
    await fleet.settle();
  });

  test('a second wish for the same task: it moves once', async () => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const answers = await fleet.done(Promise.all([fleet.migrate('alpha'), fleet.move('alpha')]));
    expect(answers.map(({ kind }) => kind).sort()).toContain('accepted');
    await fleet.until('it has moved', () => epochOf(fleet, 'alpha') > 1 && fleet.runs('alpha'));
    await fleet.elapse(500_000);
    expect(epochOf(fleet, 'alpha')).toBe(2);
    await fleet.settle();
  });

  test('a cost that is not to be borne: it stays, and the estimate says why', async () => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const answer = await fleet.done(fleet.migrate('alpha', { costMax: 0, dryRun: true }));
    if (answer.kind !== 'estimate') throw new Error(answer.kind);
    expect(answer.estimate.chosen).toBeUndefined();
    expect(answer.estimate.reason).toMatch(/would cost .* late jobs, at most 0 are borne/);
    expect(answer.estimate.candidates).toHaveLength(2);
    expect(await fleet.done(fleet.migrate('alpha', { costMax: 0 }))).toMatchObject({ kind: 'refused', code: 'ERR_NO_PLACE' });
    expect(epochOf(fleet, 'alpha')).toBe(1);
    await fleet.settle();
  });

  test('a deadline at the target that its silence would break: what asks by itself leaves it, a person does not', async () => {
    const hard = { hardDeadline: true, wcetUs: 10_000, periodUs: 30_000, deadlineUs: 30_000, priority: 9 };
    const mover = task('mover', { ...hard, affinity: { preferredEcus: [ECU1] } });
    // With the mover beside it 22 ms; with what gathers in a blackout of 15 ms, 32.
    const late = { hardDeadline: true, wcetUs: 12_000, periodUs: 100_000, deadlineUs: 25_000, priority: 1 };
    const resident = task('resident', { ...late, affinity: { preferredEcus: [ECU2] } });
    const ecus = [ECU1, ECU2].map((mac) => ({ mac, cores: 1, scheduling: { scheduler: 'fp' } as const }));
    const fleet = await stage({ ecus, tasks: [resident, mover] });
    expect([fleet.owner('mover'), fleet.owner('resident')]).toEqual([ECU1, ECU2]);
    const estimate = async (opcode: 'load-balance' | 'operator') => {
      const answer = await fleet.done(fleet.migrate('mover', { opcode, dryRun: true }));
      if (answer.kind !== 'estimate') throw new Error(answer.kind);
      return answer.estimate;
    };
    const asked = await estimate('load-balance');
    expect(asked.chosen).toBeUndefined();
    expect(asked.reason).toMatch(/breaks a deadline there: resident would answer after 32000/);
    expect((await estimate('operator')).chosen).toMatchObject({ mac: ECU2, bearable: false });
    await fleet.settle();
  });

  /** Followed, the resident bears the mover's way there (10 ms, 22 of response); with 15 ms of standing still it would answer after 32. */
  const hard = { hardDeadline: true, wcetUs: 10_000, periodUs: 34_000, deadlineUs: 34_000, priority: 9 };
  const late = { hardDeadline: true, wcetUs: 12_000, periodUs: 100_000, deadlineUs: 25_000, priority: 1 };
  async function narrow(runtime: 'wasm' | 'process') {
    const mover = task('mover', { ...hard, runtime, affinity: { preferredEcus: [ECU1] } });
    const resident = task('resident', { ...late, affinity: { preferredEcus: [ECU2] } });
    const ecus = [ECU1, ECU2].map((mac) => ({ mac, cores: 1, scheduling: { scheduler: 'fp' } as const }));
    const fleet = await stage({ ecus, managers: [{ name: 'm1' }], tasks: [resident, mover].map(alone) });
    const answer = await fleet.done(fleet.migrate('mover', { opcode: 'load-balance', mode: 'live', dryRun: true }));
    if (answer.kind !== 'estimate') throw new Error(answer.kind);
    return { fleet, estimate: answer.estimate };
  }
  const alone = (draft: ReturnType<typeof task>) => ({ ...draft, checkpoint: { intervalUs: 30_000, quorum: 1 } });

  test('a deadline that bears its way there followed, and not standing still: it goes by itself, and is admitted so', async () => {
    const { fleet, estimate } = await narrow('wasm');
    expect(estimate.chosen).toMatchObject({ bearable: true, mustFollow: true, modes: [{ followed: true }] });
    expect(await fleet.done(fleet.migrate('mover', { opcode: 'load-balance', mode: 'live' }))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.owner('mover') === ECU2 && fleet.runs('mover'));
    await fleet.settle();
    expect(migrationOf(fleet, 'mover')?.context).toMatchObject({ following: true, mustFollow: true });
  });

  test('a deadline that bears its way there only followed, and a task that cannot be: it stays, and says why', async () => {
    const { fleet, estimate } = await narrow('process');
    expect(estimate.chosen).toBeUndefined();
    expect(estimate.candidates[0]?.modes[0]?.standsStillFor).toMatch(/runtime process/);
    await fleet.settle();
  });

  test('a deadline that bears its way there only followed, and a target that loses it: it stays, and never stood still', async () => {
    const { fleet } = await narrow('wasm');
    void fleet.migrate('mover', { opcode: 'load-balance', mode: 'live' }).catch(() => undefined);
    let stood = false;
    const look = (): boolean => {
      fleet.ecus.get(ECU2)?.breakProgram('mover');
      stood ||= fleet.ecus.get(ECU1)?.bridge?.running().get('mover')?.instance.state.pauseWanted === true;
      return migrationOf(fleet, 'mover')?.state === 'aborted' || epochOf(fleet, 'mover') > 1;
    };
    await fleet.until('it is over', look);
    await fleet.settle();
    expect(migrationOf(fleet, 'mover')).toMatchObject({
      state: 'aborted',
      context: {
        reason: expect.stringMatching(
          /does not keep up with it, and it is not to stand still for this move: .*did not keep up/,
        ),
      },
    });
    expect([stood, epochOf(fleet, 'mover')]).toEqual([false, 1]);
    const again = await fleet.done(fleet.migrate('mover', { opcode: 'load-balance', mode: 'live', dryRun: true }));
    expect(again).toMatchObject({ kind: 'estimate', estimate: { reason: expect.stringMatching(/breaks a deadline there/) } });
    await fleet.settle();
  });

  test('the removal of its task', async () => {
    for (const revision of [3, 5, 6, 7]) {
      const { fleet } = await underWay('live');
      await fleet.until('it is there', () => atRevision(fleet, revision));
      await fleet.done(fleet.remove('alpha'));
      await fleet.until('it is removed', () => fleet.truth.placements.get('alpha')?.state === 'removed');
      await fleet.done(fleet.declare(task('alpha')));
      await fleet.until('it runs again', () => fleet.runs('alpha'));
      await fleet.settle();
    }
  });
});

describe('an ECU that is to be empty', () => {
  test('gives all its tasks away and gets none, until it may again', async () => {
    const names = ['alpha', 'beta', 'gamma', 'delta'];
    const tasks = names.map((name) => task(name, { affinity: { preferredEcus: [ECU1] } }));
    const fleet = await stage({ ecus: THREE, tasks });
    expect(tasksOn(fleet, ECU1)).toHaveLength(4);
    await fleet.done(fleet.drain(ECU1));
    await fleet.until('it is empty', () => tasksOn(fleet, ECU1).length === 0 && names.every((name) => fleet.runs(name)));
    await fleet.done(fleet.declare(task('late', { affinity: { preferredEcus: [ECU1] } })));
    await fleet.until('it runs elsewhere', () => fleet.runs('late') && fleet.owner('late') !== ECU1);
    await fleet.done(fleet.drain(ECU1, true));
    await fleet.elapse(100_000);
    await fleet.done(fleet.declare(task('later', { affinity: { preferredEcus: [ECU1] } })));
    await fleet.until('it may be used again', () => fleet.owner('later') === ECU1);
    await fleet.settle();
  });
});
