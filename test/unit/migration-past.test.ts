/** What is measured of migrations, and whom it is believed that he keeps up with a task. */
import { expect, test } from 'vitest';
import { MigrationPast } from '../../actors/migration-past.ts';
import type { Clock } from '../../src/ports/clock.ts';

let nowUs = 0;
const clock = { monotonicUs: () => nowUs } as Clock;
const A = { name: 'a', runtime: 'wasm' } as const;
const B = { name: 'b', runtime: 'worker' } as const;
const target = { mac: '02aa00000002', incarnation: 1 };

test('a quarter of the newest measurement counts; few bytes tell nothing of the speed', () => {
  const past = new MigrationPast(clock);
  const before = past.speed();
  past.noteCopied({ bytes: 1_000, tookUs: 1_000_000 });
  expect(past.speed()).toEqual(before);
  past.noteFollowed(before.followedUs + 4_000);
  past.noteKeptUp(target, 'a', before.keepUpUs + 40_000);
  past.noteSwitched(before.switchUs + 8_000);
  expect(past.speed()).toEqual({
    bytesPerSecond: before.bytesPerSecond,
    switchUs: before.switchUs + 2_000,
    followedUs: before.followedUs + 1_000,
    keepUpUs: before.keepUpUs + 10_000,
  });
  expect([past.blackoutUs(A), past.blackoutUs({ runtime: 'process' })]).toEqual([
    before.followedUs + 1_000,
    before.switchUs + 2_000,
  ]);
});

test('a task whose runs may differ is kept up with nowhere; any other, where nothing speaks against it', () => {
  const past = new MigrationPast(clock);
  expect(past.whyNotFollowed({ name: 'p', runtime: 'process' }, target)).toMatch(/runtime process/);
  expect(past.whyNotFollowed(A, target)).toBeUndefined();
});

test('who has never kept up with any is not believed to keep up with another; who has, is', () => {
  const past = new MigrationPast(clock);
  past.noteLagged(target, 'a', 'it did not keep up');
  expect(past.whyNotFollowed(A, target)).toBe('it did not keep up');
  expect(past.whyNotFollowed(B, target)).toMatch(/no task so far/);
  past.noteKeptUp(target, 'b', 1_000);
  expect([past.whyNotFollowed(B, target), past.whyNotFollowed(A, target)]).toEqual([undefined, 'it did not keep up']);
  past.noteKeptUp(target, 'a', 1_000);
  expect(past.whyNotFollowed(A, target)).toBeUndefined();
});

test('that it did not keep up is forgotten with its next start', () => {
  const past = new MigrationPast(clock);
  past.noteLagged(target, 'a', 'it did not keep up');
  expect(past.whyNotFollowed(A, { ...target, incarnation: 2 })).toBeUndefined();
});

test('and tried again after five seconds, each time in a row after twice as long, after ten minutes at most', () => {
  const past = new MigrationPast(clock);
  for (const seconds of [5, 10, 20, 40, 80, 160, 320, 600, 600]) {
    past.noteLagged(target, 'a', 'it did not keep up');
    nowUs += seconds * 1_000_000 - 1;
    expect([past.whyNotFollowed(A, target), past.whyNotFollowed(B, target)]).toEqual([
      'it did not keep up',
      'its bridge has kept up with no task so far',
    ]);
    nowUs += 1;
    expect([past.whyNotFollowed(A, target), past.whyNotFollowed(B, target)]).toEqual([undefined, undefined]);
  }
  past.noteKeptUp(target, 'a', 1_000);
  past.noteLagged(target, 'a', 'it did not keep up');
  nowUs += 5_000_000;
  expect(past.whyNotFollowed(A, target)).toBeUndefined();
});

test('who stands still is never reckoned to be silent for less than who does not', () => {
  const past = new MigrationPast(clock);
  for (let slow = 0; slow < 8; slow++) past.noteFollowed(400_000);
  const { switchUs, followedUs } = past.speed();
  expect(followedUs).toBeGreaterThan(300_000);
  expect(switchUs).toBe(followedUs);
});
