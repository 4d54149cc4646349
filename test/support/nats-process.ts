/**
 * One `nats-server` of a test's own: JetStream on disk in a temporary folder, an account for clients and the system account.
 * Found through DROVER_NATS_SERVER, drover's cache, or the PATH.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NatsProcess {
  readonly host: string;
  /** Changes with every start. */
  port(): number;
  /** SIGKILL, then a new process over the same files. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const CLIENT_LOGIN = { user: 'drover', pass: 'drover' } as const;
export const SYSTEM_LOGIN = { user: 'sys', pass: 'sys' } as const;
export const PAYLOAD_BYTES_MAX = 1024 * 1024 + 4096;

const START_MS_MAX = 15_000;

export async function startNats(): Promise<NatsProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-nats-'));
  const config = join(folder, 'server.conf');
  writeFileSync(config, configText(folder));
  let running = await launch(config, folder);
  const kill = async (): Promise<void> => {
    if (running.child.exitCode !== null || running.child.signalCode !== null) return;
    running.child.kill('SIGKILL');
    await once(running.child, 'exit');
  };
  return {
    host: '127.0.0.1',
    port: () => running.port,
    async restart() {
      await kill();
      running = await launch(config, folder);
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const configText = (folder: string): string => `
server_name: test
listen: "127.0.0.1:-1"
ports_file_dir: ${JSON.stringify(folder)}
max_payload: ${PAYLOAD_BYTES_MAX}
jetstream { store_dir: ${JSON.stringify(join(folder, 'store'))}, sync_interval: always }
accounts {
  DROVER { jetstream: enabled, users: [{ user: ${CLIENT_LOGIN.user}, password: ${CLIENT_LOGIN.pass} }] }
  SYS { users: [{ user: ${SYSTEM_LOGIN.user}, password: ${SYSTEM_LOGIN.pass} }] }
}
system_account: SYS
`;

async function launch(config: string, folder: string): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(findServer(), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  // A test run that gives up must not leave a server behind.
  const onExit = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const portsFile = join(folder, `nats-server_${child.pid ?? 0}.ports`);
  const startedAt = performance.now();
  for (;;) {
    if (child.exitCode !== null) throw new Error(`nats-server did not start: ${output}`);
    const port = output.includes('Server is ready') ? readPort(portsFile) : undefined;
    if (port !== undefined) return { child, port };
    if (performance.now() - startedAt > START_MS_MAX) {
      child.kill('SIGKILL');
      throw new Error(`nats-server was not ready in time: ${output}`);
    }
    await sleep(5);
  }
}

/** Undefined while the file is not there, or not yet written to its end. */
function readPort(portsFile: string): number | undefined {
  if (!existsSync(portsFile)) return undefined;
  const written = /"nats":\s*\[\s*"nats:\/\/[^"]*:(\d+)"/.exec(readFileSync(portsFile, 'utf8'));
  return written === null ? undefined : Number(written[1]);
}

function findServer(): string {
  const given = process.env['DROVER_NATS_SERVER'];
  if (given !== undefined) return given;
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'drover', 'nats-server');
  if (existsSync(cache)) {
    for (const version of readdirSync(cache).toSorted().toReversed()) {
      const candidate = join(cache, version, 'nats-server');
      if (existsSync(candidate)) return candidate;
    }
  }
  return 'nats-server';
}
