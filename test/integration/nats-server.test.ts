/** The real nats-server: found or fetched, started, killed, started again, joined, stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { givenTarget, targetOfFolder, targetOfServer } from '../../infra/nats/bus-target.ts';
import { type BusLink, connectBus } from '../../infra/nats/connect.ts';
import { findServer } from '../../infra/nats/find-server.ts';
import { DROVER_ACCOUNT } from '../../infra/nats/server-config.ts';
import {
  type RunningServer,
  runningServer,
  type StartServerOptions,
  startServer,
  stopServer,
} from '../../infra/nats/start-server.ts';
import { isProcessAlive } from '../../infra/system/process-identity.ts';
import { compileSources } from './compiled.ts';

let program: string;
let compiled: string;
let folder: string;
const links: BusLink[] = [];
const children: ChildProcess[] = [];
const folders: string[] = [];

beforeAll(async () => {
  program = (await findServer()).path;
  compiled = compileSources(['src/domain/kernel', 'infra/nats', 'infra/system']);
}, 120_000);
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

beforeEach(() => {
  folder = newFolder();
});
afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const path of folders.splice(0)) {
    await stopServer(path);
    rmSync(path, { recursive: true, force: true });
  }
});

function newFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'drover-server-'));
  folders.push(path);
  return path;
}

const start = (options: Partial<StartServerOptions> = {}): Promise<RunningServer> =>
  startServer({ program, dataFolder: folder, ...options });

async function link(server: RunningServer, name = 'test'): Promise<BusLink> {
  const made = await connectBus({ target: targetOfServer(server), name, withSys: true });
  links.push(made);
  return made;
}

/** Runs JavaScript beside the compiled sources; resolves with its first line. */
async function child(code: string): Promise<{ readonly process: ChildProcess; readonly line: string }> {
  const script = join(compiled, `child-${children.length}-${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(script, code);
  const started = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(started);
  const [line] = (await once(createInterface({ input: started.stdout }), 'line')) as [string];
  return { process: started, line };
}

async function gone(pid: number): Promise<void> {
  while (isProcessAlive(pid)) await new Promise((resume) => setTimeout(resume, 5));
}

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('a started server', () => {
  it('keeps its streams and takes the same port after SIGKILL, and its clients find their way back', async () => {
    const first = await start();
    expect(first.started).toBe(true);
    const { connection } = await link(first);
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: 'KEPT', subjects: ['kept.>'] });
    const js = jetstream(connection);
    for (let n = 1; n <= 3; n++) await js.publish('kept.one', `message ${n}`, { expect: { lastSubjectSequence: n - 1 } });

    const back = (async () => {
      for await (const status of connection.status()) if (status.type === 'reconnect') return;
    })();
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const second = await start();
    expect(second.started).toBe(true);
    expect({ port: second.port, drover: second.drover, portMoved: second.portMoved }).toEqual({
      port: first.port,
      drover: first.drover,
      portMoved: false,
    });
    expect(second.pid).not.toBe(first.pid);
    await back;
    expect((await manager.streams.getMessage('KEPT', { last_by_subj: 'kept.one' }))?.string()).toBe('message 3');
    expect((await js.publish('kept.one', 'message 4', { expect: { lastSubjectSequence: 3 } })).seq).toBe(4);
  });

  it('is joined by the next start in its folder, which then does not stop it', async () => {
    const first = await start();
    const second = await start();
    expect(second).toMatchObject({ started: false, pid: first.pid, url: first.url, drover: first.drover, sys: first.sys });
    await second.stop();
    expect(isProcessAlive(first.pid)).toBe(true);
    expect((await runningServer(folder))?.pid).toBe(first.pid);
    const { connection } = await connectBus({ target: await targetOfFolder(folder), name: 'other' });
    expect(connection.isClosed()).toBe(false);
    await connection.close();
  });

  it('is one, however many start it at once', async () => {
    const servers = await Promise.all([start(), start(), start(), start()]);
    expect(new Set(servers.map((server) => server.pid)).size).toBe(1);
    expect(servers.filter((server) => server.started)).toHaveLength(1);
  });

  it('is joined also when its starter was killed before it could write the port down', async () => {
    const first = await start();
    const path = join(folder, 'server.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), port: 0 }));
    expect(await start()).toMatchObject({ started: false, pid: first.pid, port: first.port });
  });

  it('is not mistaken for another process that has its pid now', async () => {
    writeFileSync(join(folder, 'nats-server.pid'), String(process.pid));
    const server = await start();
    expect(server.started).toBe(true);
    expect(server.pid).not.toBe(process.pid);
  });

  it('shows its passwords to its owner alone', async () => {
    await start();
    expect(mode(join(folder, 'server.json'))).toBe('600');
    expect(mode(join(folder, 'nats-server.conf'))).toBe('600');
  });

  it('leaves no process when it is stopped, and can be stopped by whoever has the folder', async () => {
    const first = await start({ tied: true });
    await first.stop();
    await first.ended;
    expect(isProcessAlive(first.pid)).toBe(false);
    expect(await runningServer(folder)).toBeUndefined();
    expect(await stopServer(folder)).toBe(false);
    const second = await start();
    expect(await stopServer(folder)).toBe(true);
    await second.ended;
    expect(isProcessAlive(second.pid)).toBe(false);
    await expect(targetOfFolder(folder)).rejects.toMatchObject({ code: 'ERR_NOT_RUNNING' });
  });

  it('serves its monitoring page on request', async () => {
    const server = await start({ monitoring: true });
    const answer = (await (await fetch(`${server.monitoringUrl}/jsz`)).json()) as {
      readonly config: { readonly sync_always?: boolean };
    };
    expect(answer.config.sync_always).toBe(true);
  });
});

describe('the process that started it', () => {
  const starting = (tied: boolean): string => `
    import { startServer } from './infra/nats/start-server.js';
    const server = await startServer({ program: ${JSON.stringify(program)}, dataFolder: ${JSON.stringify(folder)}, tied: ${tied} });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;

  it('takes a tied server with it when it is killed', async () => {
    const { process: starter, line } = await child(starting(true));
    expect(isProcessAlive(Number(line))).toBe(true);
    starter.kill('SIGKILL');
    await gone(Number(line));
    expect(await runningServer(folder)).toBeUndefined();
  });

  it('leaves an untied one behind, which the next start joins', async () => {
    const { process: starter, line } = await child(starting(false));
    starter.kill('SIGKILL');
    await once(starter, 'exit');
    expect(await start()).toMatchObject({ started: false, pid: Number(line) });
  });
});

