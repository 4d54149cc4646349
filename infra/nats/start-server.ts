/**
 * Starts drover's own nats-server in a data folder, or joins the one that already serves it.
 *
 * N1. One server per data folder: starting is done under a lock, and a live server is found by its pid file *and* by its
 *     command line, so that neither a stale file nor a reused pid misleads.
 * N2. When `startServer` resolves, the server has let a client in with the folder's password.
 * N3. A restart in the same folder takes the same port and passwords and has the same streams: clients find their way back.
 *     (If another program took the port meanwhile, it takes a new one and says so, unless the port was asked for.)
 * N4. A `tied` server does not outlive the process that started it, however that dies.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { commandLine, isProcessAlive } from '../system/process-identity.ts';
import { takeProcessLock } from '../system/process-lock.ts';
import { lastLines } from '../system/run-command.ts';
import { probeServer, type ServerProbe } from './probe-server.ts';
import { type SyncPolicy, serverConfig, serverPaths } from './server-config.ts';
import {
  type Login,
  makePrivateFolder,
  newServerFile,
  readServerFile,
  type ServerFile,
  writePrivateFile,
  writeServerFile,
} from './server-file.ts';

export interface StartServerOptions {
  /** The nats-server program, from `findServer`. */
  readonly program: string;
  /** Made if missing, for its owner alone. */
  readonly dataFolder: string;
  /** Default 127.0.0.1: hosts elsewhere need `0.0.0.0` or this machine's address. */
  readonly host?: string;
  /** Default: the port last used here, at first any free one. */
  readonly port?: number;
  readonly sync?: SyncPolicy;
  /** HTTP monitoring on a free port of 127.0.0.1. */
  readonly monitoring?: boolean;
  readonly storeBytesMax?: number;
  /** The server ends when this process does (default false: it goes on, and the next start joins it). */
  readonly tied?: boolean;
  readonly timeoutUs?: number;
}

export interface RunningServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly serverName: string;
  readonly version: string;
  readonly dataFolder: string;
  readonly drover: Login;
  readonly sys: Login;
  /** False when it already served this folder; then `stop` leaves it alone. */
  readonly started: boolean;
  /** The folder's former port was taken by another program. */
  readonly portMoved: boolean;
  readonly monitoringUrl: string | undefined;
  /** Resolves when the server is gone; never for one that was joined. Does not keep this process alive. */
  readonly ended: Promise<void>;
  /** Asks it to leave, ends it after a bound. Resolves when no process is left. */
  stop(): Promise<void>;
}

const portsFile = z.object({ nats: z.array(z.string()), monitoring: z.array(z.string()).optional() });

const START_TIMEOUT_US = 30_000_000;
const STOP_TIMEOUT_US = 10_000_000;
const PROBE_TIMEOUT_US = 2_000_000;
const POLL_MS = 10;

export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const dataFolder = resolve(options.dataFolder);
  await makePrivateFolder(dataFolder);
  const timeoutUs = options.timeoutUs ?? START_TIMEOUT_US;
  const lock = await takeProcessLock({ folder: dataFolder, name: '.starting', timeoutUs });
  if (lock === undefined)
    throw new DroverError(
      'ERR_SERVER_START',
      `another process has been starting a server in ${dataFolder} for ${timeoutUs / 1e6} s`,
    );
  try {
    const file = (await readServerFile(dataFolder)) ?? newServerFile(options.host ?? '127.0.0.1');
    const pid = await livePid(dataFolder);
    if (pid !== undefined) {
      const joined = await joinLive(dataFolder, file, pid);
      if (options.port === undefined || options.port === joined.port) return joined;
      throw new DroverError(
        'ERR_SERVER_START',
        `the server of ${dataFolder} runs on port ${joined.port}, not ${options.port}: stop it first`,
      );
    }
    const wanted = { ...file, host: options.host ?? file.host, port: options.port ?? file.port };
    await writeServerFile(dataFolder, wanted);
    return await startHere(options, dataFolder, wanted);
  } finally {
    await lock.release();
  }
}

/** The server that serves the folder now, without starting one. */
export async function runningServer(folder: string): Promise<RunningServer | undefined> {
  const dataFolder = resolve(folder);
  const file = await readServerFile(dataFolder);
  const pid = file === undefined ? undefined : await livePid(dataFolder);
  return file === undefined || pid === undefined ? undefined : joinLive(dataFolder, file, pid);
}

/** Stops whatever server serves the folder, whoever started it. False when there was none. */
export async function stopServer(folder: string): Promise<boolean> {
  const pid = await livePid(resolve(folder));
  if (pid === undefined) return false;
  await endProcess(pid);
  return true;
}

