/** More random fleets than anybody waits for before a commit; `random.test.ts` has the first of them and those that found something. */
import { expect, test } from 'vitest';
import { playRandomFleet } from '../../../src/app/simulation/random-fleet.ts';

const FIRST = 16;
const LAST = 90;

test(`random lives ${FIRST} to ${LAST} keep every promise`, { timeout: 600_000 }, async () => {
  let restores = 0;
  for (let seed = FIRST; seed <= LAST; seed++) restores += (await playRandomFleet(seed)).restores;
  expect(restores).toBeGreaterThan((LAST - FIRST) * 3);
});
