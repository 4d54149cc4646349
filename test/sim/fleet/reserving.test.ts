/** Reservations in the simulated world: they keep placements out, at the planner and at the bridge, survive managers, and move with labels. */
import { expect, test } from 'vitest';
import type { ManagerAnswer } from '../../../src/domain/protocol/messages.ts';
import { build, counted, ECU1, ECU2, ECU3, task } from './stage.ts';

const HOUR = 3_600_000_000;
const idOf = (answer: ManagerAnswer): string => (answer.kind === 'reserved' ? answer.booking.id : `${answer.kind}`);
const shown = (fleet: ReturnType<typeof build>) => [...fleet.managers.values()][0]?.manager?.fleet().reservations ?? [];
/** Six tenths of a core. */
const heavy = (name: string) => task(name, { periodUs: 10_000, wcetUs: 6_000 });

test('what is reserved for later keeps a placement out today; cancelled, it lets it in', async () => {
  const fleet = build({ ecus: [{ mac: ECU1, cores: 1 }], reserves: true });
  fleet.start();
  await fleet.elapse(500_000);
  expect(idOf(await fleet.done(fleet.reserve({ ecu: ECU1, cores: 0.5, inUs: HOUR, forUs: HOUR })))).toBe('r1');
  await fleet.done(fleet.declare(heavy('alpha')));
  await fleet.until('it is shed', () => fleet.truth.placements.get('alpha')?.state === 'shed');
  expect(fleet.truth.placements.get('alpha')?.context.reason).toContain('r1 is reserved there');
  expect(await fleet.done(fleet.cancelReservation('r1'))).toEqual({ kind: 'accepted' });
  await fleet.until('it runs', () => fleet.runs('alpha'));
  expect(await fleet.done(fleet.cancelReservation('r1'))).toMatchObject({
    code: 'ERR_NO_RESERVATION',
  });
  await fleet.settle();
});

test('a bridge counts it by itself: who deploys past every plan is refused', async () => {
  const fleet = build({ ecus: [{ mac: ECU1, cores: 1 }], reserves: true });
  fleet.start();
  await fleet.elapse(500_000);
  await fleet.done(fleet.reserve({ ecu: ECU1, cores: 0.9, forUs: HOUR }));
  await fleet.elapse(100_000);
  const command = {
    kind: 'deploy',
    ...{ task: 'alpha', epoch: 1, effectId: 'e1', actor: 'arbiter/x', actorRevision: 1 },
    ...{ spec: fleet.spec(heavy('alpha')), incarnation: 1, checkpoint: undefined },
  } as const;
  const answer = await fleet.done(fleet.client.order(ECU1, command));
  expect(answer).toMatchObject({ kind: 'refused', code: 'ERR_ADMIT_RESERVED' });
});

test('two that want the same room at once: one gets it, and both outlive every manager', async () => {
  const fleet = build({ ecus: [{ mac: ECU1, cores: 1 }], reserves: true });
  fleet.start();
  await fleet.elapse(500_000);
  const answers = await fleet.done(
    Promise.all([0, 1, 2].map(() => fleet.reserve({ ecu: ECU1, cores: 0.6, inUs: HOUR, forUs: HOUR }))),
  );
  expect(answers.map(({ kind }) => kind).sort()).toEqual(['refused', 'refused', 'reserved']);
  for (const name of fleet.managers.keys()) fleet.killManager(name);
  await fleet.elapse(1_000_000);
  for (const name of fleet.managers.keys()) fleet.startManager(name);
  await fleet.until('they know it again', () => shown(fleet).length === 1);
  expect(await fleet.done(fleet.reserve({ ecu: ECU1, cores: 0.6, inUs: HOUR, forUs: HOUR }))).toMatchObject({
    code: 'ERR_RESERVATION',
  });
});

test('absurd and past ones are refused with a reason; unknown ECUs and labels as well', async () => {
  const fleet = build({ ecus: [{ mac: ECU1, cores: 1 }], reserves: true });
  fleet.start();
  await fleet.elapse(500_000);
  const refusal = async (plan: Parameters<typeof fleet.reserve>[0]) => {
    const answer = await fleet.done(fleet.reserve(plan));
    return answer.kind === 'refused' ? `${answer.code} ${answer.sentence}` : answer.kind;
  };
  expect(await refusal({ ecu: ECU1, cores: 2, forUs: HOUR })).toMatch(/ERR_RESERVATION it has no room/);
  expect(await refusal({ ecu: ECU1, cores: 0.1, inUs: -2 * HOUR, forUs: HOUR })).toMatch(/ERR_RESERVATION .*over already/);
  expect(await refusal({ ecu: ECU1, forUs: HOUR })).toMatch(/books nothing/);
  expect(await refusal({ ecu: ECU2, cores: 0.1, forUs: HOUR })).toMatch(/ERR_NO_ECU/);
  expect(await refusal({ labels: { zone: 'moon' }, cores: 0.1, forUs: HOUR })).toMatch(/no ECU that lives has these labels/);
  expect(await refusal({ ecu: ECU1, task: 'nobody', forUs: HOUR })).toMatch(/ERR_NO_TASK/);
  expect(shown(fleet)).toEqual([]);
});

test('asked for by labels it is kept where there is most room, and elsewhere when that ECU dies', async () => {
  const front = { labels: { zone: 'front' }, cores: 1 };
  const fleet = build({
    ecus: [
      { mac: ECU1, ...front },
      { mac: ECU2, ...front },
      { mac: ECU3, cores: 1 },
    ],
    reserves: true,
  });
  fleet.start();
  await fleet.elapse(500_000);
  await fleet.done(fleet.declare(task('alpha', { affinity: { requiredEcus: [ECU1] } })));
  await fleet.until('it runs', () => fleet.runs('alpha'));
  const made = await fleet.done(fleet.reserve({ labels: { zone: 'front' }, task: 'alpha', forUs: HOUR }));
  // The task's own parameters; and where its own share does not count twice, both have the same room.
  expect(made.kind === 'reserved' && made.booking).toMatchObject({ ecu: ECU1, demand: { periodUs: 10_000, wcetUs: 500 } });
  const other = await fleet.done(fleet.reserve({ labels: { zone: 'front' }, cores: 0.5, forUs: HOUR }));
  expect(other.kind === 'reserved' && other.booking.ecu).toBe(ECU2);
  fleet.killEcu(ECU2);
  await fleet.until('it is kept elsewhere', () => shown(fleet).every(({ ecu }) => ecu === ECU1));
  await fleet.until('it is counted', () => counted(fleet, 'reservations.moved') === 1);
  expect(shown(fleet).map(({ broken }) => broken)).toEqual([undefined, undefined]);
});
