/** The judge of the conformance suite sees every way in which outputs can be wrong. */
import { describe, expect, it } from 'vitest';
import { countsAfter, wrongOutput } from '../../../src/app/conformance/judge-outputs.ts';
import type { StreamMessage } from '../../../src/ports/bus.ts';

let sequence = 0;
const message = (subject: string, headers: Readonly<Record<string, string>>, text: string): StreamMessage => ({
  subject,
  headers,
  payload: new TextEncoder().encode(text),
  stream: 'S',
  sequence: ++sequence,
  atUs: 0,
});
const data = (number: number, value: number) => message('task.0.t.in.data', { 'Drover-Number': String(number) }, String(value));
const tick = (number: number) => message('task.0.t.in.tick', { 'Drover-Number': String(number), 'Drover-Epoch': '1' }, '');
const marker = (epoch: number, nonce: string, last: number) =>
  message(
    'task.0.t.out',
    { 'Drover-Epoch': String(epoch), 'Drover-Nonce': nonce, 'Drover-Output': String(last), 'Drover-Marker': '1' },
    '',
  );
const output = (epoch: number, nonce: string, number: number, text: string, channel = '0') =>
  message(
    'task.0.t.out',
    { 'Drover-Epoch': String(epoch), 'Drover-Nonce': nonce, 'Drover-Output': String(number), 'Drover-Channel': channel },
    text,
  );

const INPUTS = [data(1, 5), tick(1), data(2, 10)];
const GOOD = [marker(1, 'a', 0), output(1, 'a', 1, '5'), output(1, 'a', 2, '6'), marker(2, 'b', 2), output(2, 'b', 3, '16')];

describe('the judge of outputs', () => {
  it('counts what the inputs lead to, each number once', () => {
    expect(countsAfter([...INPUTS, data(2, 10), data(3, -1)])).toEqual(['5', '6', '16', '15']);
  });

  it('finds nothing wrong with what is right, also while one list is behind the other', () => {
    expect(wrongOutput(GOOD, INPUTS)).toBeUndefined();
    expect(wrongOutput(GOOD.slice(0, 2), INPUTS)).toBeUndefined();
    expect(wrongOutput(GOOD, INPUTS.slice(0, 1))).toBeUndefined();
  });

  it.each([
    ['an output before any marker', GOOD.slice(1), /no marker stands before/],
    ['a lost output', [GOOD[0], GOOD[2]], /should be output 1 and says Drover-Output 2/],
    ['a doubled output', [GOOD[0], GOOD[1], GOOD[1]], /should be output 2 and says Drover-Output 1/],
    ['other bytes', [GOOD[0], output(1, 'a', 1, '4')], /output 1 should be 5 and is 4/],
    [
      'an output of the instance that was fenced',
      [...GOOD, output(1, 'a', 4, '17')],
      /Drover-Epoch 1, and the marker before it 2/,
    ],
    ['an output of another nonce', [GOOD[0], output(1, 'x', 1, '5')], /Drover-Nonce x, and the marker before it a/],
    ['a marker that repeats another number', [GOOD[0], GOOD[1], marker(2, 'b', 0)], /is a marker after output 1/],
    ['a marker of a lower epoch', [...GOOD, marker(1, 'c', 3)], /an epoch below the one before/],
    ['another channel', [GOOD[0], output(1, 'a', 1, '5', '7')], /should say Drover-Channel 0/],
  ])('sees %s', (_, outputs, sentence) => {
    expect(wrongOutput(outputs as StreamMessage[], INPUTS)).toMatch(sentence);
  });
});
