/** Threads that share a core run one job at a time, the most urgent first: what the admission of hard deadlines tests. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { CoreSeat, CoreTurns, type SeatData } from '../../infra/runtime/core-turns.ts';
import { threadFile } from '../../infra/runtime/lane.ts';
import { createWasmRuntime } from '../../infra/runtime/wasm/runtime.ts';
import { createWorkerRuntime } from '../../infra/runtime/worker/runtime.ts';
import type { JobResult, TaskProgram, TaskRuntime } from '../../src/ports/task-runtime.ts';
import { until } from '../support/fleet-run.ts';
import { specOf } from '../support/placement-builders.ts';
import { data, listLog, loadExample, realClock, tick } from '../support/wasm.ts';
import { counterThat, MEMORY_BYTES_MAX, prepareClass, saidOf } from '../support/worker.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** Of a thread that waits for its turn: it may be long until all of a test have started. */
const PATIENCE_US = 120_000_000;

const SPIN = 'let n = 0; for (let at = 0; at < 3_000_000; at++) n = (n * 31 + at) | 0; if (n === 1) throw new Error();';

async function startClass(runtime: TaskRuntime, name: string): Promise<TaskProgram> {
  const spec = specOf(name, { runtime: 'worker', memoryBytesMax: MEMORY_BYTES_MAX });
  return await runtime.start({
    spec,
    artefact: await prepareClass(counterThat(SPIN)),
    image: undefined,
    core: 0,
    onEnded: () => {},
  });
}

const executionUs = (result: JobResult): number => (result.kind === 'done' ? result.executionUs : Number.NaN);

/** Threads that want the core once each. Who had it is written down in shared memory: messages of several threads have no order. */
class Wanting {
  readonly #had = new Int32Array(new SharedArrayBuffer(64));

  start(seat: SeatData, { tier, rank }: { readonly tier: number; readonly rank: number }): void {
    const file = threadFile(new URL('../../infra/runtime/lane.ts', import.meta.url).href, 'core-turns');
    const text = `import(${JSON.stringify(file.href)}).then(({ CoreSeat }) => {
      const { seat, had } = require('node:worker_threads').workerData;
      const core = new CoreSeat(seat, ${PATIENCE_US});
      core.take(${tier}, ${rank});
      had[1 + Atomics.add(had, 0, 1)] = ${rank};
      core.give();
    });`;
    const thread = new Worker(text, { eval: true, workerData: { seat, had: this.#had } });
    closing.push(() => thread.terminate());
  }

  /** The ranks of those that had it. */
  get had(): number[] {
    return [...this.#had.subarray(1, 1 + Atomics.load(this.#had, 0))];
  }
}

describe('a core that threads share', () => {
  it('goes to the most urgent that waits, by tier and then by rank', async () => {
    const turns = new CoreTurns();
    const join = (): SeatData => turns.join() as SeatData;
    const own = new CoreSeat(join());
    const wanting = new Wanting();
    wanting.start(join(), { tier: 2, rank: -9 });
    own.take(1, 0);
    wanting.start(join(), { tier: 1, rank: -3 });
    wanting.start(join(), { tier: 1, rank: -7 });
    wanting.start(join(), { tier: 0, rank: 1 });
    await until('all four wait', () => turns.waiting === 4);
    own.give();
    await until('all four had it', () => wanting.had.length === 4);
    expect(wanting.had).toEqual([1, -7, -3, -9]);
  });

  it('is free again when the thread that held it has ended', async () => {
    const turns = new CoreTurns();
    const [holder, other] = [turns.join() as SeatData, turns.join() as SeatData];
    new CoreSeat(holder).take(0, 0);
    const wanting = new Wanting();
    wanting.start(other, { tier: 1, rank: 5 });
    await until('the other waits', () => turns.waiting === 1);
    turns.leave(holder);
    await until('the other had it', () => wanting.had.length === 1);
  });

  it('runs the jobs of classes and of WebAssembly programs one after the other', async () => {
    const shared = { clock: realClock, log: listLog(), turns: [new CoreTurns()] };
    const wasm = createWasmRuntime({ ...shared, lanes: 1 });
    const worker = createWorkerRuntime(shared);
    closing.push(
      () => wasm.close(),
      () => worker.close(),
    );
    const { spec, artefact } = await loadExample('counter');
    const counter = await wasm.start({
      spec: { ...spec, fuelPerJob: 1e12 },
      artefact,
      image: undefined,
      core: 0,
      onEnded: () => {},
    });
    const programs = [await startClass(worker, 'a'), await startClass(worker, 'b'), counter];
    expect(programs.map(({ lane }) => lane)).toEqual([0, 0, 0]);
    for (const program of programs) await program.runJob(tick(1));
    for (let round = 2; round < 5; round++) {
      const startedMs = performance.now();
      const results = await Promise.all([
        ...programs.slice(0, 2).map((program) => program.runJob(tick(round))),
        counter.runJob(data(round, '2000000x')),
      ]);
      const elapsedUs = 1000 * (performance.now() - startedMs);
      const took = results.map(executionUs);
      expect(Math.min(...took), 'each took its time').toBeGreaterThan(1_000);
      // Wall times of jobs of which no two ran at once; each was rounded.
      expect(took.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(elapsedUs + took.length);
    }
  });

  it('is not kept by a class that hangs: the others go on, and the class is ended', async () => {
    const shared = { clock: realClock, log: listLog(), turns: [new CoreTurns()] };
    const wasm = createWasmRuntime({ ...shared, lanes: 1, watchdogUs: 60_000_000 });
    const worker = createWorkerRuntime({ ...shared, watchdogUs: 6_000_000 });
    closing.push(
      () => wasm.close(),
      () => worker.close(),
    );
    const { spec, artefact } = await loadExample('counter');
    const counter = await wasm.start({ spec, artefact, image: undefined, core: 0, onEnded: () => {} });
    const hanging = await worker.start({
      spec: specOf('hanging', { runtime: 'worker', memoryBytesMax: MEMORY_BYTES_MAX }),
      artefact: await prepareClass(counterThat('for (;;) {}')),
      image: undefined,
      core: 0,
      onEnded: () => {},
    });
    const hangs = hanging.runJob(tick(1));
    expect((await counter.runJob(tick(1))).kind).toBe('done');
    expect(saidOf(await hangs)).toContain('ERR_JOB_HANG');
    expect((await counter.runJob(tick(2))).kind).toBe('done');
  });
});
