/**
 * The launcher against the real npm, the real compiler and real signals, in a small project of its own that needs no
 * network: its only package is a folder that leads to this project's compiler. L1 to L5 are the launcher's promises.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const MANIFEST = { name: 'p', version: '1.0.0', type: 'module', dependencies: { typescript: 'file:compiler' } };
let folder: string;
let project: string;

/** A fresh clone, and the same after its first start (which takes seconds); each test gets its own copy of one. */
const templates = mkdtempSync(join(tmpdir(), 'drover-launcher-'));
const FRESH = join(templates, 'fresh');
const PREPARED = join(templates, 'prepared');

beforeAll(async () => {
  project = FRESH;
  writeFreshClone();
  project = PREPARED;
  copy(FRESH, PREPARED);
  expect(await launch(['--prepare'])).toMatchObject({ exitCode: 0 });
});

afterAll(() => rmSync(templates, { recursive: true, force: true }));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-launcher-'));
  project = join(folder, 'project');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** With the times of folders too, which node's own copy renews; the launcher would see a change in every one of them. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}

function workOn(template: string): void {
  copy(template, project);
}

describe('a fresh clone', () => {
  beforeEach(() => workOn(FRESH));

  test('is installed and built in one go, said in one line on standard error (L1)', async () => {
    const { exitCode, out, error } = await launch(['a b', 'c']);
    expect({ exitCode, out, error }).toEqual({
      exitCode: 0,
      out: 'first a b|c',
      error: 'drover: installing the locked packages (npm ci), then building …\n',
    });
  });

  test('is silent and untouched the second time', async () => {
    await launch();
    const built = readFileSync(join(project, 'dist', '.tsbuildinfo'), 'utf8');
    expect(await launch()).toEqual({ exitCode: 0, out: 'first ', error: '' });
    expect(readFileSync(join(project, 'dist', '.tsbuildinfo'), 'utf8')).toBe(built);
  });

  test('of which two start at once is prepared once, and both run (L4)', async () => {
    const both = await Promise.all([launch(), launch()]);
    expect(both.map(({ exitCode, out }) => ({ exitCode, out }))).toEqual([
      { exitCode: 0, out: 'first ' },
      { exitCode: 0, out: 'first ' },
    ]);
    expect(both.filter(({ error }) => error.includes('installing the locked'))).toHaveLength(1);
  });

  test('that cannot be installed says what npm said, and the way out', async () => {
    write('package-lock.json', 'no json');
    const { exitCode, out, error } = await launch();
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toMatch(/npm error[\s\S]*`npm ci .*` failed[\s\S]*could not be installed\. Check the network/);
  });
});

describe('afterwards', () => {
  beforeEach(() => workOn(PREPARED));

  test('a changed source is built (L3)', async () => {
    writeMain("process.stdout.write('second');");
    expect(await launch()).toEqual({ exitCode: 0, out: 'second', error: 'drover: building what changed …\n' });
  });

  test('a deleted source is noticed (L3)', async () => {
    write('src/app/other.ts', 'export const other = 1;\n');
    await launch();
    rmSync(join(project, 'src', 'app', 'other.ts'));
    expect((await launch()).error).toBe('drover: building what changed …\n');
  });

  test('a deleted dist is built in full (L3)', async () => {
    rmSync(join(project, 'dist', 'src'), { recursive: true });
    expect(await launch()).toMatchObject({ exitCode: 0, out: 'first ' });
  });

  test('a changed lock is installed, whatever its time says (L2)', async () => {
    writeLock({ note: 'changed' });
    utimesSync(join(project, 'package-lock.json'), 1, 1);
    expect((await launch()).error).toMatch(/installing the locked packages/);
  });

  test('a compiler that is not there is no matter of types', async () => {
    rmSync(join(project, 'node_modules', 'typescript'));
    writeMain('process.exit(0);');
    const { exitCode, error } = await launch(['--prepare']);
    expect(exitCode).toBe(1);
    expect(error).toMatch(/Cannot find module .*typescript/);
  });

  test('types that do not hold stop it, every time, with the compiler’s words', async () => {
    writeMain("const wrong: number = 'text';\nprocess.stdout.write(String(wrong));");
    for (const attempt of ['first', 'second']) {
      const { exitCode, out, error } = await launch();
      expect({ exitCode, out }, attempt).toEqual({ exitCode: 3, out: '' });
      expect(error).toContain("Type 'string' is not assignable to type 'number'");
    }
  });

  test('it works from any folder and through links', async () => {
    mkdirSync(join(folder, 'bin'));
    symlinkSync('../project/drover', join(folder, 'bin', 'second'));
    symlinkSync(join(folder, 'bin', 'second'), join(folder, 'bin', 'first'));
    expect(await launch(['x'], { command: join(folder, 'bin', 'first'), cwd: tmpdir() })).toMatchObject({
      exitCode: 0,
      out: 'first x',
    });
  });

  test('it works when found in PATH', async () => {
    const PATH = `${project}:${process.env['PATH']}`;
    expect(await launch(['x'], { command: 'drover', cwd: tmpdir(), env: { PATH } })).toMatchObject({
      exitCode: 0,
      out: 'first x',
    });
  });

  test('the exit code is the command’s', async () => {
    writeMain('process.exit(42);');
    expect((await launch()).exitCode).toBe(42);
  });

  test('the command has the launcher’s own pid and receives its signals', async () => {
    writeMain(
      "process.on('SIGTERM', () => process.exit(17)); setInterval(() => {}, 1000); process.stdout.write(String(process.pid));",
    );
    await launch(['--prepare']);
    const child = start([]);
    const [pid] = await once(child.stdout ?? child, 'data');
    expect(Number(pid)).toBe(child.pid);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([17, null]);
  });

  test('a lock is waited for, and that of a killed process breaks (L4)', async () => {
    const holder = spawn('sh', [
      '-c',
      'exec 9>"$0"; flock 9; echo held; exec sleep 600',
      join(project, '.drover', 'prepare.lock'),
    ]);
    await once(holder.stdout, 'data');
    writeMain("process.stdout.write('after');");
    const child = start([]);
    const waiting = finished(child);
    const [said] = await once(child.stderr ?? child, 'data');
    expect(String(said)).toContain('waiting for it');
    holder.kill('SIGKILL');
    expect(await waiting).toMatchObject({ exitCode: 0, out: 'after' });
  });

  test('packages behind a link are left alone (a git worktree)', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    write('../elsewhere/kept', 'by its owner');
    rmSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(join(folder, 'elsewhere'), join(project, 'node_modules'));
    expect(await launch()).toEqual({ exitCode: 0, out: 'first ', error: '' });
    expect(existsSync(join(folder, 'elsewhere', 'kept'))).toBe(true);
  });

  test('a copy without a lock file is neither installed nor built (L5)', async () => {
    rmSync(join(project, 'package-lock.json'));
    writeMain("process.stdout.write('never compiled');");
    expect(await launch()).toEqual({ exitCode: 0, out: 'first ', error: '' });
  });
});

