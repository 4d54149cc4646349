/** A `worker` task in the calling thread: what it may do, what it is refused, and what of it is state. */
import { describe, expect, it } from 'vitest';
import { decodeStateHeader } from '../../src/domain/protocol/codec-state.ts';
import { data, tick } from '../support/wasm.ts';
import { COUNTER, counterThat, openHere, prepareClass, saidOf } from '../support/worker.ts';

const HEADER = 'serialize() { return 0; } deserialize() {} ';
const refusal = (text: string): Promise<string> =>
  prepareClass(text).then(
    () => 'taken',
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );

describe('the deploy pass of a class', () => {
  it('bundles TypeScript into one script', async () => {
    const program = await openHere(await prepareClass(COUNTER));
    expect(saidOf(program.runJob(tick(1)))).toBe('1');
    expect(saidOf(program.runJob(data(1, '41')))).toBe('42');
  });

  it.each([
    ['a type error in the syntax', 'export default class {{', /^ERR_MODULE_INVALID .*cannot be bundled/],
    ['no class', 'export const x = 1;', /ERR_MODULE_INVALID .*default export/],
    ['no state', 'export default class { onTick() {} }', /ERR_MODULE_REFUSED .*no serialize and no deserialize/],
    ['nothing to do', `export default class { ${HEADER} }`, /ERR_MODULE_REFUSED .*neither onInput nor onTick/],
    [
      'a file system',
      `import { readFileSync } from 'node:fs'; export default class { x = readFileSync; onTick() {} ${HEADER} }`,
      /ERR_MODULE_REFUSED .*must not import node:fs/,
    ],
    ['a clock', `export default class { x = Date.now(); onTick() {} ${HEADER} }`, /ERR_JOB_TRAP .*time is an input/],
    [
      'chance',
      `const r = Math.random(); export default class { onTick() { return r; } ${HEADER} }`,
      /ERR_MODULE_INVALID .*a seed is an input/,
    ],
    [
      'a module that never ends',
      `for (;;) {} export default class { onTick() {} ${HEADER} }`,
      /ERR_MODULE_INVALID .*timed out/,
    ],
    [
      'code made of text',
      `export default class { x = new Function('return 1')(); onTick() {} ${HEADER} }`,
      /ERR_JOB_TRAP .*Code generation from strings/,
    ],
    ['timers', `export default class { x = setTimeout; onTick() {} ${HEADER} }`, /ERR_JOB_TRAP .*setTimeout is not defined/],
    [
      'a state that is none',
      'export default class { onTick() {} serialize() { return new Map(); } deserialize() {} }',
      /ERR_JOB_TRAP .*state is an instance of Map/,
    ],
    [
      'a format without a name',
      `export default class { static format = 'No Format'; onTick() {} ${HEADER} }`,
      /ERR_MODULE_REFUSED .*no name of a format/,
    ],
    [
      'a state above its bound',
      'export default class { onTick() {} serialize() { return new Uint8Array(2e6); } deserialize() {} }',
      /ERR_JOB_MEMORY .*larger than its bound/,
    ],
  ])(
    'refuses %s, by name',
    async (_, text, expected) => {
      expect(await refusal(text)).toMatch(expected);
    },
    30_000,
  );
});

describe('a job of a class', () => {
  const run = async (body: string): Promise<string> => {
    const program = await openHere(await prepareClass(counterThat(body)));
    const said = saidOf(program.runJob(tick(1)));
    // A failed program stays failed, and has no state.
    if (said.startsWith('ERR')) {
      expect(saidOf(program.runJob(tick(2)))).toBe(said);
      expect(() => program.capture('full')).toThrow(/no state to capture/);
    }
    return said;
  };

  it.each([
    ['throws', "throw new TypeError('oh');", /^ERR_JOB_TRAP it threw: oh \(in .*line \d+ of the bundle\)/],
    ['asks the time', 'job.output(0, String(new Date()));', /time is an input/],
    ['asks for chance', 'job.output(0, String(Math.random()));', /a seed is an input/],
    ['answers with a promise', 'return Promise.resolve() as never;', /answered with a promise/],
    ['puts out what is no output', 'job.output(0, 12);', /^ERR_JOB_OUTPUT an output is neither/],
    [
      'catches what the host refuses',
      'try { job.output(-1, "x"); } catch {} job.output(0, "y");',
      /^ERR_JOB_OUTPUT channel -1/,
    ],
    ['puts out too much', 'for (let i = 0; i < 600; i++) job.output(0, "x");', /more than 512 times/],
    ['calls itself for ever', 'this.onTick({ number: 1 }, job);', /Maximum call stack/],
  ])('that %s fails with a reason', async (_, body, expected) => {
    expect(await run(body)).toMatch(expected);
  });

  it('ends with what it has promised: nothing changes between two jobs', async () => {
    const text = counterThat('Promise.resolve().then(() => { this.count += 10; }); job.output(0, String(this.count));');
    const program = await openHere(await prepareClass(text));
    program.runJob(tick(1));
    expect(saidOf(program.runJob(tick(2)))).toBe('10');
  });

  it('gets bytes and dates of its own world', async () => {
    const body =
      'job.output(0, [new TextEncoder().encode("ä") instanceof Uint8Array, new Date(0).toISOString(), typeof process, typeof require].join());';
    expect(await run(body)).toBe('true,1970-01-01T00:00:00.000Z,undefined,undefined');
  });
});

