/**
 * What drover needs from this machine, one check each: what was found, and the way out where that is not enough. Looks only;
 * it makes no folder and fetches nothing.
 */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

export interface Check {
  readonly name: string;
  /** `warn`: drover runs, but less well or with something left out. `missing`: it does not run. */
  readonly state: 'ok' | 'warn' | 'missing';
  readonly found: string;
  /** Undefined exactly when the state is `ok`. */
  readonly wayOut: string | undefined;
}

const NODE_VERSION_MIN = [20, 12] as const;
const MIB = 1024 * 1024;
const DISK_BYTES_MIN = 64 * MIB;
const DISK_BYTES_ADVISED = 1024 * MIB;
/** A server, two managers and four bridges of 120 MiB. */
const MEMORY_BYTES_ADVISED = 1024 * MIB;

export interface MachineOptions {
  readonly cacheFolder: string;
  readonly dataFolder: string;
  readonly env?: Readonly<NodeJS.ProcessEnv>;
}

export async function checkMachine(options: MachineOptions): Promise<readonly Check[]> {
  const env = options.env ?? process.env;
  return [
    checkNode(process.versions.node),
    await checkFolder('cache folder', options.cacheFolder, 'set DROVER_CACHE to a folder you may write to'),
    await checkFolder('data folder', options.dataFolder, 'name another one with --data'),
    await checkDisk(options.dataFolder),
    checkMemory(limitOf(totalmem()), freemem()),
    checkCores(availableParallelism()),
    await checkChromium(env),
  ];
}

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return fine('Node.js', version);
  return { name: 'Node.js', state: 'missing', found: version, wayOut: `install Node.js ${majorMin}.${minorMin} or newer` };
}

/** Whether it can be written to, or made: asked of the nearest folder that exists. */
export async function checkFolder(name: string, path: string, wayOut: string): Promise<Check> {
  const there = await nearestExisting(path);
  const isFolder = (await stat(there)).isDirectory();
  if (!isFolder) return { name, state: 'missing', found: `${there} is not a folder`, wayOut };
  try {
    await access(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    return {
      name,
      state: 'missing',
      found: `${there} cannot be written to (${(error as NodeJS.ErrnoException).code})`,
      wayOut,
    };
  }
  return fine(name, there === resolve(path) ? path : `${path} (not there yet)`);
}

async function checkDisk(dataFolder: string): Promise<Check> {
  const disk = await statfs(await nearestExisting(dataFolder));
  return judgeDisk(disk.bavail * disk.bsize);
}

export function judgeDisk(freeBytes: number): Check {
  const found = `${mebibytes(freeBytes)} free for data`;
  if (freeBytes >= DISK_BYTES_ADVISED) return fine('disk', found);
  const wayOut = `free some space, or put the data elsewhere with --data (${mebibytes(DISK_BYTES_ADVISED)} are advised)`;
  return { name: 'disk', state: freeBytes < DISK_BYTES_MIN ? 'missing' : 'warn', found, wayOut };
}

export function checkMemory(totalBytes: number, freeBytes: number): Check {
  const found = `${mebibytes(totalBytes)}, ${mebibytes(Math.min(freeBytes, totalBytes))} available`;
  if (Math.min(freeBytes, totalBytes) >= MEMORY_BYTES_ADVISED) return fine('memory', found);
  return {
    name: 'memory',
    state: 'warn',
    found,
    wayOut: `run fewer ECUs here (--ecus): a fleet of four wants ${mebibytes(MEMORY_BYTES_ADVISED)} available`,
  };
}

export function checkCores(count: number): Check {
  if (count >= 2) return fine('processor cores', String(count));
  return {
    name: 'processor cores',
    state: 'warn',
    found: String(count),
    wayOut: 'expect slower failovers: server, managers and ECUs share one core',
  };
}

async function checkChromium(env: Readonly<NodeJS.ProcessEnv>): Promise<Check> {
  for (const program of ['chromium', 'chromium-browser', 'google-chrome']) {
    for (const folder of (env['PATH'] ?? '').split(delimiter).filter((part) => part !== '')) {
      const path = join(folder, program);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return fine('chromium', path);
    }
  }
  return {
    name: 'chromium',
    state: 'warn',
    found: 'none on PATH',
    wayOut: 'install chromium if you want to run the tests of the console; nothing else needs it',
  };
}

/** A container's limit, where it is below what the machine has. */
function limitOf(machineBytes: number): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, machineBytes) : machineBytes;
}

async function nearestExisting(path: string): Promise<string> {
  for (let candidate = resolve(path); ; candidate = dirname(candidate)) {
    try {
      await stat(candidate);
      return candidate;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      // ENOTDIR: a file stands where a folder should; the next round finds that file.
      if (code === 'EACCES' || candidate === dirname(candidate)) return dirname(candidate);
    }
  }
}

function fine(name: string, found: string): Check {
  return { name, state: 'ok', found, wayOut: undefined };
}

function mebibytes(bytes: number): string {
  return bytes >= 10 * 1024 * MIB ? `${Math.floor(bytes / 1024 / MIB)} GiB` : `${Math.floor(bytes / MIB)} MiB`;
}