test('a Node.js that is too old is named, with the way out', async () => {
  workOn(FRESH);
  mkdirSync(join(folder, 'old'));
  writeFileSync(join(folder, 'old', 'node'), '#!/bin/sh\necho v18.19.1\n');
  chmodSync(join(folder, 'old', 'node'), 0o755);
  const { exitCode, out, error } = await launch([], { env: { PATH: `${join(folder, 'old')}:${process.env['PATH']}` } });
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
  expect(error).toMatch(/needs Node\.js 20\.19 or newer, found 18\.19\.1 at .*\/old\/node\. Install/);
});

describe('a Node.js that is there and does not start', () => {
  test('for its NODE_OPTIONS: they are named, with what Node says of them and the way out', async () => {
    workOn(FRESH);
    const { exitCode, out, error } = await launch([], { env: { NODE_OPTIONS: '--nonsense' } });
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(error).toMatch(/--nonsense is not allowed[\s\S]*does not start with NODE_OPTIONS=--nonsense\. Correct it, or/);
    expect(error).not.toContain('missing');
  });

  test('for another reason: its own words are shown, and where it is', async () => {
    workOn(FRESH);
    mkdirSync(join(folder, 'broken'));
    writeFileSync(join(folder, 'broken', 'node'), '#!/bin/sh\necho "wrong ELF class" >&2\nexit 127\n');
    chmodSync(join(folder, 'broken', 'node'), 0o755);
    const { exitCode, error } = await launch([], { env: { PATH: `${join(folder, 'broken')}:${process.env['PATH']}` } });
    expect(exitCode).toBe(1);
    expect(error).toMatch(/wrong ELF class\ndrover: Node\.js at .*\/broken\/node does not start\./);
  });

  test('because there is none: that is said', async () => {
    workOn(FRESH);
    mkdirSync(join(folder, 'none'));
    for (const tool of ['sh', 'dirname', 'readlink']) symlinkSync(`/bin/${tool}`, join(folder, 'none', tool));
    const { exitCode, error } = await launch([], { env: { PATH: join(folder, 'none'), NODE_OPTIONS: '--nonsense' } });
    expect(exitCode).toBe(1);
    expect(error).toMatch(/^drover: Node\.js is missing\./);
  });
});

interface Launch {
  readonly command?: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

function start(
  args: readonly string[],
  { command = join(project, 'drover'), cwd = project, env = {} }: Launch = {},
): ChildProcess {
  return spawn(command, args, { cwd, env: { ...process.env, ...env } });
}

function launch(args: readonly string[] = [], options: Launch = {}): ReturnType<typeof finished> {
  return finished(start(args, options));
}

async function finished(child: ChildProcess): Promise<{ exitCode: number | null; out: string; error: string }> {
  let out = '';
  let error = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    error += chunk;
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, out, error };
}

function writeFreshClone(): void {
  mkdirSync(join(project, 'src', 'app', 'cli'), { recursive: true });
  mkdirSync(join(project, 'compiler', 'bin'), { recursive: true });
  cpSync(join(ROOT, 'drover'), join(project, 'drover'));
  const compiler = createRequire(import.meta.url).resolve('typescript/lib/tsc.js');
  write('compiler/package.json', JSON.stringify({ name: 'typescript', version: '1.0.0' }));
  write('compiler/bin/tsc', `require(${JSON.stringify(compiler)});\n`);
  write('package.json', JSON.stringify(MANIFEST));
  writeLock();
  const compilerOptions = {
    outDir: 'dist',
    rootDir: '.',
    module: 'NodeNext',
    target: 'ES2022',
    lib: ['ES2022'],
    types: [],
    skipLibCheck: true,
    incremental: true,
    tsBuildInfoFile: 'dist/.tsbuildinfo',
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['src'] }));
  writeMain("process.stdout.write('first ' + process.argv.slice(2).join('|'));");
}

function write(path: string, text: string): void {
  writeFileSync(join(project, path), text);
}

function writeMain(statement: string): void {
  write('src/app/cli/main.ts', `declare const process: any;\ndeclare const setInterval: any;\n${statement}\nexport {};\n`);
}

function writeLock(extra: object = {}): void {
  const { name, version } = MANIFEST;
  const packages = {
    '': MANIFEST,
    compiler: { name: 'typescript', version: '1.0.0' },
    'node_modules/typescript': { resolved: 'compiler', link: true },
  };
  write('package-lock.json', JSON.stringify({ name, version, lockfileVersion: 3, requires: true, packages, ...extra }));
}
