/**
 * `node dist/src/app/simulation/run-seeds.js --seeds A..B`: plays random fleets, one after the other, and tells of each that
 * broke a promise. Ends with 1 when one did. `--story N` prints the last N lines of each failure.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { playRandomFleet } from './random-fleet.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..100' },
    story: { type: 'string', default: '0' },
    verbose: { type: 'boolean', default: false },
  },
});
const [first = 1, last = first] = values.seeds.split('..').map(Number);
const storyLines = Number(values.story);
const failed: number[] = [];
let unhandled: unknown;
process.on('unhandledRejection', (cause) => {
  unhandled ??= cause;
});
const begun = performance.now();
let restores = 0;
let steps = 0;
for (let seed = first; seed <= last; seed++) {
  unhandled = undefined;
  try {
    const outcome = await playRandomFleet(seed);
    if (unhandled !== undefined) throw unhandled;
    restores += outcome.restores;
    steps += outcome.steps;
    if (values.verbose)
      process.stdout.write(`seed ${seed}: ${JSON.stringify(outcome)}, ${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
  } catch (cause) {
    failed.push(seed);
    const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    const lines = text.split('\n');
    process.stdout.write(`seed ${seed}: ${lines[0]}\n`);
    if (storyLines > 0) process.stdout.write(`${lines.slice(0, storyLines).join('\n')}\n`);
  }
}
const seconds = (performance.now() - begun) / 1000;
process.stdout.write(
  `seeds ${first}..${last}: ${failed.length} failed ${JSON.stringify(failed)}, ${restores} instances started, ${steps} steps, ${seconds.toFixed(1)} s\n`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
