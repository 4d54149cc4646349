import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkServer } from '../../../infra/nats/check-server.ts';
import { checkCores, checkFolder, checkMachine, checkMemory, checkNode, judgeDisk } from '../../../infra/system/doctor.ts';
import { cacheFolder } from '../../../infra/system/folders.ts';

const MIB = 1024 * 1024;

describe('doctor', () => {
  it.each([
    ['18.20.0', 'missing'],
    ['20.11.1', 'missing'],
    ['20.12.0', 'ok'],
    ['22.0.0', 'ok'],
  ])('Node.js %s: %s', (version, state) => expect(checkNode(version).state).toBe(state));

  it('wants room for data, memory and cores', () => {
    expect(judgeDisk(10 * MIB).state).toBe('missing');
    expect(judgeDisk(500 * MIB).state).toBe('warn');
    expect(judgeDisk(5000 * MIB).state).toBe('ok');
    expect(checkMemory(8192 * MIB, 512 * MIB).state).toBe('warn');
    expect(checkMemory(512 * MIB, 8192 * MIB).state).toBe('warn');
    expect(checkMemory(8192 * MIB, 4096 * MIB).state).toBe('ok');
    expect(checkCores(1).state).toBe('warn');
  });

  it('takes a folder that can still be made, and not one below a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-doctor-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      expect(await checkFolder('data folder', join(folder, 'a', 'b'), 'elsewhere')).toMatchObject({ state: 'ok' });
      expect(await checkFolder('data folder', join(folder, 'file', 'b'), 'elsewhere')).toMatchObject({
        state: 'missing',
        wayOut: 'elsewhere',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('names a way out with everything that is not well, and only then', async () => {
    const checks = await checkMachine({ cacheFolder: '/dev/null/x', dataFolder: tmpdir(), env: { PATH: '' } });
    expect(checks.some((check) => check.state === 'missing')).toBe(true);
    for (const check of checks) expect(check.wayOut === undefined).toBe(check.state === 'ok');
  });

  it('shows which servers were passed over', () => {
    const old = { origin: 'path', path: '/usr/bin/nats-server', outcome: 'too-old', note: 'version 2.9.1 is too old' } as const;
    expect(checkServer({ server: undefined, tried: [old] })).toMatchObject({
      state: 'missing',
      found: expect.stringContaining('2.9.1'),
    });
    const version = { major: 2, minor: 11, patch: 0, text: '2.11.0' };
    expect(checkServer({ server: { path: 'p', version, origin: 'cache' }, tried: [] }).state).toBe('warn');
  });

  it('finds the cache folder by its own variable, then by XDG, then at home', () => {
    expect(cacheFolder({ DROVER_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/a');
    expect(cacheFolder({ DROVER_CACHE: '', XDG_CACHE_HOME: '/b', HOME: '/c' })).toBe('/b/drover');
    expect(cacheFolder({ XDG_CACHE_HOME: '', HOME: '/c' })).toBe('/c/.cache/drover');
  });
});
