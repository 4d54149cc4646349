/** Programs in real worker threads, compiled as they ship: isolation, the watchdog, and every promise of the port. */
import { afterEach, describe, expect, it } from 'vitest';
import { runAlone } from '../../infra/runtime/wasm/run-alone.ts';
import { createWasmRuntime, type WasmRuntime, type WasmRuntimeOptions } from '../../infra/runtime/wasm/runtime.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import type { JobFailure, JobInput, TaskImage, TaskProgram } from '../../src/ports/task-runtime.ts';
import { data, listLog, loadExample, prepareText, realClock, tick } from '../support/wasm.ts';

const runtimes: WasmRuntime[] = [];
const log = listLog();
/** Soon enough for a test, and longer than a lane without fault can be kept from a core. */
const HANG_US = 3_000_000;
const PATIENT_US = 60_000_000;
const openRuntime = (options: Partial<Pick<WasmRuntimeOptions, 'lanes' | 'watchdogUs' | 'order'>> = {}): WasmRuntime => {
  const runtime = createWasmRuntime({ clock: realClock, log, ...options });
  runtimes.push(runtime);
  return runtime;
};
afterEach(async () => {
  await Promise.all(runtimes.splice(0).map((runtime) => runtime.close()));
});

let counter: Awaited<ReturnType<typeof loadExample>> | undefined;
const loadCounter = async () => (counter ??= await loadExample('counter'));

interface Started {
  readonly program: TaskProgram;
  readonly ended: JobFailure[];
}

async function start(
  runtime: WasmRuntime,
  options: { artefact?: Uint8Array; spec?: Partial<TaskSpec>; image?: TaskImage; core?: number } = {},
): Promise<Started> {
  const example = await loadCounter();
  const ended: JobFailure[] = [];
  const artefact = options.artefact ?? example.artefact;
  const spec: TaskSpec = { ...example.spec, artefact: `digest of ${artefact.length} bytes`, ...options.spec };
  const program = await runtime.start({
    spec,
    artefact,
    image: options.image,
    core: options.core,
    onEnded: (failure) => ended.push(failure),
  });
  return { program, ended };
}

const text = (result: Awaited<ReturnType<TaskProgram['runJob']>>): string =>
  result.kind === 'done'
    ? result.outputs.map(({ payload }) => new TextDecoder().decode(payload)).join()
    : `${result.failure.code} ${result.failure.sentence}`;