async function joinLive(dataFolder: string, file: ServerFile, pid: number): Promise<RunningServer> {
  const deadline = performance.now() + PROBE_TIMEOUT_US / 1000;
  let probe: ServerProbe = { kind: 'silent', sentence: 'it has named no port yet' };
  for (;;) {
    const ports = await readPorts(dataFolder, pid);
    const port = ports?.port ?? file.port;
    if (port !== 0)
      probe = await probeServer({ host: dialHost(file.host), port, login: file.drover, timeoutUs: PROBE_TIMEOUT_US });
    if (probe.kind === 'ready') {
      return describe({
        dataFolder,
        file: { ...file, port },
        pid,
        version: probe.version,
        monitoringUrl: ports?.monitoringUrl,
      });
    }
    if (probe.kind === 'denied' || performance.now() >= deadline) break;
    await sleep(POLL_MS);
  }
  throw new DroverError(
    'ERR_SERVER_START',
    `process ${pid} is a nats-server in ${dataFolder}, but drover cannot use it (${probe.sentence}): end it with "kill ${pid}" and start again`,
  );
}

async function startHere(options: StartServerOptions, dataFolder: string, file: ServerFile): Promise<RunningServer> {
  const first = await launch(options, dataFolder, file);
  if (first.kind === 'ready') return first.server;
  // The port is remembered, not asked for: losing it costs clients that still try it, not the fleet.
  const isPortTaken = /address already in use/i.test(first.lastWords);
  if (!isPortTaken || options.port !== undefined) throw startFailure(first, dataFolder, isPortTaken);
  const second = await launch(options, dataFolder, { ...file, port: 0 });
  if (second.kind === 'ready') return { ...second.server, portMoved: true };
  throw startFailure(second, dataFolder, false);
}

type Launch = { readonly kind: 'ready'; readonly server: RunningServer } | LaunchFailure;
interface LaunchFailure {
  readonly kind: 'failed';
  readonly why: string;
  readonly lastWords: string;
}

async function launch(options: StartServerOptions, dataFolder: string, file: ServerFile): Promise<Launch> {
  const paths = serverPaths(dataFolder);
  await makePrivateFolder(paths.ports);
  for (const entry of await readdir(paths.ports)) await rm(join(paths.ports, entry), { force: true });
  const port = file.port === 0 ? -1 : file.port;
  const { sync = 'always', monitoring = false, storeBytesMax } = options;
  await writePrivateFile(paths.config, serverConfig({ dataFolder, file, port, sync, monitoring, storeBytesMax }));
  const logStart = (await readText(paths.log)).length;
  const output = await open(paths.output, 'w', 0o600);
  // Detached: a Ctrl-C in the terminal is for drover, which then ends the fleet in order, the server last.
  const child = spawn(options.program, ['-c', paths.config], { stdio: ['ignore', output.fd, output.fd], detached: true });
  // Before the server does it itself: a server whose starter is killed right here can be found all the same.
  if (child.pid !== undefined) writeFileSync(paths.pid, String(child.pid), { mode: 0o600 });
  const ended = endOf(child);
  await output.close();
  const watchdog = options.tied === true && child.pid !== undefined ? tie(child.pid) : undefined;
  void ended.then(() => watchdog?.kill('SIGKILL'));
  child.unref();

  const outcome = await untilReady(child, ended, { dataFolder, file, timeoutUs: options.timeoutUs ?? START_TIMEOUT_US });
  if (outcome.kind === 'failed') {
    child.ref();
    child.kill('SIGKILL');
    await ended;
    const lastWords = lastLines((await readText(paths.output)) + (await readText(paths.log)).slice(logStart), 6);
    return { kind: 'failed', why: outcome.why, lastWords };
  }
  const serving = { ...file, port: outcome.port };
  await writeServerFile(dataFolder, serving);
  const { pid, version, monitoringUrl } = outcome;
  const described = describe({ dataFolder, file: serving, pid, version, monitoringUrl });
  const stop = async (): Promise<void> => {
    // Unreferenced, its end would not be waited for by an otherwise idle process.
    child.ref();
    await endProcess(pid);
    await ended;
  };
  return { kind: 'ready', server: { ...described, started: true, ended: ended.then(() => {}), stop } };
}

type Readiness =
  | { readonly kind: 'failed'; readonly why: string }
  | {
      readonly kind: 'ready';
      readonly pid: number;
      readonly port: number;
      readonly version: string;
      readonly monitoringUrl: string | undefined;
    };

