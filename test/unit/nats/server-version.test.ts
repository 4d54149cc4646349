import { describe, expect, it } from 'vitest';
import { compareVersions, isAtLeast, parseServerVersion, SERVER_VERSION_MIN } from '../../../infra/nats/server-version.ts';

describe('versions of nats-server', () => {
  it.each([
    ['nats-server: v2.15.1\n', 2, 15, 1, '2.15.1'],
    ['v2.10.0', 2, 10, 0, '2.10.0'],
    ['2.9.25', 2, 9, 25, '2.9.25'],
    ['nats-server: v2.11.0-RC.3', 2, 11, 0, '2.11.0-RC.3'],
    ['nats-server: v2.10.27+dfsg', 2, 10, 27, '2.10.27+dfsg'],
  ])('reads %j', (printed, major, minor, patch, text) => {
    expect(parseServerVersion(printed)).toEqual({ major, minor, patch, text });
  });

  it.each(['', 'nats-server', 'v2.10', 'nats-server: v2.x.1', 'bash: v2.10.0', '2.10.0/../..', '.lock.3', 'v2.10.0 and more'])(
    'takes %j for no version',
    (printed) => expect(parseServerVersion(printed)).toBeUndefined(),
  );

  it('compares by number, not by digit', () => {
    const [nine, ten] = [parseServerVersion('2.9.99'), parseServerVersion('2.10.0')];
    if (nine === undefined || ten === undefined) throw new Error('both are versions');
    expect(compareVersions(nine, ten)).toBeLessThan(0);
    expect(isAtLeast(nine, SERVER_VERSION_MIN)).toBe(false);
    expect(isAtLeast(ten, SERVER_VERSION_MIN)).toBe(true);
  });
});
