/**
 * The rules of the house, tried on planted violations: a linter's configuration that matches nothing passes everything,
 * silently. Each violation stands in a small copy of the project's folders; each must be found, by the rule meant for it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const BIN = join(ROOT, 'node_modules', '.bin');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-rules-'));
  for (const path of ['biome.json', 'tools', '.dependency-cruiser.cjs', 'tsconfig.json', 'package.json', '.gitignore']) {
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  symlinkSync(realpathSync(join(ROOT, 'node_modules')), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plant(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

describe('the import table (dependency-cruiser)', () => {
  const FILES = {
    'src/domain/pure.ts': "import type { Other } from './other.ts';\nexport const pure: Other = 1;\n",
    'src/domain/other.ts': 'export type Other = number;\n',
    'src/domain/protocol/wire.ts': "import { create } from '@bufbuild/protobuf';\nexport const wire = create;\n",
    'src/ports/clock.ts':
      "import type { Other } from '../domain/other.ts';\nexport interface Clock { readonly other: Other }\n",
    'statecharts/good.machine.ts':
      "import { setup } from 'xstate';\nimport { pure } from '../src/domain/pure.ts';\nexport const good = [setup, pure];\n",
    'actors/good.ts':
      "import { good } from '../statecharts/good.machine.ts';\nimport type { Clock } from '../src/ports/clock.ts';\nexport const act = (clock: Clock) => [clock, good];\n",
    'infra/system/clock.ts':
      "import { hrtime } from 'node:process';\nimport type { Clock } from '../../src/ports/clock.ts';\nexport const clock: Clock = { other: Number(hrtime()[0]) };\n",
    'infra/lmdb/store.ts':
      "import { open } from 'lmdb';\nimport { clock } from '../system/clock.ts';\nexport const store = [open, clock];\n",
    'src/app/wire.ts':
      "import { act } from '../../actors/good.ts';\nimport { store } from '../../infra/lmdb/store.ts';\nexport const app = [act, store];\n",
    'test/unit/good.test.ts': "import { app } from '../../src/app/wire.ts';\nexport const t = app;\n",
  };

  const PLANTED: readonly (readonly [rule: string, path: string, importLine: string])[] = [
    ['domain-knows-only-itself', 'src/domain/bad-node.ts', "import 'node:fs';"],
    ['domain-knows-only-itself', 'src/domain/bad-chart.ts', "import 'xstate';"],
    ['domain-knows-only-itself', 'src/domain/bad-port.ts', "import type { Clock } from '../ports/clock.ts';"],
    ['protobuf-only-in-protocol', 'src/domain/bad-wire.ts', "import { create } from '@bufbuild/protobuf';"],
    ['ports-ask-in-domain-words', 'src/ports/bad-package.ts', "import type { Logger } from 'pino';"],
    ['ports-ask-in-domain-words', 'src/ports/bad-infra.ts', "import '../../infra/lmdb/store.ts';"],
    ['charts-only-decide', 'statecharts/bad-port.ts', "import type { Clock } from '../src/ports/clock.ts';"],
    ['charts-only-decide', 'statecharts/bad-node.ts', "import 'node:fs';"],
    ['actors-do-through-ports', 'actors/bad-infra.ts', "import '../infra/lmdb/store.ts';"],
    ['actors-do-through-ports', 'actors/bad-node.ts', "import 'node:fs';"],
    ['infra-never-decides', 'infra/nats/bad-actor.ts', "import '../../actors/good.ts';"],
    ['infra-never-decides', 'infra/nats/bad-chart.ts', "import '../../statecharts/good.machine.ts';"],
    ['adapters-do-not-know-each-other', 'infra/nats/bad-neighbour.ts', "import '../lmdb/store.ts';"],
    ['console-sees-domain-and-charts', 'src/console/bad-infra.ts', "import '../../infra/lmdb/store.ts';"],
    ['console-sees-domain-and-charts', 'src/console/bad-node.ts', "import 'node:fs';"],
    ['nothing-imports-the-app', 'infra/nats/bad-app.ts', "import '../../src/app/wire.ts';"],
    ['nothing-imports-test', 'src/app/bad-test.ts', "import '../../test/unit/good.test.ts';"],
    ['no-folder-outside-the-table', 'src/app/bad-folder.ts', "import '../extra/thing.ts';"],
    ['no-cycles', 'src/app/bad-cycle.ts', "import './the-way-back.ts';"],
    ['everything-resolves', 'src/app/bad-spelling.ts', "import './nowhere.ts';"],
    ['production-needs-no-dev-package', 'src/app/bad-dev.ts', "import 'fast-check';"],
  ];

  let found: readonly string[];
  beforeAll(() => {
    plant(FILES);
    plant({ 'src/extra/thing.ts': 'export const thing = 1;\n', 'src/app/the-way-back.ts': "import './bad-cycle.ts';\n" });
    plant(Object.fromEntries(PLANTED.map(([, path, line]) => [path, `${line}\nexport const planted = 1;\n`])));
    const args = [
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
      'src',
      'actors',
      'statecharts',
      'infra',
      'test',
    ];
    const { stdout, stderr } = spawnSync(join(BIN, 'depcruise'), args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (stdout === '') throw new Error(stderr);
    const { summary }: { summary: { violations: { rule: { name: string }; from: string }[] } } = JSON.parse(stdout);
    found = summary.violations.map(({ rule, from }) => `${rule.name} ${from}`);
  });

  test.each(PLANTED)('%s catches %s', (rule, path) => {
    expect(found).toContain(`${rule} ${path}`);
  });

  test('what the table allows passes', () => {
    const good = Object.keys(FILES);
    expect(found.filter((violation) => good.some((path) => violation.endsWith(` ${path}`)))).toEqual([]);
  });
});

describe('ambient time, chance and environment (Biome)', () => {
  const LINES: readonly (readonly [rule: string, line: string])[] = [
    ['lint/style/noRestrictedGlobals', 'export const a = Date.now();'],
    ['lint/style/noRestrictedGlobals', 'export const a = new Date();'],
    ['lint/style/noRestrictedGlobals', 'export const a = performance.now();'],
    ['lint/style/noRestrictedGlobals', 'setTimeout(() => {}, 1);'],
    ['lint/style/noRestrictedGlobals', 'export const a = crypto.randomUUID();'],
    ['plugin', 'export const a = Math.random();'],
    ['plugin', "export const a = Math['random']();"],
  ];
  const ENVIRONMENT: readonly (readonly [rule: string, line: string])[] = [
    ['lint/style/noRestrictedGlobals', 'export const a = process.pid;'],
    ['lint/style/noRestrictedGlobals', 'export const a = globalThis;'],
    ['lint/correctness/noNodejsModules', "import { readFileSync } from 'node:fs';\nexport const a = readFileSync;"],
  ];
  const PROMISES: readonly (readonly [rule: string, line: string])[] = [
    ['lint/nursery/noFloatingPromises', 'const f = async (): Promise<number> => 1;\nexport function g(): void {\n  f();\n}'],
    [
      'lint/nursery/noMisusedPromises',
      'const f = async (): Promise<boolean> => true;\nexport const g = (): number => (f() ? 1 : 2);',
    ],
    ['lint/suspicious/noExplicitAny', 'export const a: any = 1;'],
  ];
  const cases = [
    ...['src/domain/deep/in', 'statecharts', 'actors'].flatMap((at) => LINES.map(([rule, line]) => ({ at, rule, line }))),
    ...['src/domain/deep/in', 'statecharts'].flatMap((at) => ENVIRONMENT.map(([rule, line]) => ({ at, rule, line }))),
    ...['infra/nats', 'src/app/cli', 'test/unit'].flatMap((at) => PROMISES.map(([rule, line]) => ({ at, rule, line }))),
  ].map((planted, index) => ({ ...planted, path: `${planted.at}/planted-${index}.ts` }));

  let found: readonly string[];
  beforeAll(() => {
    plant(Object.fromEntries(cases.map(({ path, line }) => [path, `${line}\n`])));
    plant({ 'infra/system/time.ts': LINES.map(([, line], index) => line.replace('const a', `const a${index}`)).join('\n') });
    const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
    const { stdout, stderr } = spawnSync(join(BIN, 'biome'), args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 });
    if (stdout === '') throw new Error(stderr);
    const report: { diagnostics: { category: string; location: { path: unknown } }[] } = JSON.parse(stdout);
    found = report.diagnostics.map(({ category, location }) => `${category} ${JSON.stringify(location.path)}`);
  });

  test.each(cases)('$rule catches $line in $path', ({ rule, path }) => {
    expect(found.some((diagnostic) => diagnostic.startsWith(rule) && diagnostic.includes(path))).toBe(true);
  });

  test('infra may touch the clock: somebody has to', () => {
    expect(
      found.filter((diagnostic) => diagnostic.includes('infra/system/time.ts') && /Restricted|plugin/.test(diagnostic)),
    ).toEqual([]);
  });
});