async function untilReady(
  child: ChildProcess,
  ended: Promise<string>,
  options: { readonly dataFolder: string; readonly file: ServerFile; readonly timeoutUs: number },
): Promise<Readiness> {
  let end: string | undefined;
  void ended.then((how) => {
    end = how;
  });
  const { pid } = child;
  const deadline = performance.now() + options.timeoutUs / 1000;
  let last = 'it named no port';
  while (performance.now() < deadline) {
    const ports = pid === undefined || end !== undefined ? undefined : await readPorts(options.dataFolder, pid);
    if (end !== undefined || pid === undefined) return { kind: 'failed', why: end ?? (await ended) };
    if (ports !== undefined) {
      const host = dialHost(options.file.host);
      const probe = await probeServer({ host, port: ports.port, login: options.file.drover, timeoutUs: PROBE_TIMEOUT_US });
      if (probe.kind === 'ready')
        return { kind: 'ready', pid, port: ports.port, version: probe.version, monitoringUrl: ports.monitoringUrl };
      last = probe.sentence;
    }
    await sleep(POLL_MS);
  }
  return { kind: 'failed', why: `it did not let a client in within ${options.timeoutUs / 1e6} s (${last})` };
}

function startFailure(failure: LaunchFailure, dataFolder: string, isPortTaken: boolean): DroverError {
  const wayOut = isPortTaken
    ? ' Choose another port, or none to get a free one.'
    : ` The whole log is ${serverPaths(dataFolder).log}.`;
  return new DroverError('ERR_SERVER_START', `nats-server did not start: ${failure.why}.${wayOut}\n${failure.lastWords}`);
}

function describe(what: {
  readonly dataFolder: string;
  readonly file: ServerFile;
  readonly pid: number;
  readonly version: string;
  readonly monitoringUrl: string | undefined;
}): RunningServer {
  const { file, pid, version, monitoringUrl, dataFolder } = what;
  const host = dialHost(file.host);
  return {
    url: `nats://${host.includes(':') ? `[${host}]` : host}:${file.port}`,
    host,
    port: file.port,
    pid,
    serverName: file.serverName,
    version,
    dataFolder,
    drover: file.drover,
    sys: file.sys,
    started: false,
    portMoved: false,
    monitoringUrl,
    ended: new Promise(() => {}),
    stop: async () => {},
  };
}

/** The pid of the nats-server that runs with this folder's configuration. */
async function livePid(dataFolder: string): Promise<number | undefined> {
  const paths = serverPaths(dataFolder);
  const pid = Number((await readText(paths.pid)).trim());
  if (!Number.isInteger(pid) || pid <= 0 || !isProcessAlive(pid)) return undefined;
  const words = commandLine(pid);
  // Where the system shows no command lines the pid file has to do.
  if (words === undefined) return process.platform === 'linux' ? undefined : pid;
  return words.includes(paths.config) ? pid : undefined;
}

/** What the server wrote when it began to listen: `{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://…"]}`. */
async function readPorts(
  dataFolder: string,
  pid: number,
): Promise<{ readonly port: number; readonly monitoringUrl: string | undefined } | undefined> {
  const folder = serverPaths(dataFolder).ports;
  const entries: readonly string[] = await readdir(folder).catch(() => []);
  const name = entries.find((entry) => entry.endsWith(`_${pid}.ports`));
  if (name === undefined) return undefined;
  const parsed = portsFile.safeParse(parseJson(await readText(join(folder, name))));
  const port = parsed.success ? Number(parsed.data.nats[0]?.split(':').at(-1)) : Number.NaN;
  // A file that is still being written is looked at again.
  return Number.isInteger(port) && port > 0 ? { port, monitoringUrl: parsed.data?.monitoring?.[0] } : undefined;
}

/** SIGTERM lets the server close its streams; a single server has nobody to hand its clients to, so no lame duck. */
async function endProcess(pid: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = performance.now() + STOP_TIMEOUT_US / 1000;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    while (isProcessAlive(pid) && performance.now() < deadline) await sleep(POLL_MS);
    if (!isProcessAlive(pid)) return;
  }
}

/**
 * A shell that reads from a pipe only this process can write to: however this process dies, the pipe ends, and the shell
 * ends the server. (The kernel's parent-death signal would do it on Linux alone, and follows the thread, not the process.)
 */
function tie(serverPid: number): ChildProcess {
  const script = 'while read -r _; do :; done; kill -TERM "$1" 2>/dev/null || exit 0; sleep 5; kill -KILL "$1" 2>/dev/null';
  const watchdog = spawn('/bin/sh', ['-c', script, 'drover-watchdog', String(serverPid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // It lives as long as we do, and must not keep us alive.
  watchdog.unref();
  (watchdog.stdin as Socket | null)?.unref();
  // Its end (with the server, or by hand) closes the pipe; nothing is ever written to it, so there is nothing to lose.
  watchdog.stdin?.on('error', () => {});
  // What cannot be tied is not kept: the starter then sees the server end.
  watchdog.on('error', () => process.kill(serverPid, 'SIGTERM'));
  return watchdog;
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((done) => {
    child.on('error', (error) => done(error.message));
    child.on('exit', (code, signal) => done(signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`));
  });
}

/** An address to listen on everywhere is reached over loopback from here. */
function dialHost(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

/** Empty when there is no such file. */
async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Half written: the schema refuses `undefined`, and the caller looks again.
    return undefined;
  }
}
