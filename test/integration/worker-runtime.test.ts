/** Classes in real worker threads, compiled as they ship: isolation, the watchdog, and every promise of the port. */
import { afterEach, describe, expect, it } from 'vitest';
import { createWorkerRuntime } from '../../infra/runtime/worker/runtime.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import type { JobFailure, TaskImage, TaskProgram, TaskRuntime } from '../../src/ports/task-runtime.ts';
import { specOf } from '../support/placement-builders.ts';
import { data, listLog, realClock, tick } from '../support/wasm.ts';
import { COUNTER, counterThat, MEMORY_BYTES_MAX, prepareClass, saidOf } from '../support/worker.ts';

const runtimes: TaskRuntime[] = [];
const log = listLog();
const openRuntime = (watchdogUs = 30_000_000): TaskRuntime => {
  const runtime = createWorkerRuntime({ clock: realClock, log, watchdogUs });
  runtimes.push(runtime);
  return runtime;
};
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});

interface Started {
  readonly program: TaskProgram;
  readonly ended: JobFailure[];
}

async function start(runtime: TaskRuntime, artefact: Uint8Array, image?: TaskImage): Promise<Started> {
  const ended: JobFailure[] = [];
  const spec: TaskSpec = specOf('counter', { runtime: 'worker', memoryBytesMax: MEMORY_BYTES_MAX });
  const program = await runtime.start({ spec, artefact, image, onEnded: (failure) => ended.push(failure) });
  return { program, ended };
}

describe('the worker runtime', () => {
  it('runs a class, and moves it from one runtime to another by full checkpoint and increment', async () => {
    const artefact = await prepareClass(COUNTER);
    const { program } = await start(openRuntime(), artefact);
    expect(saidOf(await program.runJob(data(1, '41')))).toBe('41');
    const full = await program.capture('full');
    await program.runJob(tick(1));
    const delta = await program.capture('delta');
    expect([full.mode, delta.mode, delta.pageIndexes.length]).toEqual(['full', 'delta', 1]);
    expect(await program.readShadow(Uint32Array.of(0))).toEqual(delta.pages);
    const memory = new Uint8Array(new SharedArrayBuffer(full.pages.length));
    memory.set(full.pages);
    memory.set(delta.pages, 0);
    const moved = await start(openRuntime(), artefact, { memory, globals: delta.globals });
    expect(saidOf(await moved.program.runJob(tick(2)))).toBe('43');
    expect(moved.program.needs).toEqual({ runtimeVersion: 1, hostFunctions: ['drover.output', 'drover.log'] });
    await program.stop();
    await program.stop();
  }, 60_000);

  it('ends a job that never ends, with its thread, and no other program', async () => {
    const runtime = openRuntime(3_000_000);
    const mate = await start(runtime, await prepareClass(COUNTER));
    const looping = await start(runtime, await prepareClass(counterThat('for (;;) {}')));
    expect(saidOf(await looping.program.runJob(tick(1)))).toMatch(/^ERR_JOB_HANG .*was ended/);
    expect(looping.ended.map(({ code }) => code)).toEqual(['ERR_JOB_HANG']);
    await expect(looping.program.capture('full')).rejects.toMatchObject({ code: 'ERR_JOB_HANG' });
    expect(saidOf(await mate.program.runJob(tick(1)))).toBe('1');
    expect(mate.ended).toEqual([]);
  }, 60_000);

  it('bounds what a class may keep in its heap, and says so', async () => {
    const runtime = openRuntime(30_000_000);
    const mate = await start(runtime, await prepareClass(COUNTER));
    const greedy = await start(
      runtime,
      await prepareClass(counterThat('const all: any[] = []; for (;;) all.push({ a: [job, all.length] });')),
    );
    expect(saidOf(await greedy.program.runJob(tick(1)))).toMatch(/^ERR_JOB_MEMORY/);
    expect(saidOf(await mate.program.runJob(tick(1)))).toBe('1');
  }, 120_000);

  it('takes no artefact that the deploy pass has not made, and no image of another program', async () => {
    const runtime = openRuntime();
    const script = new TextEncoder().encode('exports.default = class {}');
    await expect(start(runtime, script)).rejects.toMatchObject({ code: 'ERR_MODULE_REFUSED' });
    const artefact = await prepareClass(COUNTER);
    const image = { memory: new Uint8Array(65_536), globals: Uint8Array.of(1, 2, 3) };
    await expect(start(runtime, artefact, image)).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
  }, 60_000);

  it('runs the example whose state is a table, and an increment of it is a few pages', async () => {
    const { spec, artefact } = await prepareTask(exampleFolder('window'));
    const program = await openRuntime().start({ spec, artefact, image: undefined, onEnded: () => undefined });
    await program.runJob(tick(1));
    const full = await program.capture('full');
    for (let number = 1; number <= 20; number++) await program.runJob(data(number, `3,${number}`));
    const delta = await program.capture('delta');
    expect(delta.pageIndexes.length).toBeLessThan(8);
    const memory = full.pages.slice();
    for (const [at, page] of delta.pageIndexes.entries())
      memory.set(delta.pages.subarray(at * 4096, (at + 1) * 4096), page * 4096);
    const image = { memory, globals: delta.globals };
    const moved = await openRuntime().start({ spec, artefact, image, onEnded: () => undefined });
    const [here, there] = await Promise.all([program.runJob(tick(2)), moved.runJob(tick(2))]);
    expect(saidOf(there)).toBe(saidOf(here));
    expect(saidOf(here)).toMatch(/^2 20 0 0 0 10\.5 0/);
    await program.runJob(data(21, 'nonsense'));
    expect(log.lines).toContain('warn no sample, ignored: nonsense');
  }, 60_000);
});
