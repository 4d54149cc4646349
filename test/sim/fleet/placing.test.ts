/** Where a task may run, what happens when nowhere is left, and what happens to a task that fails by itself. */
import { describe, expect, test, vi } from 'vitest';
import { build, counted, ECU1, ECU2, ECU3, epochOf, someOwner, stage, task, tasksOn } from './stage.ts';

const MIB = 1024 * 1024;

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

describe('a target', () => {
  test('that dies while it deploys is planned around', async () => {
    const three = [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3 }];
    for (const point of ['beforeMarker', 'afterMarker', 'beforeAppend', 'afterEffect'] as const) {
      const fleet = await stage({ ecus: three });
      const dead = someOwner(fleet);
      const others = three.map(({ mac }) => mac).filter((mac) => mac !== dead);
      const counts = others.map((mac) => fleet.world.plan.count(`bridge.${mac}`, point));
      // The same run again, with the deaths of whichever targets are chosen.
      const scripted = others.map((mac, at) => ({
        host: `bridge.${mac}`,
        point,
        nth: (counts[at] ?? 0) + 1,
        action: 'kill' as const,
      }));
      const again = await stage({ ecus: three, world: { scripted } });
      again.killEcu(dead);
      await again.elapse(200_000);
      expect(again.world.plan.done.length).toBeGreaterThan(0);
      await again.settle();
    }
  });

  test('that has no memory left refuses, and the task goes elsewhere', async () => {
    // Both managers plan at once, from the same picture: the bridge's word is the last.
    const fleet = build({
      ecus: [
        { mac: ECU1, memoryBytes: 16 * MIB },
        { mac: ECU2, memoryBytes: 16 * MIB },
      ],
    });
    fleet.start();
    await fleet.elapse(300_000);
    const declared = Promise.all(['a', 'b'].map((name) => fleet.declare(task(name))));
    await fleet.done(declared);
    await fleet.until('both run', () => fleet.runs('a') && fleet.runs('b'));
    expect(fleet.owner('a')).not.toBe(fleet.owner('b'));
    await fleet.settle();
  });

  test('that schedules in its own way is asked by the test for that, by planners and bridge, and judged by it', async () => {
    // Both would fit on an ECU that interrupts jobs. Planned at once, so that it is the bridge that has to see it.
    const scheduling = { scheduler: 'fp', nonPreemptive: true } as const;
    const fleet = build({ ecus: [ECU1, ECU2].map((mac) => ({ mac, cores: 1, scheduling })) });
    fleet.start();
    await fleet.elapse(300_000);
    const quick = task('quick', { hardDeadline: true, periodUs: 50_000, deadlineUs: 10_000, wcetUs: 2_000, priority: 9 });
    const long = task('long', { hardDeadline: true, periodUs: 70_000, deadlineUs: 70_000, wcetUs: 20_000, priority: 1 });
    await fleet.done(Promise.all([fleet.declare(quick), fleet.declare(long)]));
    await fleet.until('both run', () => fleet.runs('quick') && fleet.runs('long'));
    expect(fleet.owner('quick')).not.toBe(fleet.owner('long'));
    // The other ECU may not take over what would make a deadline late: the task waits, and says so.
    const its = fleet.owner('long') ?? '';
    fleet.killEcu(its);
    await fleet.until('it is shed', () => fleet.truth.placements.get('long')?.state === 'shed');
    expect(fleet.truth.placements.get('long')?.context.reason).toMatch(/quick would answer after 22000 µs or more/);
    fleet.startEcu(its);
    await fleet.until('it runs again', () => fleet.owner('long') === its && fleet.runs('long'));
    await fleet.settle();
  });

  test('without the capability is not chosen; without any, the task is shed with the reason and placed when one comes', async () => {
    const fleet = build({ ecus: [{ mac: ECU1 }, { mac: ECU2 }, { mac: ECU3, capabilities: ['can0'] }] });
    fleet.start({ later: [ECU3] });
    await fleet.elapse(300_000);
    await fleet.done(fleet.declare(task('bus-guard', { capabilities: ['can0'] })));
    await fleet.until('it is shed', () => fleet.truth.placements.get('bus-guard')?.state === 'shed');
    expect(fleet.truth.placements.get('bus-guard')?.context.reason).toMatch(/capability/);
    await fleet.elapse(3_000_000);
    fleet.startEcu(ECU3);
    await fleet.until('it runs where it can', () => fleet.owner('bus-guard') === ECU3 && fleet.runs('bus-guard'));
    await fleet.settle();
  });
});

