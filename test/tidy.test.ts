/**
 * The repository checks its own shape. Formatting, layers and dead code have their tools (`drover test` runs them); here
 * is what no tool knows: the words we do not use, each with what to use instead, and the tables that must agree with
 * each other. A rule that hurts in a good place is changed here, in the open, with its reason.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../src/domain/kernel/error-codes.ts';

const ROOT = join(import.meta.dirname, '..');
const THIS_FILE = 'test/tidy.test.ts';

/** Everything that is or would be committed; what git ignores does not exist here. */
const FILES = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));
/** The code of this project. Tasks under examples/ are AssemblyScript: another language that shares the file ending. */
const CODE = FILES.filter((path) => /\.(ts|cjs|mjs|js)$/.test(path) && !isGenerated(path) && !path.startsWith('examples/'));
const SOURCES = CODE.filter((path) => /^(src|actors|statecharts|infra)\//.test(path));
const TEXTS = FILES.filter((path) => !/\.(wasm|bin|png|jpg|ico|gz)$/.test(path));

describe('words we do not use', () => {
  interface Ban {
    readonly pattern: RegExp;
    readonly instead: string;
    /** A line that the pattern must catch: a ban that catches nothing protects nothing. */
    readonly catches: string;
    readonly where: (path: string) => boolean;
  }
  const code = (path: string): boolean => CODE.includes(path);
  const source = (path: string): boolean => SOURCES.includes(path);
  const anywhere = (path: string): boolean => TEXTS.includes(path);
  const hosts = registryHosts();

  const BANS: readonly Ban[] = [
    {
      pattern: /\bconsole\.(log|info|warn|error|debug)\(/,
      instead: 'the logger port (src/ports/log.ts); only the command line and the benches talk to the terminal',
      catches: "console.log('here');",
      where: (path) => source(path) && !/^src\/app\/(cli|bench)\//.test(path),
    },
    { pattern: /\bas any\b/, instead: '`unknown` and a check', catches: 'const x = y as any;', where: code },
    { pattern: /@ts-(ignore|nocheck)/, instead: '`@ts-expect-error` with its reason', catches: '// @ts-ignore', where: code },
    {
      pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
      instead: 'doing it now, or an issue; a comment is where work goes to be forgotten',
      catches: '// TODO: later',
      where: (path) => anywhere(path) && !path.endsWith('package-lock.json') && path !== 'LICENSE',
    },
    {
      pattern: /\.localeCompare\(/,
      instead: '`a < b ? -1 : a > b ? 1 : 0`: the order must not depend on the machine',
      catches: 'names.sort((a, b) => a.localeCompare(b));',
      where: source,
    },
    {
      pattern: /\b(vi|vitest)\.(mock|doMock|stubGlobal|useFakeTimers)\(/,
      instead: 'a port and its simulated implementation (infra/sim): what is decided is tested through what is injected',
      catches: "vi.mock('../src/x.ts');",
      where: (path) => path.startsWith('test/'),
    },
    {
      pattern: /(^|[\s'"`(=:])\/(home|root|Users|work|mnt)\//,
      instead: 'a path relative to the project, or a temporary folder asked for at run time',
      catches: "const file = '/home/me/project/x.txt';",
      where: anywhere,
    },
    {
      pattern: new RegExp(hosts.map((host) => host.replaceAll('.', '\\.')).join('|')),
      instead: 'nothing: the registry is the business of each machine’s npm settings',
      catches: `fetch('https://${hosts[0]}/x')`,
      where: anywhere,
    },
  ];

  test.each(BANS)('$pattern: use $instead', ({ pattern, catches, where }) => {
    expect(catches).toMatch(pattern);
    const found = FILES.filter((path) => path !== THIS_FILE && where(path)).flatMap((path) =>
      read(path)
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe('files', () => {
  const LINES_MAX = 600;

  test(`no TypeScript file is longer than ${LINES_MAX} lines: look for the second idea in it`, () => {
    const long = CODE.filter((path) => read(path).split('\n').length > LINES_MAX);
    expect(long).toEqual([]);
  });

  test('every source file opens by explaining itself, before or right after its imports', () => {
    // Its explanation sits on its main type, below two small ones.
    const silent = SOURCES.filter((path) => !opensWithComment(read(path)));
    expect(silent).toEqual([]);
  });

  test('an opening is recognised, and so is its absence', () => {
    expect(opensWithComment('/** Why. */\nexport const a = 1;\n')).toBe(true);
    expect(
      opensWithComment("import { a } from './a.ts';\nimport type {\n  B,\n} from './b.ts';\n\n// Why.\nexport const c = a;\n"),
    ).toBe(true);
    expect(opensWithComment("import { a } from './a.ts';\nexport const c = a;\n// Too late.\n")).toBe(false);
  });

  test('no folder is named after nothing: utils, helpers, common, misc, shared', () => {
    const vague = FILES.filter((path) =>
      path
        .split('/')
        .slice(0, -1)
        .some((folder) => /^(utils?|helpers?|common|misc|shared)$/.test(folder)),
    );
    expect(vague).toEqual([]);
  });

  test('every generated file that is committed says so in its first lines', () => {
    const unmarked = FILES.filter(
      (path) => isGenerated(path) && !/generated/i.test(read(path).split('\n').slice(0, 8).join('\n')),
    );
    expect(unmarked).toEqual([]);
  });

  test('what is meant to be started can be started', () => {
    const started = ['drover', '.ci/run'];
    const dead = started.filter((path) => (statSync(join(ROOT, path)).mode & 0o111) === 0 || !read(path).startsWith('#!'));
    expect(dead).toEqual([]);
  });
});

describe('tables that must agree', () => {
  const documented = [...read('docs/ERRORS.md').matchAll(/^### (ERR_[A-Z_]+)$/gm)].map((match) => match[1] ?? '');

  test('every error code has its entry in docs/ERRORS.md', () => {
    expect(ERROR_CODES.filter((code) => !documented.includes(code))).toEqual([]);
  });

  test('every entry of docs/ERRORS.md is a code that exists, once', () => {
    const known: readonly string[] = ERROR_CODES;
    expect(documented.filter((code, index) => !known.includes(code) || documented.indexOf(code) !== index)).toEqual([]);
  });

  test('every entry of docs/ERRORS.md says what it means and names a way out', () => {
    const entries = read('docs/ERRORS.md').split(/^### /m).slice(1);
    const poor = entries.filter((entry) => !/^ERR_[A-Z_]+\n\S.+\n(?:\S.+\n)*?\*\*Way out:\*\* \S/.test(entry));
    expect(poor.map((entry) => entry.split('\n')[0])).toEqual([]);
  });

  test('every invariant of the design that has its checker is cited by a test', () => {
    // DESIGN 2. A checker that no test names may be switched off without anybody noticing.
    const INVARIANTS = [
      'single-writer',
      'one-restore',
      'no-lost-work',
      'durable-before-free',
      'restore-or-say-why',
      'schedulable',
      'atomic-migration',
      'replayable',
    ];
    const tests = CODE.filter((path) => path.startsWith('test/') && path !== THIS_FILE).map(read);
    const uncited = INVARIANTS.filter(
      (name) => FILES.includes(`src/domain/invariants/${name}.ts`) && !tests.some((text) => text.includes(name)),
    );
    expect(uncited).toEqual([]);
  });

  test('package.json names exact versions, and package-lock.json holds the same', () => {
    interface Manifest {
      readonly dependencies: Record<string, string>;
      readonly devDependencies: Record<string, string>;
      readonly peerDependencies: Record<string, string>;
    }
    const manifest: Manifest = JSON.parse(read('package.json'));
    const lock: { readonly packages: Record<string, Manifest> } = JSON.parse(read('package-lock.json'));
    const wanted = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.peerDependencies };
    expect(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
    const { dependencies, devDependencies, peerDependencies } = manifest;
    expect(lock.packages['']).toMatchObject({ dependencies, devDependencies, peerDependencies });
  });

  test('package-lock.json holds every platform package, or a fresh clone cannot install: tools/complete-lock.mjs', () => {
    const lock: { readonly packages: Record<string, { readonly optionalDependencies?: Record<string, string> }> } = JSON.parse(
      read('package-lock.json'),
    );
    const present = Object.keys(lock.packages);
    const asked = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
    expect(asked.filter((name) => !present.some((path) => path.endsWith(`node_modules/${name}`)))).toEqual([]);
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function isGenerated(path: string): boolean {
  return /(^|\/)(gen|generated)\//.test(path) || /_pb\.(ts|js)$/.test(basename(path));
}

/** Whether the first thing after a shebang and the imports is a comment. */
function opensWithComment(text: string): boolean {
  const rest = text
    .replace(/^#!.*\n/, '')
    .replace(/^(?:\s*import\s(?:[^;'"]*\sfrom\s)?\s*['"][^'"]+['"](?:\s+with\s+\{[^}]*\})?;)+/, '');
  return /^\s*(\/\*|\/\/)/.test(rest);
}

/** The public registry and this machine's own, if it has one; a loopback address is nobody's name. */
function registryHosts(): string[] {
  const hosts = [['registry', 'npmjs', 'org'].join('.'), ['registry', 'yarnpkg', 'com'].join('.')];
  try {
    const own = new URL(
      execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
    if (!/^(localhost|127\.|\[)/.test(own.hostname) && !hosts.includes(own.hostname)) hosts.push(own.hostname);
  } catch {
    // Without npm there is no setting that could have leaked.
  }
  return hosts;
}