describe('the wasm runtime', () => {
  it('gives what the task gives when it runs alone', async () => {
    const runtime = openRuntime();
    const { program } = await start(runtime);
    const inputs: JobInput[] = [tick(1), data(1, '41'), tick(2), data(2, 'nonsense'), tick(3)];
    const lanes: string[] = [];
    for (const input of inputs) lanes.push(text(await program.runJob(input)));
    const { artefact, spec } = await loadCounter();
    const alone = await runAlone({ artefact, fuelPerJob: spec.fuelPerJob }, inputs);
    expect(lanes).toEqual(['1', '42', '43', '43', '44']);
    expect(alone.outputs.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(lanes);
    expect(log.lines).toContain('warn not a number, ignored: nonsense');
  });

  it('jobs asked for together give what they give one by one', async () => {
    const { program } = await start(openRuntime({ lanes: 1 }));
    const inputs = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? data(index / 3 + 1, '2') : tick(index)));
    const together: string[] = [];
    while (together.length < inputs.length) {
      const results = await program.runJobs(inputs.slice(together.length));
      expect(results.length).toBeGreaterThan(0);
      together.push(...results.map(text));
    }
    const { program: other } = await start(openRuntime({ lanes: 1 }));
    const oneByOne: string[] = [];
    for (const input of inputs) oneByOne.push(text(await other.runJob(input)));
    expect(together).toEqual(oneByOne);
  });

  it('copies no more of an input than it is', async () => {
    const { program } = await start(openRuntime({ lanes: 1 }));
    const large = new TextEncoder().encode(`${' '.repeat(5000)}12${' '.repeat(5000)}`);
    expect(text(await program.runJob(data(1, large.subarray(5000, 5002))))).toBe('12');
  });

  it('moves a task from one runtime to another, also through a shared buffer', async () => {
    const { program } = await start(openRuntime({ lanes: 1 }));
    await program.runJob(data(1, '99'));
    const { pages, globals } = await program.capture('full');
    const shared = new Uint8Array(new SharedArrayBuffer(pages.length));
    shared.set(pages);
    for (const memory of [pages, shared]) {
      const moved = await start(openRuntime({ lanes: 2 }), { image: { memory, globals } });
      expect(text(await moved.program.runJob(tick(1)))).toBe('100');
    }
  });

  it('keeps lane mates running when one program loops for ever, traps, or is asked too much', async () => {
    const runtime = openRuntime({ lanes: 1 });
    const mate = await start(runtime);
    const looping = await start(runtime, {
      artefact: prepareText('(loop $again (br $again))'),
      spec: { memoryBytesMax: 1 << 20 },
    });
    const trapping = await start(runtime, {
      artefact: prepareText('(unreachable) (drop (i32.const 1))'),
      spec: { memoryBytesMax: 1 << 20 },
    });
    const [loops, traps, counts] = await Promise.all([
      looping.program.runJob(tick(1)),
      trapping.program.runJob(tick(1)),
      mate.program.runJob(tick(1)),
    ]);
    expect([text(loops).split(' ')[0], text(traps).split(' ')[0], text(counts)]).toEqual(['ERR_JOB_FUEL', 'ERR_JOB_TRAP', '1']);
    await expect(looping.program.capture('full')).rejects.toMatchObject({ code: 'ERR_JOB_FUEL' });
    expect(text(await mate.program.runJob(tick(2)))).toBe('2');
    expect([...looping.ended, ...trapping.ended, ...mate.ended]).toEqual([]);
  });

  it('ends a lane that hangs with all its programs, and starts a new one', async () => {
    const runtime = openRuntime({ lanes: 1, watchdogUs: HANG_US });
    const mate = await start(runtime);
    const hanging = await start(runtime, {
      artefact: prepareText('(loop $again (br $again))'),
      spec: { memoryBytesMax: 1 << 20, fuelPerJob: Number.MAX_SAFE_INTEGER },
    });
    const [hangs, waits] = await Promise.all([hanging.program.runJob(tick(1)), mate.program.runJob(tick(1))]);
    expect([hangs, waits]).toMatchObject([{ failure: { code: 'ERR_JOB_HANG' } }, { failure: { code: 'ERR_JOB_HANG' } }]);
    expect([hanging.ended.length, mate.ended.length]).toEqual([1, 1]);
    await expect(mate.program.capture('full')).rejects.toMatchObject({ code: 'ERR_JOB_HANG' });
    await mate.program.stop();
    const again = await start(runtime);
    expect(text(await again.program.runJob(tick(1)))).toBe('1');
  });

  it('leaves the programs of other lanes alone when one hangs', async () => {
    const runtime = openRuntime({ lanes: 2, watchdogUs: HANG_US });
    const hanging = await start(runtime, {
      artefact: prepareText('(loop $again (br $again))'),
      spec: { memoryBytesMax: 1 << 20, fuelPerJob: Number.MAX_SAFE_INTEGER },
    });
    const elsewhere = await start(runtime);
    const hangs = hanging.program.runJob(tick(1));
    expect(text(await elsewhere.program.runJob(tick(1)))).toBe('1');
    expect(text(await hangs)).toContain('ERR_JOB_HANG');
    expect(text(await elsewhere.program.runJob(tick(2)))).toBe('2');
    expect(elsewhere.ended).toEqual([]);
  });

  it('refuses what it cannot run, by code', async () => {
    const runtime = openRuntime({ lanes: 1 });
    const { artefact } = await loadCounter();
    await expect(
      start(runtime, { artefact: new TextEncoder().encode('no module'), spec: { artefact: 'a' } }),
    ).rejects.toMatchObject({ code: 'ERR_MODULE_INVALID' });
    await expect(
      start(runtime, { artefact: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0), spec: { artefact: 'b' } }),
    ).rejects.toMatchObject({ code: 'ERR_MODULE_REFUSED' });
    await expect(start(runtime, { artefact, spec: { memoryBytesMax: 1 << 22 } })).rejects.toMatchObject({
      code: 'ERR_SPEC_INVALID',
    });
    await expect(start(runtime, { image: { memory: new Uint8Array(3), globals: new Uint8Array(3) } })).rejects.toMatchObject({
      code: 'ERR_STORE_CORRUPT',
    });
    expect(text(await (await start(runtime)).program.runJob(tick(1)))).toBe('1');
  });

  it('runs many programs in few lanes, each with its own state', async () => {
    const runtime = openRuntime({ lanes: 2 });
    const programs = await Promise.all(Array.from({ length: 60 }, () => start(runtime)));
    const results = await Promise.all(programs.map(({ program }, at) => program.runJob(data(1, String(at)))));
    expect(results.map(text)).toEqual(programs.map((_, at) => String(at)));
    await Promise.all(programs.map(({ program }) => program.stop()));
  });
});