describe('a server that cannot start', () => {
  it('says that the port is taken, when that port was asked for', async () => {
    const { port } = await start();
    const other = startServer({ program, dataFolder: newFolder(), port });
    await expect(other).rejects.toMatchObject({
      code: 'ERR_SERVER_START',
      message: expect.stringMatching(/Choose another port[^]*address already in use/),
    });
  });

  it('moves, and says so, when another program took the port it last had', async () => {
    const first = await start();
    await first.stop();
    const thief = createServer().listen(first.port, '127.0.0.1');
    await once(thief, 'listening');
    try {
      const second = await start();
      expect(second).toMatchObject({ started: true, portMoved: true });
      expect(second.port).not.toBe((thief.address() as AddressInfo).port);
      expect((await link(second)).connection.isClosed()).toBe(false);
    } finally {
      thief.close();
    }
  });

  it('says why, with the last lines of its log', async () => {
    writeFileSync(join(folder, 'jetstream'), 'a file where the store should be');
    await expect(start()).rejects.toMatchObject({
      code: 'ERR_SERVER_START',
      message: expect.stringMatching(/exit code 1[^]*nats-server\.log[^]*not a directory/),
    });
    await expect(start({ program: join(folder, 'absent') })).rejects.toMatchObject({
      code: 'ERR_SERVER_START',
      message: expect.stringContaining('ENOENT'),
    });
    expect(existsSync(join(folder, 'absent'))).toBe(false);
  });

  it('says which file is damaged', async () => {
    writeFileSync(join(folder, 'server.json'), '{"format":1');
    await expect(start()).rejects.toMatchObject({
      code: 'ERR_SERVER_START',
      message: expect.stringContaining('server.json is damaged'),
    });
  });
});

