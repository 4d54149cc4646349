/**
 * How other drover processes on this machine reach the server of a data folder: `server.json` in it, readable by its owner
 * alone, replaced as a whole. It is written once before the server starts (the passwords, so that a server whose starter
 * was killed can still be joined) and once when it serves (the port). Passwords outlive restarts, so that clients find
 * their way back with what they have.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';

const login = z.object({ user: z.string().min(1), password: z.string().min(1) });

const serverFile = z.object({
  format: z.literal(1),
  serverName: z.string().min(1),
  host: z.string().min(1),
  /** The port last served on; 0 before the first start. */
  port: z.number().int().min(0).max(65535),
  /** The account that drover's hosts use. */
  drover: login,
  /** The system account, for disconnect events. */
  sys: login,
});

export type Login = Readonly<z.infer<typeof login>>;
export type ServerFile = Readonly<z.infer<typeof serverFile>>;

export const SERVER_FILE = 'server.json';

/** Undefined when the folder has never held a server. */
export async function readServerFile(dataFolder: string): Promise<ServerFile | undefined> {
  const path = join(dataFolder, SERVER_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new DroverError(
      'ERR_SERVER_START',
      `${path} cannot be read (${code}): run drover as the user who started the fleet`,
      { cause: error },
    );
  }
  try {
    return serverFile.parse(JSON.parse(text));
  } catch (error) {
    throw new DroverError(
      'ERR_SERVER_START',
      `${path} is damaged: stop the fleet, remove that file and start again (streams are kept)`,
      { cause: error },
    );
  }
}

export async function writeServerFile(dataFolder: string, content: ServerFile): Promise<void> {
  await writePrivateFile(join(dataFolder, SERVER_FILE), `${JSON.stringify(content, undefined, 2)}\n`);
}

export function newServerFile(host: string): ServerFile {
  const word = (): string => randomBytes(24).toString('base64url');
  const name = `drover-${randomBytes(6).toString('hex')}`;
  return {
    format: 1,
    serverName: name,
    host,
    port: 0,
    drover: { user: 'drover', password: word() },
    sys: { user: 'sys', password: word() },
  };
}

/** Mode 0600 from its first byte on, and either the old content or the new one after a power cut. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  const file = await open(aside, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
}

/** Only the owner may look into a server's data: it holds passwords and every task's state. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}
