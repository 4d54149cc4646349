/** One program in this thread: how jobs end, what they leave, and that the same bits come out everywhere. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { prepareModule } from '../../../infra/runtime/wasm/prepare.ts';
import { WasmProgram } from '../../../infra/runtime/wasm/program.ts';
import { compileArtefact, openProgram } from '../../../infra/runtime/wasm/run-alone.ts';
import { loadTaskFile } from '../../../src/app/task-file.ts';
import { exampleFolder, modulePathOf } from '../../../src/app/task-module.ts';
import { PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';
import type { JobResult } from '../../../src/ports/task-runtime.ts';
import { data, EXAMPLES, loadExample, prepareText, taskText, tick, wat } from '../../support/wasm.ts';

const open = (job: string, more = '', { memoryBytesMax = 1 << 20, fuelPerJob = 1_000_000 } = {}): Promise<WasmProgram> =>
  openProgram({ artefact: prepareText(job, more, memoryBytesMax), fuelPerJob });

const failureOf = (result: JobResult): { code: string; sentence: string } => {
  if (result.kind !== 'failed') throw new Error('the job was done');
  return result.failure;
};
const outputOf = (result: JobResult): Uint8Array => {
  if (result.kind !== 'done') throw new Error(result.failure.sentence);
  return result.outputs[0]?.payload ?? new Uint8Array(0);
};

describe('a job ends', () => {
  it('when an endless loop has used up its fuel', async () => {
    const program = await open('(loop $again (br $again))');
    expect(failureOf(program.runJob(tick(1))).code).toBe('ERR_JOB_FUEL');
  });

  it('when an endless recursion has used up its fuel', async () => {
    const program = await open('(call $deeper)', '(func $deeper (call $deeper))', { fuelPerJob: 100 });
    expect(failureOf(program.runJob(tick(1))).code).toBe('ERR_JOB_FUEL');
  });

  it('when endless tail calls have used up its fuel', async () => {
    const program = await open('(call $again)', '(func $again (return_call $again))');
    expect(failureOf(program.runJob(tick(1))).code).toBe('ERR_JOB_FUEL');
  });

  it('when copying memory around has used up its fuel, though it loops little', async () => {
    const loop = '(loop $again (memory.copy (i32.const 0) (i32.const 1) (i32.const 65000)) (br $again))';
    const program = await open(`(local $i i32) ${loop}`, '', { fuelPerJob: 6400 });
    expect(failureOf(program.runJob(tick(1))).code).toBe('ERR_JOB_FUEL');
    const few = await open(
      '(local $i i32) (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65000)) (br_if $again (i32.lt_s (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 90))))',
      '',
      { fuelPerJob: 6400 },
    );
    expect(few.runJob(tick(1))).toMatchObject({ kind: 'done', fuelUsed: 1 + 90 * (1 + 63) });
  });

  it('when its calls nest too deeply, at the same depth in code of every tier', async () => {
    const text = taskText(
      '(global.set $depth (i32.const 0)) (call $down (if (result i32) (f64.lt (local.get $number) (f64.const 1e6)) (then (i32.const 100)) (else (i32.const -1))))',
      `(global $depth (mut i32) (i32.const 0))
       (func $down (param i32) (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
         (if (i32.eqz (i32.rem_u (global.get $depth) (i32.const 50))) (then (call $log (global.get $depth) (i32.const 0) (i32.const 0))))
         (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))))`,
    ).replace('(module', '(module (import "drover" "log" (func $log (param i32 i32 i32)))');
    const module = await compileArtefact(prepareModule(wat(text), { memoryBytesMax: 1 << 20 }));
    const depthAfter = (jobs: number): number => {
      let depth = 0;
      const program = new WasmProgram({
        module,
        fuelPerJob: 100_000_000,
        image: undefined,
        log: (level) => {
          depth = level;
        },
      });
      for (let number = 1; number <= jobs; number++) expect(program.runJob(tick(number)).kind).toBe('done');
      expect(failureOf(program.runJob(tick(1e6)))).toMatchObject({
        code: 'ERR_JOB_TRAP',
        sentence: expect.stringContaining('nest too deeply'),
      });
      return depth;
    };
    const cold = depthAfter(0);
    expect(cold).toBeGreaterThan(500);
    expect(depthAfter(3000)).toBe(cold);
  });

  const times = (count: number, text: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => text(at)).join(' ');
  it.each([
    [
      'many parameters',
      `(func $f (param ${times(100, () => 'i64')}) (result i64) (i64.add (local.get 3) (call $f ${times(100, (at) => `(local.get ${at})`)})))`,
      `(drop (call $f ${times(100, () => '(i64.const 1)')}))`,
    ],
    [
      'many operands',
      `(func $f (result i64) ${times(300, (at) => `(i64.load (i32.const ${at * 8}))`)} (call $f) ${times(300, () => 'i64.add')})`,
      '(drop (call $f))',
    ],
    [
      'many vectors',
      `(func $f (result v128) ${times(60, (at) => `(v128.load (i32.const ${at * 8}))`)} (call $f) ${times(60, () => 'i64x2.add')})`,
      '(drop (call $f))',
    ],
    [
      'many locals',
      `(func $f (local ${times(200, () => 'i64')}) ${times(200, (at) => `(local.set ${at} (i64.load (i32.const ${at * 8})))`)} (call $f) ${times(200, (at) => `(i64.store (i32.const 0) (local.get ${at}))`)})`,
      '(call $f)',
    ],
  ])('by that count before the engine runs out of stack, with %s', async (_, more, job) => {
    const program = await open(job, more, { fuelPerJob: 100_000_000 });
    expect(failureOf(program.runJob(tick(1))).sentence).toContain('nest too deeply');
  });

  it('when it traps, with the reason', async () => {
    const program = await open('(drop (i32.div_s (i32.const 1) (i32.const 0)))');
    expect(failureOf(program.runJob(tick(1)))).toMatchObject({
      code: 'ERR_JOB_TRAP',
      sentence: expect.stringContaining('divide by zero'),
    });
  });

  it('when it wants more memory than its bound and traps for want of it', async () => {
    const program = await open('(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then (unreachable)))');
    expect(failureOf(program.runJob(tick(1)))).toMatchObject({
      code: 'ERR_JOB_MEMORY',
      sentence: expect.stringContaining('1024 KiB'),
    });
  });

  it('as done when it takes the refusal of memory well', async () => {
    const program = await open('(drop (memory.grow (i32.const 100)))');
    expect(program.runJob(tick(1)).kind).toBe('done');
  });

  it.each([
    ['an output that is too large', '(call $output (i32.const 0) (i32.const 0) (i32.const 262145))', 'larger than 262144'],
    [
      'too many outputs',
      '(loop $again (call $output (i32.const 0) (i32.const 0) (i32.const 1)) (br $again))',
      'more than 512 times',
    ],
    [
      'outputs that are too large together',
      '(loop $again (call $output (i32.const 0) (i32.const 0) (i32.const 60000)) (br $again))',
      'together are larger',
    ],
    ['a channel that is none', '(call $output (i32.const -1) (i32.const 0) (i32.const 1))', 'channel -1'],
  ])('with ERR_JOB_OUTPUT at %s', async (_, job, words) => {
    const program = await open(job);
    expect(failureOf(program.runJob(tick(1)))).toMatchObject({
      code: 'ERR_JOB_OUTPUT',
      sentence: expect.stringContaining(words),
    });
  });

  it('when it puts out bytes that are not its own', async () => {
    const program = await open('(call $output (i32.const 0) (i32.const 65535) (i32.const 2))');
    expect(failureOf(program.runJob(tick(1)))).toMatchObject({
      code: 'ERR_JOB_TRAP',
      sentence: expect.stringContaining('outside of its memory'),
    });
  });

  it('when drover_input answers with no room for the input', async () => {
    const program = await open('');
    expect(failureOf(program.runJob(data(1, new Uint8Array(65_000))))).toMatchObject({
      code: 'ERR_JOB_TRAP',
      sentence: expect.stringContaining('drover_input'),
    });
  });

  it('with the text of an abort', async () => {
    const text = taskText(
      '(call $abort (i32.const 16) (i32.const 48) (i32.const 12) (i32.const 7))',
      '(data (i32.const 12) "\\08\\00\\00\\00o\\00h\\00 \\00n\\00") (data (i32.const 44) "\\08\\00\\00\\00a\\00.\\00t\\00s\\00")',
    );
    const artefact = prepareModule(
      wat(text.replace('(module', '(module (import "env" "abort" (func $abort (param i32 i32 i32 i32)))')),
      { memoryBytesMax: 1 << 20 },
    );
    const program = await openProgram({ artefact, fuelPerJob: 1000 });
    expect(failureOf(program.runJob(tick(1)))).toEqual({ code: 'ERR_JOB_TRAP', sentence: 'it aborted: oh n at a.ts:12:7' });
  });

  it('and a failed program stays failed, and has no state to capture', async () => {
    const program = await open('(if (f64.eq (local.get $number) (f64.const 2)) (then (unreachable)))');
    expect(program.runJob(tick(1)).kind).toBe('done');
    const failed = program.runJob(tick(2));
    expect(program.runJob(tick(3))).toEqual(failed);
    expect(() => program.capture('full')).toThrow(expect.objectContaining({ code: 'ERR_JOB_TRAP' }));
  });
});

describe('the deploy pass changes no result', () => {
  it.each(EXAMPLES)('of %s', async (name) => {
    const { artefact, spec } = await loadExample(name);
    const raw = await rawOutputs(name);
    const program = await openProgram({ artefact, fuelPerJob: spec.fuelPerJob });
    const prepared: string[] = [];
    for (const input of INPUTS) {
      const result = program.runJob(input);
      prepared.push(
        ...(result.kind === 'done'
          ? result.outputs.map(({ channel, payload }) => `${channel}:${Buffer.from(payload).toString('hex')}`)
          : [result.failure.sentence]),
      );
    }
    expect(prepared).toEqual(raw);
    expect(raw.length).toBeGreaterThan(20);
  });

  const words = ['5', '37.5,61.2', 'can0.12:hello', '!route can0.12 9', 'can0.12:again', '-3', '1e300,2', 'eth0:frame'];
  const INPUTS = Array.from({ length: 80 }, (_, at) =>
    at % 3 === 0 ? tick(at + 1, at % 5) : data(at + 1, words[at % words.length] ?? ''),
  );

  /** The module as the compiler made it, in the engine as it is. */
  async function rawOutputs(name: (typeof EXAMPLES)[number]): Promise<string[]> {
    const outputs: string[] = [];
    const output = (channel: number, pointer: number, byteLength: number): void =>
      void outputs.push(
        `${channel}:${Buffer.from((exports['memory'] as WebAssembly.Memory).buffer, pointer, byteLength).toString('hex')}`,
      );
    const module = new WebAssembly.Module(
      new Uint8Array(await readFile(modulePathOf(await loadTaskFile(exampleFolder(name))))),
    );
    const { exports } = new WebAssembly.Instance(module, {
      drover: { output, log: () => undefined },
      env: { abort: () => undefined },
    });
    const call = exports as Record<'drover_init' | 'drover_input' | 'drover_job', (...parameters: number[]) => number>;
    call.drover_init?.();
    for (const { kind, number, skipped, payload } of INPUTS) {
      const pointer = payload.length === 0 ? 0 : call.drover_input(payload.length);
      new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).set(payload, pointer);
      call.drover_job(kind === 'tick' ? 1 : 0, number, skipped, pointer, payload.length);
    }
    return outputs;
  }
});

