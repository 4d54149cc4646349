/**
 * nats-server from the project's release archives, for systems without apt: `<releases>/download/v<version>/` holds one
 * archive per platform and a file SHA256SUMS over all of them. The archive is unpacked only if its digest is the listed one
 * (which finds damage; who does not trust the page itself installs nats-server by hand).
 *
 * This has not run against the real page from the machine drover was built on, which reaches no such page: the tests drive
 * it whole against a local HTTP server with the same layout.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, runCommand } from '../system/run-command.ts';
import type { FetchContext } from './server-source.ts';
import { parseServerVersion } from './server-version.ts';

const RELEASES_URL = 'https://github.com/nats-io/nats-server/releases';
const CHECKSUMS = 'SHA256SUMS';
const REQUEST_TIMEOUT_MS = 300_000;
/** Three times today's archives. */
const ARCHIVE_BYTES_MAX = 64 * 1024 * 1024;

export interface ReleaseOptions {
  readonly releasesUrl?: string;
  readonly platform?: NodeJS.Platform;
  readonly arch?: NodeJS.Architecture;
}

export async function fetchFromRelease(context: FetchContext, options: ReleaseOptions = {}): Promise<readonly string[]> {
  const releases = options.releasesUrl ?? RELEASES_URL;
  const target = releaseTarget(options.platform ?? process.platform, options.arch ?? process.arch);
  if (target === undefined)
    return [`there is no archive for ${options.platform ?? process.platform} on ${options.arch ?? process.arch}`];
  context.onProgress('Asking the release page of nats-server for the newest version.');
  const version = await newestVersion(releases);
  const name = `nats-server-v${version}-${target}.tar.gz`;
  const sums = new TextDecoder().decode(await download(`${releases}/download/v${version}/${CHECKSUMS}`));
  const expected = checksumOf(sums, name);
  if (expected === undefined) return [`${CHECKSUMS} of version ${version} does not list ${name}`];
  context.onProgress(`Fetching ${name}.`);
  const archive = await download(`${releases}/download/v${version}/${name}`);
  const actual = createHash('sha256').update(archive).digest('hex');
  if (actual !== expected) return [`${name} has the SHA-256 ${actual}, but ${CHECKSUMS} says ${expected}: not used`];
  return unpack(context, name, archive);
}

/** The `<os>-<arch>` of an archive's name, in Go's words. */
export function releaseTarget(platform: NodeJS.Platform, arch: NodeJS.Architecture): string | undefined {
  const system = { linux: 'linux', darwin: 'darwin', freebsd: 'freebsd' }[platform as string];
  const machine = { x64: 'amd64', arm64: 'arm64', arm: 'arm7', ia32: '386', s390x: 's390x', ppc64: 'ppc64le' }[arch as string];
  if (system === undefined || machine === undefined) return undefined;
  if (system === 'darwin' && machine !== 'amd64' && machine !== 'arm64') return undefined;
  if (system === 'freebsd' && machine !== 'amd64') return undefined;
  return `${system}-${machine}`;
}

/** A line is 64 hex digits, blanks (`*` for binary), the file's name. */
export function checksumOf(sums: string, name: string): string | undefined {
  for (const line of sums.split('\n')) {
    const match = /^([0-9a-fA-F]{64})\s+\*?(.+?)\s*$/.exec(line);
    if (match !== null && match[2] === name) return match[1]?.toLowerCase();
  }
  return undefined;
}

/** `<releases>/latest` redirects to `<releases>/tag/v<version>`. */
async function newestVersion(releases: string): Promise<string> {
  const response = await fetch(`${releases}/latest`, { redirect: 'manual', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  const tag = response.headers.get('location')?.split('/').at(-1);
  const version = tag === undefined ? undefined : parseServerVersion(tag);
  if (version === undefined) throw new Error(`the release page named no version (HTTP ${response.status})`);
  return version.text;
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status} for ${url}`);
  const chunks: Uint8Array[] = [];
  let byteCount = 0;
  for await (const chunk of response.body) {
    byteCount += chunk.length;
    if (byteCount > ARCHIVE_BYTES_MAX) throw new Error(`${url} is larger than ${ARCHIVE_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function unpack(context: FetchContext, name: string, archive: Uint8Array): Promise<readonly string[]> {
  const files = join(context.scratch, 'files');
  await mkdir(files);
  await writeFile(join(context.scratch, name), archive);
  const run = await runCommand('tar', ['-xzf', join(context.scratch, name), '-C', files], { timeoutUs: 60_000_000 });
  if (run.kind !== 'exited' || run.exitCode !== 0) return [`tar: ${lastLines(run.stderr, 1)}`];
  const inside = (await readdir(files, { recursive: true })).find(
    (entry) => entry === 'nats-server' || entry.endsWith('/nats-server'),
  );
  if (inside === undefined) return [`${name} holds no nats-server`];
  const { accepted, note } = await context.accept(join(files, inside));
  return accepted ? [] : [note];
}
