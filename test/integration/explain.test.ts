/** Two ECUs that schedule differently, and why tasks with hard deadlines are where they are: `drover explain` against a real fleet. */
import { afterEach, expect, test } from 'vitest';
import type { Explanation } from '../../src/app/explain/decision.ts';
import { deployTask } from '../../src/app/fleet/fleet-calls.ts';
import { ecuMac } from '../../src/app/fleet/local-fleet.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { NO_AFFINITY, type TaskSpec } from '../../src/domain/model/task.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';
import { runDrover } from '../support/run-drover.ts';

const [FP, EDF] = [ecuMac(1), ecuMac(2)];

let run: FleetRun | undefined;
afterEach(async () => {
  await run?.end();
  run = undefined;
});

const drover = (folder: string, ...args: string[]) => runDrover(...args, '--data', folder);

const explained = async (folder: string, task: string): Promise<Explanation> =>
  JSON.parse((await drover(folder, 'explain', `task/${task}`, '--json')).out) as Explanation;

test('deadlines are tested for the scheduler of each ECU, and explain says with which numbers', async () => {
  const ecus = [
    { mac: FP, name: 'fixed', cores: 1 },
    { mac: EDF, name: 'earliest', cores: 1, scheduling: { scheduler: 'edf', checkpointCostUs: 100 } },
  ] as const;
  run = await startFleet({ ecus: 2, managers: 1 }, { ecus });
  const { fleet, folder } = run;
  const prepared = await prepareTask(exampleFolder('counter'));
  const deploy = (spec: Partial<TaskSpec> & { readonly name: string }): Promise<void> =>
    deployTask(fleet.client, {
      ...prepared,
      spec: { ...prepared.spec, checkpoint: { ...prepared.spec.checkpoint, quorum: 1 }, ...spec },
    });
  const owned = (name: string, mac: string): Promise<void> =>
    until(`${name} runs on ${mac}`, async () => {
      const task = await run?.task(name);
      return task?.state === 'owned' && task.owner === mac;
    });

  // The soonest deadline has the lowest priority: it waits for two jobs under fixed priorities, for one where deadlines decide.
  const hard = { hardDeadline: true, periodUs: 100_000, affinity: { ...NO_AFFINITY, preferredEcus: [FP] } };
  const large = { ...hard, deadlineUs: 100_000, wcetUs: 20_000 };
  await deploy({ ...hard, name: 'urgent', deadlineUs: 40_000, wcetUs: 10_000, priority: 1 });
  await owned('urgent', FP);
  await deploy({ ...large, name: 'middle', priority: 2, affinity: { ...NO_AFFINITY, requiredEcus: [FP] } });
  await owned('middle', FP);
  await deploy({ ...large, name: 'beside', priority: 2, affinity: { ...NO_AFFINITY, requiredEcus: [EDF] } });
  await owned('beside', EDF);
  await deploy({ ...large, name: 'large', priority: 3 });
  await owned('large', EDF);

  const first = await explained(folder, 'urgent');
  expect(first).toMatchObject({ task: 'urgent', state: 'owned', epoch: 1, owner: FP });
  expect(first.decision).toMatchObject({ verdict: 'placed', target: FP, round: 1, cause: { kind: 'request' } });
  const { decision } = await explained(folder, 'large');
  expect(decision).toMatchObject({ verdict: 'placed', target: EDF });
  expect(decision?.evidence?.candidates).toMatchObject([
    {
      mac: EDF,
      verdict: 'feasible',
      admission: {
        test: 'processor demand with blocking, non-pre-emptive EDF',
        utilisationBeforePpm: 201_100,
        joining: [{ task: 'large', responseUs: 40_220, deadlineUs: 100_000 }],
      },
    },
    { mac: FP, verdict: 'refused', refusal: { kind: 'schedule', task: 'urgent', responseUsMin: 50_030, deadlineUs: 40_000 } },
  ]);

  // The bridge of the second ECU admits it too: by its own test.
  await until('it has a checkpoint', async () => (await run?.task('urgent'))?.programId !== undefined);
  const moved = await drover(folder, 'task', 'move', 'urgent', '--to', 'earliest', '--wait', '60', '--json');
  expect(JSON.parse(moved.out)).toMatchObject({ task: 'urgent', moved: true, from: FP, to: EDF });
  const move = (await explained(folder, 'urgent')).decision;
  expect(move).toMatchObject({ verdict: 'placed', target: EDF, from: FP, cause: { kind: 'move', target: EDF } });
  expect(move?.migration?.estimate.candidates).toMatchObject([{ mac: EDF }]);
  expect(move?.checkpoint?.epoch).toBe(1);
  const [candidate] = move?.evidence?.candidates ?? [];
  expect(candidate?.verdict === 'feasible' && candidate.admission.tightest?.responseUs).toBeGreaterThan(20_000);

  // No ECU has the capability.
  await deploy({ ...hard, name: 'homeless', capabilities: ['can0'] });
  await until('it is shed', async () => (await run?.task('homeless'))?.state === 'shed');
  const shed = await explained(folder, 'homeless');
  expect(shed).toMatchObject({
    state: 'shed',
    decision: { verdict: 'unplaced', evidence: { refusedByKind: { capability: 2 } } },
  });

  const shown = await drover(folder, 'explain', 'task/large');
  expect(shown).toMatchObject({ exitCode: 0, error: '' });
  expect(shown.out).toMatch(/large runs on earliest \(epoch 1\)[\s\S]*placed on earliest[\s\S]*earliest +chosen/);
  expect(shown.out).toContain('urgent would answer after 50030 µs or more, its deadline is 40000 µs');
  expect((await drover(folder, 'explain', 'task/homeless')).out).toMatch(/is shed[\s\S]*no ECU could take it[\s\S]*lacks can0/);
  expect(await drover(folder, 'explain', 'task/nobody')).toMatchObject({
    exitCode: 1,
    error: expect.stringContaining('(ERR_NO_TASK)'),
  });
  expect(await drover(folder, 'explain', 'large')).toMatchObject({
    exitCode: 2,
    error: expect.stringContaining('write task/NAME'),
  });
});
