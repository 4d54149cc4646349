/**
 * Which broker to talk to, and as whom: the server of a data folder on this machine, or one given by URL. Passwords come
 * from files or from the URL; a URL is never shown without hiding them.
 */
import { readFile } from 'node:fs/promises';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { readServerFile, type ServerFile } from './server-file.ts';
import { runningServer } from './start-server.ts';

/** One way in: where, and what to show there. */
export interface BusAccess {
  /** `host:port`, at least one. */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly login: BusLogin;
}

export type BusLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'token'; readonly token: string }
  /** The content of a `.creds` file: a user's JWT and its seed. */
  | { readonly kind: 'creds'; readonly creds: Uint8Array };

export interface BusTarget {
  readonly access: BusAccess;
  /** The system account, where there is one to use: without it no disconnect events. */
  readonly sys: BusAccess | undefined;
}

export interface GivenServer {
  /** `[nats|tls://][user:password@|token@]host[:port]`, several separated by commas. */
  readonly url: string;
  readonly credsFile?: string;
  /** The system account's user: a URL with its password, or a file. */
  readonly sysUrl?: string;
  readonly sysCredsFile?: string;
}

const DEFAULT_PORT = 4222;

/** The broker a user named. Fails with ERR_USAGE. */
export async function givenTarget(given: GivenServer): Promise<BusTarget> {
  const access = await accessOf(given.url, given.credsFile);
  const hasSys = given.sysUrl !== undefined || given.sysCredsFile !== undefined;
  return { access, sys: hasSys ? await accessOf(given.sysUrl ?? given.url, given.sysCredsFile) : undefined };
}

/** The broker that serves a data folder on this machine. Fails with ERR_NOT_RUNNING. */
export async function targetOfFolder(dataFolder: string): Promise<BusTarget> {
  const [server, file] = [await runningServer(dataFolder), await readServerFile(dataFolder)];
  if (server === undefined || file === undefined) {
    throw new DroverError(
      'ERR_NOT_RUNNING',
      `no server serves ${dataFolder}: start the fleet with "drover up", or name a server with --nats URL`,
    );
  }
  return targetOfServer(server);
}

/** The broker this process started or joined. */
export function targetOfServer(server: Pick<ServerFile, 'host' | 'port' | 'drover' | 'sys'>): BusTarget {
  const servers = [hostPort(server.host, server.port)];
  const access = (login: ServerFile['sys']): BusAccess => ({ servers, tls: false, login: { kind: 'password', ...login } });
  return { access: access(server.drover), sys: access(server.sys) };
}

/** For messages and logs: where, but not as whom. */
export function describeAccess(access: BusAccess): string {
  return access.servers.map((server) => `${access.tls ? 'tls' : 'nats'}://${server}`).join(',');
}

async function accessOf(url: string, credsFile: string | undefined): Promise<BusAccess> {
  const parsed = parseBusUrl(url);
  if (credsFile === undefined) return parsed;
  if (parsed.login.kind !== 'none')
    throw new DroverError('ERR_USAGE', 'credentials are given twice, in the URL and by a file: leave one out');
  try {
    return { ...parsed, login: { kind: 'creds', creds: await readFile(credsFile) } };
  } catch (error) {
    throw new DroverError('ERR_USAGE', `the credentials file ${credsFile} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Fails with ERR_USAGE. The credentials of the first part count for all: one user, several brokers. */
export function parseBusUrl(text: string): BusAccess {
  const servers: string[] = [];
  let login: BusLogin = { kind: 'none' };
  let tls = false;
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const url = parsePart(part);
    servers.push(hostPort(url.hostname.replace(/^\[|\]$/g, ''), url.port === '' ? DEFAULT_PORT : Number(url.port)));
    if (url.protocol === 'tls:') tls = true;
    if (login.kind !== 'none' || url.username === '') continue;
    const user = decodeURIComponent(url.username);
    login =
      url.password === ''
        ? { kind: 'token', token: user }
        : { kind: 'password', user, password: decodeURIComponent(url.password) };
  }
  return { servers, tls, login };
}

function parsePart(part: string): URL {
  const hidden = part.replace(/\/\/[^@]*@/, '//…@');
  const problem = (why: string): DroverError =>
    new DroverError('ERR_USAGE', `"${hidden}" is no server address (${why}): write nats://[user:password@]host[:port]`);
  let url: URL;
  try {
    url = new URL(part.includes('://') ? part : `nats://${part}`);
  } catch {
    // The cause would show the password.
    throw problem('it is not a URL');
  }
  if (url.protocol !== 'nats:' && url.protocol !== 'tls:')
    throw problem(`drover speaks nats and tls, not ${url.protocol.slice(0, -1)}`);
  if (url.hostname === '') throw problem('it names no host');
  if (url.pathname !== '' && url.pathname !== '/') throw problem('it has a path');
  return url;
}

function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
