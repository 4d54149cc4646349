/**
 * Finds a usable nats-server: the environment variable, PATH, drover's cache, and only then a fetch. Every candidate is run
 * with `--version`, because a file of that name proves nothing; what cannot be used is passed over with a note, and the
 * notes are what `drover doctor` and the final error show.
 */
import { access, constants, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { cacheFolder } from '../system/folders.ts';
import { examine, type FoundServer, type ServerOrigin, type TriedServer } from './examine-server.ts';
import { fetchServer } from './fetch-server.ts';
import { compareVersions, parseServerVersion, SERVER_VERSION_MIN } from './server-version.ts';

export const SERVER_VARIABLE = 'DROVER_NATS_SERVER';

export interface ServerSearch {
  readonly server: FoundServer | undefined;
  readonly tried: readonly TriedServer[];
}

export interface FindServerOptions {
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** One sentence at a time while something is fetched. */
  readonly onProgress?: (sentence: string) => void;
}

/** Looks everywhere, fetches when nothing is there. Fails with ERR_SERVER_NOT_FOUND, saying what was tried and the way out. */
export async function findServer(
  options: FindServerOptions = {},
): Promise<FoundServer & { readonly tried: readonly TriedServer[] }> {
  const local = await lookForServer(options);
  if (local.server !== undefined) return { ...local.server, tried: local.tried };
  const cache = cacheFolder(options.env);
  try {
    const path = await fetchServer({
      cacheFolder: cache,
      ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
    });
    const examined = await examine('fetched', path);
    if (examined.server !== undefined) return { ...examined.server, tried: [...local.tried, examined.tried] };
    throw new DroverError('ERR_SERVER_NOT_FOUND', `the nats-server that was fetched cannot be used: ${examined.tried.note}`);
  } catch (error) {
    const notes = local.tried.map((tried) => `  ${tried.note}`).join('\n');
    throw new DroverError(
      'ERR_SERVER_NOT_FOUND',
      `no nats-server ≥ ${SERVER_VERSION_MIN.text} was found, and fetching one failed. Install nats-server and have it on PATH, or name ` +
        `it in ${SERVER_VARIABLE}, or connect to a running server with --nats URL.\nTried:\n${notes}\n  fetch: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** As `findServer`, but touches nothing outside this machine and never fails. */
export async function lookForServer(options: Pick<FindServerOptions, 'env'> = {}): Promise<ServerSearch> {
  const env = options.env ?? process.env;
  const tried: TriedServer[] = [];
  for (const place of [inEnvironment, onPath, inCache]) {
    for (const candidate of await place(env)) {
      if (typeof candidate !== 'string') {
        tried.push(candidate);
        continue;
      }
      const examined = await examine(originOf.get(place) ?? 'path', candidate);
      tried.push(examined.tried);
      if (examined.server !== undefined) return { server: examined.server, tried };
    }
  }
  return { server: undefined, tried };
}

/** A candidate path, or a note on why the place has none. */
type Place = (env: Readonly<NodeJS.ProcessEnv>) => Promise<readonly (string | TriedServer)[]>;

const inEnvironment: Place = async (env) => {
  const path = env[SERVER_VARIABLE];
  if (path !== undefined && path !== '') return [path];
  return [{ origin: 'environment', path: undefined, outcome: 'absent', note: `${SERVER_VARIABLE} is not set` }];
};

/** Debian installs servers into sbin folders, which a user's PATH often leaves out. */
const SBIN = ['/usr/local/sbin', '/usr/sbin'];

const onPath: Place = async (env) => {
  const folders = [...new Set([...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''), ...SBIN])];
  const found: string[] = [];
  for (const folder of folders) {
    const path = join(folder, process.platform === 'win32' ? 'nats-server.exe' : 'nats-server');
    if (await isExecutable(path)) found.push(path);
  }
  return found.length > 0 ? found : [{ origin: 'path', path: undefined, outcome: 'absent', note: 'PATH holds no nats-server' }];
};

/** The newest first. */
const inCache: Place = async (env) => {
  const folder = join(cacheFolder(env), 'nats-server');
  const entries = await readdir(folder).catch(() => []);
  const versions = entries.map((entry) => parseServerVersion(entry)).filter((version) => version !== undefined);
  const paths = versions.sort((a, b) => compareVersions(b, a)).map((version) => join(folder, version.text, 'nats-server'));
  return paths.length > 0
    ? paths
    : [{ origin: 'cache', path: undefined, outcome: 'absent', note: `the cache ${folder} holds none` }];
};

const originOf = new Map<Place, ServerOrigin>([
  [inEnvironment, 'environment'],
  [onPath, 'path'],
  [inCache, 'cache'],
]);

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
