/** What anybody may have written into the bucket `proofs`: read when it is a proof of that task, else left out. */
import { expect, test } from 'vitest';
import { readProof } from '../../../infra/nats/proof-board.ts';

const last = {
  epoch: 1,
  sequence: 7,
  verdict: 'inconclusive',
  jobs: 0,
  outputs: 0,
  why: 'too new',
  by: 'm1',
  triedAtUs: 9,
  storedAtUs: 8,
};
const proven = { epoch: 1, sequence: 5, verdict: 'proven', jobs: 3, outputs: 3, by: 'm2', triedAtUs: 6, storedAtUs: 5 };
const entry = { version: 1, task: 'a', last, proven, refuted: [{ epoch: 1, sequence: 6 }] };
const read = (value: unknown) => readProof('a', new TextEncoder().encode(JSON.stringify(value)));

test('a proof is read', () => {
  const { version: _, ...proof } = entry;
  expect(read(entry)).toEqual(proof);
  expect(read({ ...entry, proven: undefined })).toEqual({ ...proof, proven: undefined });
});

test.each([
  ['of another version', { ...entry, version: 2 }],
  ['of another task', { ...entry, task: 'b' }],
  ['without a last trial', { ...entry, last: undefined }],
  ['with an unknown verdict', { ...entry, last: { ...last, verdict: 'fine' } }],
  ['with a number that is none', { ...entry, proven: { ...proven, outputs: '3' } }],
  ['with a negative time', { ...entry, last: { ...last, triedAtUs: -1 } }],
  ['with refutations of nothing', { ...entry, refuted: [{}] }],
  ['that is a list', [entry]],
  ['that is nothing', null],
])('one %s is left out', (_, value) => {
  expect(read(value)).toBeUndefined();
});

test('what is no JSON is left out', () => {
  expect(readProof('a', new Uint8Array([0xff, 0x7b]))).toBeUndefined();
  expect(readProof('a', new Uint8Array(0))).toBeUndefined();
});
