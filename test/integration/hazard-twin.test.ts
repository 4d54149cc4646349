/**
 * `drover hazard twin` as a program uses it, with few steps of training: what it says must hold together whatever the generator is worth.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import { type Ran, runDrover } from '../support/run-drover.ts';
import { asCsv, cutShort, wearingFleet } from '../support/wearing-units.ts';

const MAIN = join(projectRoot(), 'dist', 'src', 'app', 'cli', 'main.js');
const QUICK = ['--horizon', '12', '--steps', '10', '--draws', '6'];

let folder: string;
let data = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-twin-'));
  data = write('units.csv', asCsv(wearingFleet(1, 7)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (name: string): string => join(folder, name);

function write(name: string, content: string): string {
  writeFileSync(inFolder(name), content);
  return inFolder(name);
}

const twin = (...args: readonly string[]): Promise<Ran> => runDrover('hazard', ...args);

interface Verdict {
  readonly kept: boolean;
  readonly brier: { readonly real: number; readonly bootstrap: number; readonly generator: number };
}

it('trains the same file from the same seed, says what it is worth, and draws only if it is worth it', async () => {
  const [first, second] = [inFolder('a.model'), inFolder('b.model')];
  const trained = await twin('twin', 'train', '--data', data, ...QUICK, '--out', first, '--json');
  expect(trained).toMatchObject({ exitCode: 0, error: expect.stringMatching(/of \d+ steps/) });
  const again = await twin('twin', 'train', '--data', data, ...QUICK, '--out', second);
  expect(again.out).toMatch(/kept: (true|false)/);
  expect(readFileSync(second)).toEqual(readFileSync(first));
  const { kept, brier } = JSON.parse(trained.out) as Verdict;
  if (kept) expect(brier.generator).toBeLessThan(Math.min(brier.real, brier.bootstrap));
  const drawn = await twin('twin', 'draw', '--model', first, '--units', '3', '--out', inFolder('drawn.csv'), '--json');
  expect(drawn.exitCode).toBe(kept ? 0 : 1);
  expect(existsSync(inFolder('drawn.csv'))).toBe(kept);
  if (!kept) expect(drawn).toMatchObject({ out: '', error: expect.stringContaining('ERR_TWIN_NOT_KEPT') });
});

it('tests on the units that were not drawn, and the rule leaves the real units where it keeps nothing', async () => {
  const args = ['twin', 'evaluate', '--data', data, ...QUICK, '--sizes', '4', '--seeds', '1', '--json'];
  const { exitCode, out } = await twin(...args);
  expect(exitCode).toBe(0);
  const { summaries, trials } = JSON.parse(out) as {
    readonly summaries: readonly {
      readonly tested: number;
      readonly kept: number;
      readonly byRule: { readonly mean: number };
      readonly arms: Readonly<Record<string, { readonly brier: { readonly mean: number } }>>;
    }[];
    readonly trials: readonly { readonly verdict: Verdict }[];
  };
  expect(trials).toHaveLength(1);
  const [summary] = summaries;
  expect(summary?.tested).toBe(3);
  expect(Object.keys(summary?.arms ?? {})).toEqual(['real', 'bootstrap', 'generator', 'bootstrapAlone', 'generatorAlone']);
  expect(summary?.byRule.mean).toBe(summary?.arms[summary.kept === 1 ? 'generator' : 'real']?.brier.mean);
});

it('a mistake ends with its code and no stack', async () => {
  const out = ['--out', inFolder('no.model'), ...QUICK];
  const { columns, units } = wearingFleet(2, 5);
  const fails = async (args: readonly string[], words: RegExp): Promise<void> => {
    const { exitCode, out: told, error } = await twin('twin', ...args);
    expect({ exitCode, told }).toEqual({ exitCode: 1, told: '' });
    expect(error).toMatch(words);
    expect(error).not.toMatch(/\n\s+at /);
  };
  const alive = asCsv({ columns, units }).replace(/^(.*)$/gm, (line) => (line === '' ? '' : `${line},0`));
  const living = write('alive.csv', alive.replace(/,0\n/, ',dead\n'));
  await fails(['train', '--data', living, '--outcome', 'dead', ...out], /no unit failed.*ERR_UNIT_TABLE/);
  const short = write('short.csv', asCsv({ columns, units: units.map((unit) => cutShort(unit, 5)) }));
  await fails(['train', '--data', short, ...out], /too few rows for a horizon of 12.*ERR_UNIT_TABLE/);
  const few = write('few.csv', asCsv({ columns, units: units.slice(0, 3) }));
  await fails(['train', '--data', few, ...out], /only 3 units failed.*ERR_UNIT_TABLE/);
  await fails(
    ['train', '--data', write('words.csv', 'unit,cycle,a\n1,1,x\n1,2,y\n'), ...out],
    /no column of numbers.*ERR_UNIT_TABLE/,
  );
  await fails(['draw', '--model', data, '--out', inFolder('no.csv')], /no learned model of drover.*ERR_MODEL_FILE/);
  const allOfThem = await twin('twin', 'evaluate', '--data', data, ...QUICK, '--sizes', '7');
  expect(allOfThem.error).toContain('some must be left to be tested on');
  expect(existsSync(inFolder('no.model'))).toBe(false);
});

it('Ctrl-C ends the training and writes nothing', async () => {
  const out = inFolder('never.model');
  const args = ['hazard', 'twin', 'train', '--data', data, '--horizon', '12', '--steps', '100000', '--out', out];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let error = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    error += text;
    // From its first word on it hears signals.
    if (error.includes('training')) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(1);
  expect(error).toContain('interrupted: nothing was written');
  expect(existsSync(out)).toBe(false);
});
