/**
 * nats-server from the mirror this Debian or Ubuntu already uses, from a newer suite than the installed one (Debian 12's
 * own is too old), and without touching the system: apt gets a private configuration with its own state, cache and sources
 * list. Address, proxies and certificates are the machine's (`apt-get indextargets`, `apt-config dump`), keys are the
 * system's trusted keyring, and apt verifies signatures as always. The package is unpacked, never installed.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CommandResult, lastLines, runCommand } from '../system/run-command.ts';
import type { FetchContext } from './server-source.ts';

/** Where the machine's own apt gets its main packages from. */
export interface AptMirror {
  readonly origin: string;
  readonly codename: string;
  readonly uri: string;
  readonly signedBy: string | undefined;
}

const PACKAGE = 'nats-server';
const UPDATE_TIMEOUT_US = 300_000_000;
const TOOL_TIMEOUT_US = 60_000_000;

export async function fetchFromApt(context: FetchContext): Promise<readonly string[]> {
  const listed = await runCommand('apt-get', ['indextargets', '--format', INDEX_FORMAT, 'Created-By: Packages'], {
    timeoutUs: TOOL_TIMEOUT_US,
  });
  if (listed.kind === 'absent') return ['this system has no apt-get'];
  const mirror = chooseMirror(listed.stdout);
  if (mirror === undefined) return ['apt-get names no mirror of packages'];
  const dumped = await runCommand('apt-config', ['dump'], { timeoutUs: TOOL_TIMEOUT_US });
  const notes: string[] = [];
  for (const suite of suitesToTry(mirror)) {
    const note = await fetchSuite(context, { mirror, suite, settings: acquireSettings(dumped.stdout) });
    if (note === undefined) return [];
    notes.push(`${suite}: ${note}`);
  }
  return notes;
}

interface SuiteFetch {
  readonly mirror: AptMirror;
  readonly suite: string;
  readonly settings: readonly string[];
}

/** Undefined when a server was accepted, else why not. */
async function fetchSuite(context: FetchContext, what: SuiteFetch): Promise<string | undefined> {
  const root = join(context.scratch, what.suite);
  await writePrivateApt(root, what);
  const env = { ...process.env, APT_CONFIG: join(root, 'apt.conf'), LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
  const onLine = (line: string): void => {
    if (/^(Get|Fetched)/.test(line)) context.onProgress(line);
  };
  context.onProgress(`Reading the package list of ${what.suite} from this machine's mirror.`);
  const update = await runCommand('apt-get', ['update', '-q'], { timeoutUs: UPDATE_TIMEOUT_US, env, onLine });
  if (!succeeded(update)) return failure('apt-get update', update);
  const download = await runCommand('apt-get', ['download', '-q', PACKAGE], {
    timeoutUs: UPDATE_TIMEOUT_US,
    cwd: join(root, 'package'),
    env,
    onLine,
  });
  if (!succeeded(download)) return failure(`apt-get download ${PACKAGE}`, download);
  const archive = (await readdir(join(root, 'package'))).find((entry) => entry.endsWith('.deb'));
  if (archive === undefined) return 'apt-get downloaded no package';
  const unpack = await runCommand('dpkg', ['-x', join(root, 'package', archive), join(root, 'files')], {
    timeoutUs: TOOL_TIMEOUT_US,
  });
  if (!succeeded(unpack)) return failure('dpkg -x', unpack);
  for (const folder of ['usr/sbin', 'usr/bin']) {
    const entries: readonly string[] = await readdir(join(root, 'files', folder)).catch(() => []);
    if (!entries.includes(PACKAGE)) continue;
    const { accepted, note } = await context.accept(join(root, 'files', folder, PACKAGE));
    context.onProgress(note);
    return accepted ? undefined : note;
  }
  return `the package ${archive} holds no ${PACKAGE}`;
}

const INDEX_FORMAT = '$(ORIGIN)|$(LABEL)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)|$(SIGNED_BY)';

/** The machine's main archive: not a security or updates pocket, not a third party's. Fields apt does not know stay `$(NAME)`. */
export function chooseMirror(indexTargets: string): AptMirror | undefined {
  const mirrors: (AptMirror & { readonly rank: number })[] = [];
  for (const line of indexTargets.split('\n')) {
    const [origin = '', label = '', codename = '', component = '', uri = '', signedBy = ''] = line.split('|');
    if (component !== 'main' || uri === '' || uri.startsWith('cdrom:')) continue;
    const isPocket = /security|backports/i.test(`${label} ${codename}`) || codename.includes('-');
    const isDistribution = origin === 'Debian' || origin === 'Ubuntu';
    const key = signedBy.startsWith('/') && !/\s/.test(signedBy) ? signedBy : undefined;
    mirrors.push({ origin, codename, uri, signedBy: key, rank: (isDistribution ? 0 : 2) + (isPocket ? 1 : 0) });
  }
  const best = mirrors.sort((a, b) => a.rank - b.rank)[0];
  if (best === undefined) return undefined;
  return { origin: best.origin, codename: best.codename, uri: best.uri, signedBy: best.signedBy };
}

/**
 * Newest first: a newer server writes a job's outputs as one atomic batch (≥ 2.12), and its package needs no more than the
 * C library's old symbols. A candidate that does not run here is passed over for the next suite.
 */
export function suitesToTry(mirror: AptMirror): readonly string[] {
  const newer = mirror.origin === 'Ubuntu' ? ['devel'] : mirror.origin === 'Debian' ? ['sid', 'trixie'] : [];
  return [...new Set([...newer, mirror.codename])].filter((suite) => /^[a-z][a-z0-9.-]*$/.test(suite));
}

/** How the administrator has apt reach the outside (proxy, certificates, timeouts, date checks), without its own index targets. */
export function acquireSettings(dump: string): readonly string[] {
  return dump
    .split('\n')
    .filter((line) => line.startsWith('Acquire::') && !line.startsWith('Acquire::IndexTargets') && line.endsWith(';'));
}

async function writePrivateApt(root: string, what: SuiteFetch): Promise<void> {
  for (const folder of ['state/lists/partial', 'cache/archives/partial', 'package', 'files'])
    await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, 'status'), '');
  const key = what.mirror.signedBy === undefined ? '' : `[signed-by=${what.mirror.signedBy}] `;
  const components = what.mirror.origin === 'Ubuntu' ? 'main universe' : 'main';
  await writeFile(join(root, 'sources.list'), `deb ${key}${what.mirror.uri} ${what.suite} ${components}\n`);
  const configuration = [
    ...what.settings,
    'Acquire::Languages "none";',
    'APT::Update::Error-Mode "any";', // else an unreachable mirror counts as success
    'APT::Sandbox::User "root";', // for root only: the user _apt may not enter our folder
    `Dir::State "${root}/state";`,
    `Dir::State::status "${root}/status";`,
    `Dir::Cache "${root}/cache";`,
    `Dir::Etc::sourcelist "${root}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null";',
    // The system's own files are not read a second time: their hooks after an update are not ours to run.
    'Dir::Etc::main "/dev/null";',
    'Dir::Etc::parts "/dev/null";',
    '',
  ];
  // Proxies may carry a password.
  await writeFile(join(root, 'apt.conf'), configuration.join('\n'), { mode: 0o600 });
}

function succeeded(run: CommandResult): boolean {
  return run.kind === 'exited' && run.exitCode === 0;
}

function failure(what: string, run: CommandResult): string {
  if (run.kind === 'absent') return `${what}: there is no such program`;
  return `${what}: ${run.kind === 'late' ? 'it took too long' : lastLines(run.stderr, 1) || `exit code ${run.exitCode}`}`;
}
