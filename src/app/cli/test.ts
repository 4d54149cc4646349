/**
 * `drover test`: everything that CI asks for, in the order in which a mistake is cheapest to learn of. The static checks
 * run first and are silent when they hold; then come vitest's fast part and, without `--fast`, the full part. All of
 * them always run, so that one answer names everything that is wrong.
 *
 * The last line is alone on its line and made for machines as well: `N passed, N failed, N skipped`, summed from vitest's
 * own JSON reports. A part that failed without naming a failed test (a file that does not load, a crash) counts as one
 * failed. The exit code is 0 only if every static check held and nothing failed.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { projectRoot } from '../project-root.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { addCounts, countTests, NO_TESTS, type TestCounts } from './test-counts.ts';

export function registerTest(program: Command): void {
  const command = program
    .command('test')
    .description('check the code and run the tests, as CI does')
    .option('--fast', 'only the static checks and the fast tests (about a minute)')
    .action((options: { readonly fast?: boolean }) => testAll({ fast: options.fast ?? false }));
  withExamples(command, [
    { does: 'Everything, as CI runs it', line: 'drover test' },
    { does: 'What to run before every commit', line: 'drover test --fast' },
  ]);
}

interface StaticCheck {
  readonly name: string;
  readonly line: readonly string[];
  /** A script of package.json without which this check has nothing to do. */
  readonly needsScript?: string;
}

const STATIC_CHECKS: readonly StaticCheck[] = [
  { name: 'format and lint', line: ['biome', 'ci', '--colors=off', '--error-on-warnings', '--max-diagnostics=200', '.'] },
  { name: 'types', line: ['tsc', '-p', 'tsconfig.check.json'] },
  { name: 'import table', line: ['depcruise', '--config', '.dependency-cruiser.cjs', '--output-type', 'err', '.'] },
  { name: 'dead code', line: ['knip', '--no-progress'] },
  { name: 'generated code', line: ['npm', 'run', '--silent', 'generate:check'], needsScript: 'generate:check' },
];

async function testAll({ fast }: { readonly fast: boolean }): Promise<void> {
  const root = projectRoot();
  const scripts = scriptsOf(root);
  const broken: string[] = [];
  for (const check of STATIC_CHECKS) {
    if (check.needsScript !== undefined && !scripts.includes(check.needsScript)) continue;
    if (!(await holds(check, root))) broken.push(check.name);
  }
  let total: TestCounts = NO_TESTS;
  for (const part of fast ? ['fast'] : ['fast', 'full']) total = addCounts(total, await runTests(part, root));
  if (broken.length > 0) say(`static checks that do not hold: ${broken.join(', ')}`);
  say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  if (broken.length > 0 || total.failed > 0) throw new QuietExit(EXIT_FAILED);
}

function scriptsOf(root: string): string[] {
  const manifest: { scripts?: Record<string, string> } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.keys(manifest.scripts ?? {});
}

/** Runs one static check; what it said is shown only if it does not hold. */
async function holds(check: StaticCheck, root: string): Promise<boolean> {
  const begunMs = performance.now();
  const { exitCode, said } = await runTool(check.line, { root, quiet: true });
  say(`${exitCode === 0 ? 'ok    ' : 'BROKEN'} ${check.name} (${seconds(begunMs)})`);
  if (exitCode !== 0) say(said);
  return exitCode === 0;
}

/** Runs one part of the tests with vitest's own output passed through, and counts from its JSON report. */
async function runTests(part: string, root: string): Promise<TestCounts> {
  say(`tests: the ${part} part`);
  const begunMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'drover-test-'));
  try {
    const report = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const line = ['vitest', 'run', '--project', part, '--passWithNoTests', ...reporters];
    const { exitCode } = await runTool(line, { root, quiet: false });
    const counts = countTests(readReport(report), exitCode);
    say(`tests: the ${part} part took ${seconds(begunMs)}`);
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The report of a run that crashed is missing or cut off; the exit code then tells enough. */
function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Starts a tool of node_modules/.bin (or one in PATH); npx is avoided because it talks on its own account. */
function runTool(
  line: readonly string[],
  { root, quiet }: { readonly root: string; readonly quiet: boolean },
): Promise<{ readonly exitCode: number; readonly said: string }> {
  const [tool = '', ...args] = line;
  const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`;
  return new Promise((resolve, reject) => {
    const stdio = quiet ? (['ignore', 'pipe', 'pipe'] as const) : (['ignore', 'inherit', 'inherit'] as const);
    const child = spawn(tool, args, { cwd: root, stdio: [...stdio], env: { ...process.env, PATH: path } });
    const said: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const ended = signal === null ? '' : `\nended by ${signal}\n`;
      resolve({ exitCode: code ?? EXIT_FAILED, said: Buffer.concat(said).toString('utf8') + ended });
    });
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function seconds(begunMs: number): string {
  return `${((performance.now() - begunMs) / 1000).toFixed(1)} s`;
}