describe('programs that share a lane', () => {
  /** Jobs of so many turns: the longest take some tenths of a second, enough for what is asked next to arrive though this thread may wait for a core. */
  const slow = (turns: number): Uint8Array =>
    prepareText(`(local.set $length (i32.const ${turns}))
      (loop $again (local.set $length (i32.sub (local.get $length) (i32.const 1))) (br_if $again (local.get $length)))`);
  const LONG = slow(200_000_000);
  const SHORTER = slow(2_000_000);
  const periodic = (priority: number, deadlineUs = 1_000_000): Partial<TaskSpec> => ({
    periodUs: 1_000_000,
    deadlineUs,
    priority,
    memoryBytesMax: 1 << 20,
    fuelPerJob: Number.MAX_SAFE_INTEGER,
  });

  /** In which order jobs are done that are asked for while a long one runs, which is the most urgent of them, so that it begins. */
  async function orderBehind(
    first: Started,
    waiting: readonly (readonly [string, Started, JobInput])[],
  ): Promise<readonly string[]> {
    const done: string[] = [];
    const long = first.program.runJob({ ...tick(1), arrivedUs: 0 }).then(() => done.push('first'));
    await Promise.all([
      long,
      ...waiting.map(([name, { program }, input]) => program.runJob(input).then(() => done.push(name))),
    ]);
    return done;
  }

  it('run in the order of their priorities, and what has no period after the others', async () => {
    const runtime = openRuntime({ lanes: 1, watchdogUs: PATIENT_US });
    const first = await start(runtime, { artefact: LONG, spec: periodic(100) });
    const low = await start(runtime, { artefact: SHORTER, spec: periodic(1) });
    const high = await start(runtime, { artefact: SHORTER, spec: periodic(9) });
    const onData = await start(runtime, { artefact: SHORTER, spec: { ...periodic(99, 0), periodUs: 0 } });
    const waiting = [
      ['on data', onData, data(1, '')],
      ['low', low, tick(1)],
      ['high', high, tick(1)],
    ] as const;
    expect(await orderBehind(first, waiting)).toEqual(['first', 'high', 'low', 'on data']);
  });

  it('run in the order of their deadlines where those decide', async () => {
    const runtime = openRuntime({ lanes: 1, order: 'edf', watchdogUs: PATIENT_US });
    const first = await start(runtime, { artefact: LONG, spec: periodic(1, 5) });
    const late = await start(runtime, { artefact: SHORTER, spec: periodic(9, 900_000) });
    const early = await start(runtime, { artefact: SHORTER, spec: periodic(1, 100_000) });
    const waiting = [
      ['late', late, { ...tick(1), arrivedUs: 10 }],
      ['early', early, { ...tick(1), arrivedUs: 20 }],
    ] as const;
    expect(await orderBehind(first, waiting)).toEqual(['first', 'early', 'late']);
  });

  it('let a more urgent one in between the jobs that another asked for together', async () => {
    const runtime = openRuntime({ lanes: 1, watchdogUs: PATIENT_US });
    const low = await start(runtime, { artefact: slow(1), spec: periodic(1) });
    const long = await start(runtime, { artefact: LONG, spec: periodic(5) });
    const high = await start(runtime, { artefact: slow(1), spec: periodic(9) });
    const done: string[] = [];
    const first = long.program.runJob(tick(1));
    const batch = low.program.runJobs([tick(1), tick(2), tick(3)]).then(() => done.push('batch'));
    const between = high.program.runJob(tick(1)).then(() => done.push('urgent'));
    await Promise.all([first, batch, between]);
    expect(done).toEqual(['urgent', 'batch']);
  });

  it('stay in the lane of the core they were admitted to', async () => {
    const runtime = openRuntime({ lanes: 2, watchdogUs: HANG_US });
    const artefact = prepareText('(loop $again (br $again))');
    const other = await start(runtime, { core: 0 });
    const hanging = await start(runtime, { artefact, spec: periodic(1), core: 1 });
    const mate = await start(runtime, { core: 1 });
    await hanging.program.runJob(tick(1));
    expect(mate.ended.map(({ code }) => code)).toEqual(['ERR_JOB_HANG']);
    expect(other.ended).toEqual([]);
    expect(text(await other.program.runJob(tick(1)))).toBe('1');
  });
});