describe('a connection', () => {
  it('is refused clearly with a wrong password, and with none', async () => {
    const server = await start();
    const wrong = await givenTarget({ url: `nats://drover:wrong@127.0.0.1:${server.port}` });
    const failure: unknown = await connectBus({ target: wrong, name: 'wrong' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'ERR_BUS_DENIED',
      message: expect.stringMatching(/does not take these credentials[^]*--nats-creds/),
    });
    expect(String(failure)).not.toContain('drover:wrong@');
    const none = await givenTarget({ url: server.url });
    await expect(connectBus({ target: none, name: 'none' })).rejects.toMatchObject({
      code: 'ERR_BUS_DENIED',
      message: expect.stringContaining('wants credentials'),
    });
  });

  it('says that nobody answers, and waits for the server when told to', async () => {
    const server = await start();
    const { port } = server;
    await server.stop();
    await expect(connectBus({ target: targetOfServer(server), name: 'early' })).rejects.toMatchObject({
      code: 'ERR_BUS_DISCONNECTED',
      retryable: true,
    });
    const patient = connectBus({ target: targetOfServer(server), name: 'patient', patienceUs: 20_000_000 });
    await start({ port });
    links.push(await patient);
  });

  it('notices a server that hangs, and finds it again when it goes on', async () => {
    const server = await start();
    const { connection } = await link(server);
    const seen: string[] = [];
    const stale = (async () => {
      for await (const status of connection.status()) {
        seen.push(status.type);
        if (status.type === 'disconnect') return;
      }
    })();
    process.kill(server.pid, 'SIGSTOP');
    try {
      await stale;
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    expect(seen).toContain('staleConnection');
    while ((await connection.rtt().catch(() => undefined)) === undefined) await new Promise((resume) => setTimeout(resume, 20));
    expect(connection.isClosed()).toBe(false);
  });

  it('can be made to a given server, with the password in the URL', async () => {
    const { port, drover, sys } = await start();
    const url = (login: { readonly user: string; readonly password: string }): string =>
      `nats://${login.user}:${login.password}@127.0.0.1:${port}`;
    const target = await givenTarget({ url: url(drover), sysUrl: url(sys) });
    const made = await connectBus({ target, name: 'given', withSys: true });
    links.push(made);
    expect(made.account).toBe(DROVER_ACCOUNT);
    expect(made.sys).toBeDefined();
  });

  it('to the system account sees a killed client leave, by name', async () => {
    const server = await start();
    const { sys, account } = await link(server);
    if (sys === undefined) throw new Error('the started server has a system account');
    // Others leave too: the probe that looked whether the server was there.
    const left = new Set<string>();
    const seen = new Promise<void>((resolve) => {
      sys.subscribe(`$SYS.ACCOUNT.${account}.DISCONNECT`, {
        callback: (_error, message) => {
          left.add(message.json<{ readonly client: { readonly name: string } }>().client.name);
          if (left.has('ecu-1#7')) resolve();
        },
      });
    });
    await sys.flush();
    const { process: victim } = await child(`
      import { connectBus } from './infra/nats/connect.js';
      import { targetOfFolder } from './infra/nats/bus-target.js';
      await connectBus({ target: await targetOfFolder(${JSON.stringify(folder)}), name: 'ecu-1#7' });
      console.log('connected');`);
    expect(left.has('ecu-1#7')).toBe(false);
    victim.kill('SIGKILL');
    await seen;
    expect(left.has('ecu-1#7')).toBe(true);
  });
});