describe('the state of a class', () => {
  it('goes on elsewhere from a full checkpoint and an increment on it', async () => {
    const artefact = await prepareClass(COUNTER);
    const program = await openHere(artefact);
    program.runJob(data(1, '7'));
    const full = program.capture('full');
    expect([full.pageCount, full.pages.length, full.mode]).toEqual([16, 65_536, 'full']);
    program.runJob(tick(1));
    const delta = program.capture('delta');
    expect([...delta.pageIndexes]).toEqual([0]);
    const memory = full.pages.slice();
    memory.set(delta.pages, 0);
    const moved = await openHere(artefact, { memory, globals: delta.globals });
    expect(saidOf(moved.runJob(tick(2)))).toBe('9');
    expect(decodeStateHeader(delta.globals)).toMatchObject({ ok: true, value: { format: 'value', taskVersion: 0 } });
  });

  it('may shrink: its memory does not, and what followed it is gone', async () => {
    const text = COUNTER.replace('count: this.count }', "count: this.count, ballast: 'x'.repeat(this.count) }");
    const artefact = await prepareClass(text);
    const program = await openHere(artefact);
    program.runJob(data(1, '100000'));
    expect(program.capture('full').pageCount).toBe(32);
    program.runJob(data(2, '-99995'));
    const shrunk = program.capture('delta');
    expect(shrunk.pageCount).toBe(32);
    const whole = program.capture('full');
    expect(whole.pages.subarray(4096).every((byte) => byte === 0)).toBe(true);
    const moved = await openHere(artefact, { memory: whole.pages, globals: whole.globals });
    expect(saidOf(moved.runJob(tick(1)))).toBe('6');
  });

  const versioned = (version: number, schema: string, format = 'mine/2'): string => `
export default class {
  static version = ${version}; static format = '${format}'; static schema = '${schema}';
  told = -1; bytes = Uint8Array.of(1, 2, 3);
  onTick(_: unknown, job: any) { job.output(0, this.told + ' ' + this.bytes.join()); }
  serialize() { return this.bytes; }
  deserialize(state: Uint8Array, version: number) { this.bytes = state; this.told = version; }
}`;

  it('may be of its own format, and of an earlier version; not of a later one, another format, or another schema', async () => {
    const first = (await openHere(await prepareClass(versioned(1, 'a')))).capture('full');
    const image = { memory: first.pages, globals: first.globals };
    const open = async (text: string): Promise<string> =>
      openHere(await prepareClass(text), image).then(
        (program) => saidOf(program.runJob(tick(1))),
        (error: { code: string; message: string }) => `${error.code} ${error.message}`,
      );
    expect(await open(versioned(1, 'a'))).toBe('1 1,2,3');
    expect(await open(versioned(2, 'b'))).toBe('1 1,2,3');
    expect(await open(versioned(0, 'a'))).toMatch(/^ERR_STORE_CORRUPT .*version 1 of the task, this program is version 0/);
    expect(await open(versioned(1, 'b'))).toMatch(/^ERR_STORE_CORRUPT .*another fingerprint/);
    expect(await open(versioned(1, 'a', 'other'))).toMatch(
      /^ERR_STORE_CORRUPT .*in format 'mine\/2', this program reads 'other'/,
    );
    expect(await open(COUNTER)).toMatch(/reads 'value'/);
  });
});