describe('NaNs are canonical', () => {
  const stored = async (job: string): Promise<string> => {
    const program = await open(
      `(local $x f64) (local $y f32) (local $v v128) ${job} (call $output (i32.const 0) (i32.const 0) (i32.const 16))`,
    );
    return Buffer.from(outputOf(program.runJob(tick(1)))).toString('hex');
  };
  const zeros = '0000000000000000';

  it.each([
    ['0/0', '(f64.store (i32.const 0) (f64.div (f64.const 0) (f64.const -0)))'],
    ['infinity minus infinity', '(f64.store (i32.const 0) (f64.sub (f64.const inf) (f64.const inf)))'],
    ['the root of a negative number', '(f64.store (i32.const 0) (f64.sqrt (f64.const -1)))'],
    [
      'arithmetic on a NaN with a payload',
      '(f64.store (i32.const 0) (f64.add (f64.const -nan:0x8000000000123) (f64.const 1)))',
    ],
    ['a promoted NaN', '(f64.store (i32.const 0) (f64.promote_f32 (f32.const -nan:0x400001)))'],
    [
      'a NaN that went through a local',
      '(local.set $x (f64.min (f64.const -nan:0x8000000000123) (f64.const 1))) (f64.store (i32.const 0) (local.get $x))',
    ],
    [
      'a NaN that goes through another operation',
      '(f64.store (i32.const 0) (f64.mul (f64.div (f64.const 0) (f64.const 0)) (f64.const 2)))',
    ],
    [
      'a NaN whose bits are looked at',
      '(i64.store (i32.const 0) (i64.reinterpret_f64 (f64.nearest (f64.const -nan:0x8000000000123))))',
    ],
  ])('%s (f64)', async (_, job) => {
    expect(await stored(job)).toBe(`000000000000f87f${zeros}`);
  });

  it.each([
    ['0/0', '(f32.store (i32.const 0) (f32.div (f32.const 0) (f32.const -0)))'],
    ['a demoted NaN', '(f32.store (i32.const 0) (f32.demote_f64 (f64.const -nan:0x8000000000123)))'],
  ])('%s (f32)', async (_, job) => {
    expect(await stored(job)).toBe(`0000c07f00000000${zeros}`);
  });

  it('in the sign that copysign reads', async () => {
    expect(await stored('(f64.store (i32.const 0) (f64.copysign (f64.const 1) (f64.div (f64.const 0) (f64.const 0))))')).toBe(
      `000000000000f03f${zeros}`,
    );
  });

  it('in each lane of a vector, and in no other lane', async () => {
    const quotient = '(f64x2.div (v128.const f64x2 0 6) (v128.const f64x2 0 2))';
    expect(await stored(`(v128.store (i32.const 0) ${quotient})`)).toBe('000000000000f87f0000000000000840');
    const single = '(f32x4.sqrt (v128.const f32x4 -1 4 -1 9))';
    expect(await stored(`(v128.store (i32.const 0) ${single})`)).toBe('0000c07f000000400000c07f00004040');
  });

  it('in float globals, wherever the bits come from, because a capture reads them as numbers', async () => {
    const artefact = prepareText(
      '(global.set $d (f64.const -nan:0x8000000000123)) (global.set $c (f32.neg (f32.const nan))) (f64.store (i32.const 0) (global.get $d)) (f32.store (i32.const 8) (global.get $c)) (call $output (i32.const 0) (i32.const 0) (i32.const 12))',
      '(global $d (mut f64) (f64.const 0)) (global $c (mut f32) (f32.const 0))',
    );
    const program = await openProgram({ artefact, fuelPerJob: 1000 });
    expect(Buffer.from(outputOf(program.runJob(tick(1)))).toString('hex')).toBe('000000000000f87f0000c07f');
  });

  it('but loads, constants and sign changes keep their bits, as the standard has it', async () => {
    expect(await stored('(f64.store (i32.const 0) (f64.neg (f64.const nan:0x8000000000123)))')).toBe(
      `230100000000f8ff${zeros}`,
    );
  });
});

