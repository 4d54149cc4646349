import { describe, expect, it } from 'vitest';
import { describeAccess, givenTarget, parseBusUrl } from '../../../infra/nats/bus-target.ts';
import { createReconnectPace, reconnectWaitMs } from '../../../infra/nats/connect.ts';
import { serverConfig } from '../../../infra/nats/server-config.ts';
import { newServerFile } from '../../../infra/nats/server-file.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

describe('the address of a broker', () => {
  it.each([
    ['nats://one:4333', ['one:4333'], false, { kind: 'none' }],
    ['one', ['one:4222'], false, { kind: 'none' }],
    ['tls://a:1,tls://b', ['a:1', 'b:4222'], true, { kind: 'none' }],
    ['nats://u:p%40ss@h', ['h:4222'], false, { kind: 'password', user: 'u', password: 'p@ss' }],
    ['nats://s3cret@h', ['h:4222'], false, { kind: 'token', token: 's3cret' }],
    ['nats://u:p@[::1]:5, nats://h2', ['[::1]:5', 'h2:4222'], false, { kind: 'password', user: 'u', password: 'p' }],
  ])('%s', (url, servers, tls, login) => expect(parseBusUrl(url)).toEqual({ servers, tls, login }));

  it.each(['', 'http://h', 'nats://', 'nats://h/path', 'nats://h:port', 'nats://h,'])(
    '%j is refused with the way out',
    (url) => {
      expect(() => parseBusUrl(url)).toThrowError(
        expect.objectContaining({ code: 'ERR_USAGE', message: expect.stringContaining('nats://[user') }),
      );
    },
  );

  it('is never shown with its password', () => {
    expect(describeAccess(parseBusUrl('nats://u:hunter2@h'))).toBe('nats://h:4222');
    for (const url of ['ftp://u:hunter2@h', 'nats://u:hunter2@h:port']) {
      expect(() => parseBusUrl(url)).toThrowError(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
    }
  });

  it('takes credentials from one place only, and from a file that can be read', async () => {
    await expect(givenTarget({ url: 'nats://u:p@h', credsFile: 'x' })).rejects.toMatchObject({ code: 'ERR_USAGE' });
    await expect(givenTarget({ url: 'nats://h', credsFile: '/nowhere/x.creds' })).rejects.toMatchObject({ code: 'ERR_USAGE' });
  });
});

describe('reconnecting', () => {
  it('tries at once, then waits up to 50 ms, doubling to 2 s, never less than half', () => {
    const rng = createRng(1);
    expect(reconnectWaitMs(0, rng)).toBe(0);
    for (const [attempt, longest] of [
      [1, 50],
      [2, 100],
      [3, 200],
      [6, 1600],
      [7, 2000],
      [8, 2000],
      [5000, 2000],
    ] as const) {
      for (let draw = 0; draw < 100; draw++) {
        const wait = reconnectWaitMs(attempt, rng);
        expect(wait).toBeGreaterThanOrEqual(longest / 2);
        expect(wait).toBeLessThanOrEqual(longest);
      }
    }
  });

  it('starts over after a connection that held, but not after one that was lost at once', () => {
    let nowMs = 0;
    const pace = createReconnectPace(createRng(2), () => nowMs);
    expect(pace.beforeAttemptMs()).toBe(0);
    pace.connected();
    nowMs += 5000;
    expect(pace.beforeAttemptMs()).toBe(0);
    expect(pace.beforeAttemptMs()).toBeGreaterThan(0);
    pace.connected();
    nowMs += 10;
    expect(pace.beforeAttemptMs()).toBeGreaterThanOrEqual(50);
  });
});

describe("the server's configuration", () => {
  const settings = {
    dataFolder: '/data "x"',
    file: newServerFile('127.0.0.1'),
    port: -1,
    monitoring: false,
    storeBytesMax: undefined,
  } as const;

  it('syncs always unless told a time, and quotes what it is given', () => {
    expect(serverConfig({ ...settings, sync: 'always' })).toContain('sync_interval: always');
    expect(serverConfig({ ...settings, sync: { everyUs: 2_000_000 } })).toContain('sync_interval: "2000ms"');
    expect(serverConfig({ ...settings, sync: 'always' })).toContain('store_dir: "/data \\"x\\""');
  });

  it('has other passwords for every server', () => {
    const [one, two] = [newServerFile('h'), newServerFile('h')];
    expect(new Set([one.drover.password, one.sys.password, two.drover.password, two.sys.password]).size).toBe(4);
  });
});
