/** The way from a source to the cache, with a local release page and programs that only know `--version`. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksumOf, fetchFromRelease, releaseTarget } from '../../../infra/nats/fetch-from-release.ts';
import { fetchServer } from '../../../infra/nats/fetch-server.ts';
import { findServer, lookForServer } from '../../../infra/nats/find-server.ts';
import type { ServerSource } from '../../../infra/nats/server-source.ts';

let folder: string;
let page: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-fetch-'));
});
afterEach(() => {
  page?.close();
  page = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function program(path: string, says: string): string {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho "${says}"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A release page with one archive for Linux on amd64. */
async function releasePage(options: { readonly version: string; readonly checksum?: string }): Promise<string> {
  const name = `nats-server-v${options.version}-linux-amd64`;
  program(join(folder, 'release', name, 'nats-server'), `nats-server: v${options.version}`);
  execFileSync('tar', ['-czf', join(folder, 'archive'), '-C', join(folder, 'release'), name]);
  const archive = readFileSync(join(folder, 'archive'));
  const checksum = options.checksum ?? createHash('sha256').update(archive).digest('hex');
  page = createServer((request, response) => {
    if (request.url === '/releases/latest')
      return response.writeHead(302, { location: `/releases/tag/v${options.version}` }).end();
    if (request.url === `/releases/download/v${options.version}/SHA256SUMS`)
      return response.end(`${checksum}  ${name}.tar.gz\n`);
    if (request.url === `/releases/download/v${options.version}/${name}.tar.gz`) return response.end(archive);
    return response.writeHead(404).end();
  });
  await new Promise<void>((done) => page?.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(page.address() as AddressInfo).port}/releases`;
}

const releaseSource = (releasesUrl: string): ServerSource => ({
  name: 'release',
  fetch: (context) => fetchFromRelease(context, { releasesUrl, platform: 'linux', arch: 'x64' }),
});

const cached = (): readonly string[] =>
  readdirSync(join(folder, 'cache', 'nats-server')).filter((entry) => !entry.startsWith('.lock'));

describe('fetching from a release page', () => {
  it('puts a whole, running server into the cache and leaves nothing else', async () => {
    const source = releaseSource(await releasePage({ version: '2.14.3' }));
    const path = await fetchServer({ cacheFolder: join(folder, 'cache'), sources: [source] });
    expect(path).toBe(join(folder, 'cache', 'nats-server', '2.14.3', 'nats-server'));
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toBe('nats-server: v2.14.3\n');
    expect(cached()).toEqual(['2.14.3']);
  });

  it('does not use an archive whose digest is not the listed one', async () => {
    const source = releaseSource(await releasePage({ version: '2.14.3', checksum: 'ab'.repeat(32) }));
    await expect(fetchServer({ cacheFolder: join(folder, 'cache'), sources: [source] })).rejects.toMatchObject({
      code: 'ERR_SERVER_NOT_FOUND',
      message: expect.stringContaining('not used'),
    });
    expect(cached()).toEqual([]);
  });

  it('does not use a release that is too old', async () => {
    const source = releaseSource(await releasePage({ version: '2.9.1' }));
    await expect(fetchServer({ cacheFolder: join(folder, 'cache'), sources: [source] })).rejects.toThrow('older than 2.10.0');
  });

  it('goes to the next source when one fails, and names all that failed', async () => {
    const broken: ServerSource = { name: 'broken', fetch: () => Promise.reject(new Error('the line is cut')) };
    const empty: ServerSource = { name: 'empty', fetch: async () => ['there is nothing here'] };
    const source = releaseSource(await releasePage({ version: '2.14.3' }));
    expect(await fetchServer({ cacheFolder: join(folder, 'cache'), sources: [broken, empty, source] })).toContain('2.14.3');
    const other = fetchServer({ cacheFolder: join(folder, 'other'), sources: [broken, empty] });
    await expect(other).rejects.toThrow('broken: the line is cut; empty: there is nothing here');
  });

  it('fetches once for several that ask at the same time', async () => {
    const source = releaseSource(await releasePage({ version: '2.14.3' }));
    let fetches = 0;
    const counting: ServerSource = {
      name: 'counting',
      fetch: (context) => {
        fetches++;
        return source.fetch(context);
      },
    };
    const asked = [1, 2, 3, 4].map(() => fetchServer({ cacheFolder: join(folder, 'cache'), sources: [counting] }));
    expect(new Set(await Promise.all(asked)).size).toBe(1);
    expect(fetches).toBe(1);
  });

  it('replaces a cached server that no longer runs, and removes what a killed fetch left', async () => {
    program(join(folder, 'cache', 'nats-server', '2.14.3', 'nats-server'), 'Segmentation fault');
    mkdirSync(join(folder, 'cache', 'nats-server', '.fetch-killed', 'files'), { recursive: true });
    const source = releaseSource(await releasePage({ version: '2.14.3' }));
    const path = await fetchServer({ cacheFolder: join(folder, 'cache'), sources: [source] });
    expect(execFileSync(path, { encoding: 'utf8' })).toContain('v2.14.3');
    expect(cached()).toEqual(['2.14.3']);
  });

  it.each([
    ['linux', 'x64', 'linux-amd64'],
    ['linux', 'arm64', 'linux-arm64'],
    ['linux', 'arm', 'linux-arm7'],
    ['darwin', 'arm64', 'darwin-arm64'],
    ['freebsd', 'x64', 'freebsd-amd64'],
    ['darwin', 'ia32', undefined],
    ['win32', 'x64', undefined],
    ['linux', 'mips', undefined],
  ] as const)('names the archive for %s on %s', (platform, arch, expected) => {
    expect(releaseTarget(platform, arch)).toBe(expected);
  });

  it('reads checksums of text and binary mode, of exactly that file', () => {
    const [one, two] = ['11'.repeat(32), 'AB'.repeat(32)];
    const sums = `${one}  a.tar.gz\n${two} *b.tar.gz\r\nnonsense\n`;
    expect(checksumOf(sums, 'a.tar.gz')).toBe(one);
    expect(checksumOf(sums, 'b.tar.gz')).toBe(two.toLowerCase());
    expect(checksumOf(sums, 'tar.gz')).toBeUndefined();
  });
});

describe('finding a server', () => {
  it('takes the one the variable names before those on PATH', async () => {
    const named = program(join(folder, 'named', 'nats-server'), 'nats-server: v2.12.0');
    program(join(folder, 'bin', 'nats-server'), 'nats-server: v2.15.0');
    const search = await lookForServer({ env: { DROVER_NATS_SERVER: named, PATH: join(folder, 'bin'), DROVER_CACHE: folder } });
    expect(search.server).toMatchObject({ path: named, origin: 'environment', version: { text: '2.12.0' } });
  });

  it('passes over what is too old or does not run, with a note each, and takes the newest of the cache', async () => {
    const old = program(join(folder, 'bin', 'nats-server'), 'nats-server: v2.9.15');
    for (const version of ['2.10.1', '2.9.9', '2.12.0'])
      program(join(folder, 'nats-server', version, 'nats-server'), `nats-server: v${version}`);
    program(join(folder, 'nats-server', '2.13.0', 'nats-server'), 'something else');
    const search = await lookForServer({
      env: { DROVER_NATS_SERVER: join(folder, 'gone'), PATH: join(folder, 'bin'), DROVER_CACHE: folder },
    });
    expect(search.server).toMatchObject({ origin: 'cache', version: { text: '2.12.0' } });
    expect(search.tried.slice(0, 2).map(({ origin, path, outcome }) => ({ origin, path, outcome }))).toEqual([
      { origin: 'environment', path: join(folder, 'gone'), outcome: 'unusable' },
      { origin: 'path', path: old, outcome: 'too-old' },
    ]);
    expect(search.tried.find((tried) => tried.path?.includes('2.13.0'))?.outcome).toBe('unusable');
  });

  // A machine that has its own server in an sbin folder finds that one, as it should.
  it.skipIf(existsSync('/usr/sbin/nats-server') || existsSync('/usr/local/sbin/nats-server'))(
    'says what it tried and the way out when there is nothing',
    async () => {
      const cache = join(folder, 'file');
      writeFileSync(cache, 'a file where the cache should be');
      const failure = await findServer({ env: { PATH: folder, DROVER_CACHE: cache } }).catch((error: unknown) => error);
      expect(failure).toMatchObject({
        code: 'ERR_SERVER_NOT_FOUND',
        message: expect.stringMatching(/DROVER_NATS_SERVER[^]*--nats URL[^]*PATH holds no/),
      });
    },
  );
});