describe('state', () => {
  it('is memory and mutable globals of every type, whatever their values', async () => {
    const globals = `(global $a (mut i32) (i32.const -5)) (global $b (mut i64) (i64.const -6)) (global $c (mut f32) (f32.const 0.1)) (global $d (mut f64) (f64.const 0.1)) (global i32 (i32.const 9))`;
    const job = `(global.set $a (i32.mul (global.get $a) (i32.const 7))) (global.set $b (i64.mul (global.get $b) (i64.const 7000000001)))
      (global.set $c (f32.div (global.get $c) (f32.const 0))) (global.set $d (f64.sub (global.get $d) (global.get $d))) (global.set $d (f64.div (global.get $d) (global.get $d)))
      (i32.store (i32.const 0) (global.get $a)) (i64.store (i32.const 8) (global.get $b)) (f32.store (i32.const 16) (global.get $c)) (f64.store (i32.const 24) (global.get $d)) (call $output (i32.const 1) (i32.const 0) (i32.const 32))`;
    const artefact = prepareText(job, globals);
    const alone = await openProgram({ artefact, fuelPerJob: 1000 });
    alone.runJob(tick(1));
    const { pages, globals: encoded } = alone.capture('full');
    expect(Buffer.from(encoded).toString('hex')).toBe(
      '0104007fddffffff7efa35e39df6ffffff7d0000807f7c000000000000f87f'.replace(
        'fa35e39df6ffffff',
        Buffer.from(new BigInt64Array([-6n * 7000000001n]).buffer).toString('hex'),
      ),
    );
    const moved = await openProgram({ artefact, fuelPerJob: 1000, image: { memory: pages, globals: encoded } });
    expect(moved.runJob(tick(2))).toMatchObject({ outputs: alone.runJob(tick(2)).kind === 'done' ? [{ channel: 1 }] : [] });
    expect(moved.capture('full').pages).toEqual(alone.capture('full').pages);
  });

  it('of a fresh program comes from its own start and init; a restored one runs neither', async () => {
    const more = `(start $start) (func $start (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))) (func (export "drover_init") (i32.store (i32.const 4) (i32.add (i32.load (i32.const 4)) (i32.const 1))))`;
    const artefact = prepareText('(call $output (i32.const 0) (i32.const 0) (i32.const 8))', more);
    const fresh = await openProgram({ artefact, fuelPerJob: 1000 });
    expect([...outputOf(fresh.runJob(tick(1)))]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
    const { pages: memory, globals } = fresh.capture('full');
    const moved = await openProgram({ artefact, fuelPerJob: 1000, image: { memory, globals } });
    expect([...outputOf(moved.runJob(tick(2)))]).toEqual([1, 0, 0, 0, 1, 0, 0, 0]);
  });

  it('that fails to initialise is a failure of the start', async () => {
    await expect(open('', '(func (export "drover_init") (unreachable))')).rejects.toMatchObject({ code: 'ERR_JOB_TRAP' });
    await expect(open('', '(func (export "drover_init") (loop $again (br $again)))')).rejects.toMatchObject({
      code: 'ERR_JOB_FUEL',
    });
  }, 60_000);

  describe('of another program is refused with ERR_STORE_CORRUPT', () => {
    let artefact: Uint8Array;
    let image: { memory: Uint8Array; globals: Uint8Array };
    beforeAll(async () => {
      artefact = prepareText('', '(global (mut i32) (i32.const 1)) (global (mut f64) (f64.const 1))');
      const { pages, globals } = (await openProgram({ artefact, fuelPerJob: 1000 })).capture('full');
      image = { memory: pages, globals };
    });
    it.each([
      ['memory that is too small', () => ({ ...image, memory: new Uint8Array(0) })],
      ['memory that is beyond the bound', () => ({ ...image, memory: new Uint8Array(17 * 65_536) })],
      ['memory that is no whole page', () => ({ ...image, memory: image.memory.slice(1) })],
      ['too few globals', () => ({ ...image, globals: image.globals.slice(0, 8) })],
      ['a global of another type', () => ({ ...image, globals: image.globals.map((byte, at) => (at === 3 ? 0x7d : byte)) })],
      ['another version', () => ({ ...image, globals: image.globals.map((byte, at) => (at === 0 ? 9 : byte)) })],
    ])('%s', async (_, foreign) => {
      await expect(openProgram({ artefact, fuelPerJob: 1000, image: foreign() })).rejects.toMatchObject({
        code: 'ERR_STORE_CORRUPT',
      });
    });
  });

  it('is captured whole first, then by the pages that changed, and read again from the shadow', async () => {
    const program = await open('(i32.store (i32.trunc_f64_s (local.get $number)) (i32.const -1))');
    expect(program.capture('delta')).toMatchObject({ mode: 'full', pageCount: 16 });
    program.runJob(tick(5 * PAGE_BYTES + 8));
    program.runJob(tick(2 * PAGE_BYTES - 2));
    const delta = program.capture('delta');
    expect([delta.mode, ...delta.pageIndexes]).toEqual(['delta', 1, 2, 5]);
    program.runJob(tick(5 * PAGE_BYTES + 16));
    const asked = program.readShadow(Uint32Array.of(5, 1));
    expect(asked.subarray(0, PAGE_BYTES)).toEqual(delta.pages.subarray(2 * PAGE_BYTES));
    expect(asked.subarray(PAGE_BYTES)).toEqual(delta.pages.subarray(0, PAGE_BYTES));
    expect([...program.capture('delta').pageIndexes]).toEqual([5]);
    expect([...program.capture('delta').pageIndexes]).toEqual([]);
  });

  it('that has grown is captured with all its new pages', async () => {
    const program = await open('(drop (memory.grow (i32.const 1)))');
    program.capture('full');
    program.runJob(tick(1));
    const delta = program.capture('delta');
    expect([delta.pageCount, delta.pageIndexes[0], delta.pageIndexes.length]).toEqual([32, 16, 16]);
  });

  it('of the grid changes in a few pages per job, as its layout promises', async () => {
    const { artefact, spec } = await loadExample('grid');
    const program = await openProgram({ artefact, fuelPerJob: spec.fuelPerJob });
    program.capture('full');
    for (let number = 1; number <= 20; number++) {
      expect(program.runJob(tick(number)).kind).toBe('done');
      expect(program.capture('delta').pageIndexes.length).toBeLessThan(40);
    }
  });
});