describe('a checkpoint', () => {
  test('that needs what no living ECU offers is shed, what lacks is named, and it goes on where it is offered', async () => {
    const usual = ['drover.output', 'drover.log'];
    const fleet = build({
      ecus: [{ mac: ECU1 }, { mac: ECU2, hostFunctions: usual }, { mac: ECU3 }],
      world: { runtime: { hostFunctions: ['drover.camera'] } },
    });
    fleet.start({ later: [ECU2, ECU3] });
    await fleet.elapse(300_000);
    await fleet.done(fleet.declare(task('lane-keeper')));
    fleet.feed({ task: 'lane-keeper', count: 100, everyUs: 12_000 });
    await fleet.until('it runs', () => fleet.runs('lane-keeper'));
    await fleet.elapse(500_000);
    fleet.startEcu(ECU2);
    await fleet.elapse(300_000);
    fleet.killEcu(ECU1);
    await fleet.until('it is shed', () => fleet.truth.placements.get('lane-keeper')?.state === 'shed');
    expect(fleet.truth.placements.get('lane-keeper')?.context.reason).toContain(`${ECU2} lacks: host function drover.camera`);
    // Refused before anything was moved.
    expect(fleet.ecus.get(ECU2)?.bridge?.running().get('lane-keeper')).toBeUndefined();
    fleet.startEcu(ECU3);
    await fleet.until('it goes on where it can', () => fleet.owner('lane-keeper') === ECU3 && fleet.runs('lane-keeper'));
    // Byte for byte what it gives when it is run alone.
    await fleet.settle();
  });
});

describe('a fleet without room', () => {
  test('sheds what finds no place, lower criticality first, and takes it back when there is room', async () => {
    const two = [
      { mac: ECU1, memoryBytes: 48 * MIB },
      { mac: ECU2, memoryBytes: 32 * MIB },
    ];
    const fleet = await stage({
      ecus: two,
      tasks: [task('low', { criticality: 0 }), task('mid', { criticality: 2 }), task('high', { criticality: 4 })],
    });
    fleet.killEcu(ECU1);
    await fleet.until(
      'two of three run',
      () => tasksOn(fleet, ECU2).length === 2 && fleet.truth.placements.get('low')?.state !== 'owned',
    );
    await fleet.elapse(2_000_000);
    const shed = [...fleet.truth.placements.values()].filter(({ state }) => state === 'shed');
    expect(shed).toHaveLength(1);
    expect(shed[0]?.context.reason).toMatch(/memory/);
    fleet.startEcu(ECU1);
    await fleet.settle();
  });

  test('without any ECU left: everything is shed, and runs again with the first that returns', async () => {
    const fleet = await stage();
    fleet.killEcu(ECU1);
    fleet.killEcu(ECU2);
    await fleet.until('all are shed', () => [...fleet.truth.placements.values()].every(({ state }) => state === 'shed'));
    await fleet.elapse(4_000_000);
    fleet.startEcu(ECU2);
    await fleet.settle();
    expect(tasksOn(fleet, ECU2)).toHaveLength(3);
  });
});

describe('a task that traps', () => {
  test('is crashed, with the reason, and not restored in a loop; its neighbours go on', async () => {
    const failing = (spec: { readonly name: string }, input: { readonly number: number }) =>
      spec.name === 'bad' && input.number === 20 ? ({ code: 'ERR_JOB_TRAP', sentence: 'unreachable' } as const) : undefined;
    const fleet = build({ world: { runtime: { failing } } });
    fleet.start();
    await fleet.elapse(300_000);
    for (const name of ['good', 'bad']) await fleet.done(fleet.declare(task(name)));
    await fleet.until('it is crashed', () => fleet.truth.placements.get('bad')?.state === 'crashed');
    expect(fleet.truth.placements.get('bad')?.context.reason).toBe('ERR_JOB_TRAP: unreachable');
    const epoch = epochOf(fleet, 'bad');
    await fleet.elapse(5_000_000);
    expect(epochOf(fleet, 'bad')).toBe(epoch);
    expect(fleet.runs('good')).toBe(true);
    expect(counted(fleet, 'instance.ended.ERR_JOB_TRAP')).toBe(1);
  });
});

describe('the janitor', () => {
  test('trims what no restore needs, and a restore after it still finds everything', async () => {
    const fleet = await stage({ janitor: { everyUs: 100_000, outputsKept: 1, recordsKept: 1 } });
    await fleet.elapse(1_000_000);
    expect(fleet.world.broker.stream('INPUTS_0').firstSequence()).toBeGreaterThan(50);
    for (let round = 0; round < 3; round++) {
      const dead = someOwner(fleet);
      fleet.killEcu(dead);
      await fleet.until(
        'nothing is left on it',
        () => tasksOn(fleet, dead).length === 0 && [...fleet.wanted].every((name) => fleet.runs(name)),
      );
      fleet.startEcu(dead);
      await fleet.elapse(700_000);
    }
    await fleet.settle();
  });
});
