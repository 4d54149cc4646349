/** The second reason to restore: a task that runs is asked to run elsewhere. Fenced, stopped, restored; nothing is lost. */
import { describe, expect, test, vi } from 'vitest';
import { counted, ECU1, ECU2, ECU3, epochOf, stage, task, tasksOn } from './stage.ts';

vi.setConfig({ testTimeout: 120_000 });

const THREE = [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }];

describe('a request to move a running task', () => {
  test('it goes on at the ECU that was named, and was stopped, not fenced, where it ran', async () => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const from = fleet.owner('alpha') as string;
    const to = THREE.map(({ mac }) => mac).find((mac) => mac !== from) as string;
    expect(await fleet.done(fleet.move('alpha', to))).toEqual({ kind: 'accepted' });
    await fleet.until('it runs there', () => fleet.owner('alpha') === to && fleet.runs('alpha'));
    expect(counted(fleet, 'instance.ended.ERR_FENCED')).toBe(0);
    expect(fleet.ecus.get(from)?.bridge?.running().get('alpha')).toBeUndefined();
    await fleet.settle();
  });

  test('where no other ECU can take it, it is refused with the reason, and runs on untouched', async () => {
    const fleet = await stage({ ecus: [{ mac: ECU1 }], tasks: [task('alpha')] });
    const epoch = epochOf(fleet, 'alpha');
    const answer = await fleet.done(fleet.move('alpha'));
    expect(answer).toMatchObject({ kind: 'refused', code: 'ERR_NO_PLACE' });
    await fleet.elapse(300_000);
    expect(fleet.runs('alpha')).toBe(true);
    expect(epochOf(fleet, 'alpha')).toBe(epoch);
    await fleet.settle();
  });

  test('asked twice at once, it moves once', async () => {
    const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
    const epoch = epochOf(fleet, 'alpha');
    const answers = [fleet.move('alpha'), fleet.move('alpha')];
    for (const answer of answers) await fleet.done(answer);
    await fleet.until('it has moved', () => epochOf(fleet, 'alpha') > epoch && fleet.runs('alpha'));
    await fleet.elapse(500_000);
    expect(epochOf(fleet, 'alpha')).toBe(epoch + 1);
    await fleet.settle();
  });

  test.each([0, 1_000, 2_000, 4_000, 8_000, 16_000])(
    'its ECU dies %i µs after the request: it goes on elsewhere',
    async (delayUs) => {
      const fleet = await stage({ ecus: THREE, tasks: [task('alpha'), task('beta')] });
      const from = fleet.owner('alpha') as string;
      void fleet.move('alpha');
      await fleet.elapse(delayUs);
      fleet.killEcu(from);
      await fleet.until(
        'nothing is left there',
        () => tasksOn(fleet, from).length === 0 && fleet.runs('alpha') && fleet.runs('beta'),
      );
      await fleet.settle();
    },
  );

  test.each([0, 1_000, 2_000, 4_000, 8_000, 16_000])(
    'a manager dies %i µs after the request: the other one finishes it',
    async (delayUs) => {
      const fleet = await stage({ ecus: THREE, tasks: [task('alpha')] });
      const answer = fleet.move('alpha');
      await fleet.elapse(delayUs);
      fleet.killManager('m1');
      await fleet.done(answer.catch(() => undefined));
      await fleet.until('it runs', () => fleet.runs('alpha'));
      fleet.startManager('m1');
      await fleet.settle();
    },
  );
});
