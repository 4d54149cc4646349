/** What was missed while nobody ran a task, on a recording made by hand: an instance falls silent at 100 ms, the next speaks at 400 ms. */
import { expect, test } from 'vitest';
import type { RecordedInput, RecordedOutput } from '../../../src/app/chaos/recording.ts';
import { missedInSilence, silencesOf } from '../../../src/app/chaos/silences.ts';

const MS = 1_000;
const output = (atMs: number, epoch: number, marker = false): RecordedOutput => ({
  ...{ sequence: atMs, epoch, nonce: String(epoch), marker, number: atMs, channel: 0, payload: new Uint8Array(0) },
  atUs: atMs * MS,
});
const data = (atMs: number, kind: RecordedInput['kind'] = 'data'): RecordedInput => ({
  ...{ sequence: atMs, kind, number: atMs, skipped: 0, epoch: 0, payload: new Uint8Array(0) },
  atUs: atMs * MS,
});
const outputs = [output(0, 1, true), output(50, 1), output(100, 1), output(380, 2, true), output(400, 2), output(450, 2)];

test('a silence is from the last output of one instance to the first of the next', () => {
  expect(silencesOf({ outputs })).toEqual([{ fromUs: 100 * MS, markerUs: 380 * MS, untilUs: 400 * MS }]);
  expect(silencesOf({ outputs: outputs.slice(0, 3) })).toEqual([]);
});

test('ticks that fell due meanwhile were missed, those whose deadline was still ahead were not', () => {
  const missed = (periodMs: number, deadlineMs: number): number =>
    missedInSilence({ inputs: [], outputs }, { periodUs: periodMs * MS, deadlineUs: deadlineMs * MS });
  expect([missed(50, 50), missed(50, 10), missed(300, 10), missed(300, 300), missed(50, 0)]).toEqual([5, 5, 0, 0, 0]);
});

test('data that came too long before the next instance was missed; what came to it counts where it runs', () => {
  const inputs = [data(90), data(150), data(200), data(345), data(360), data(390), data(160, 'tick')];
  const missed = (deadlineMs: number): number =>
    missedInSilence({ inputs, outputs }, { periodUs: 0, deadlineUs: deadlineMs * MS });
  expect([missed(50), missed(5), missed(250), missed(0)]).toEqual([3, 4, 0, 0]);
});
