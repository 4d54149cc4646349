import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { benchReceive, type ReceiveBench } from '../../src/app/bench/receive.ts';
import { drawReceive } from '../../src/app/bench/receive-picture.ts';

test('the receiving bench runs the three strategies on the same work, and its picture shows each', async () => {
  const report = await benchReceive({
    ecus: 1,
    managers: 2,
    tasks: 2,
    memoryKib: 256,
    dirtyPercents: [10],
    hotPercent: 50,
    checkpointMs: 200,
    intervalMs: 300,
    seconds: 1,
  });
  expect(report.results.map(({ strategy }) => strategy)).toEqual(['notify', 'push', 'interval']);
  const picture = drawReceive(report);
  for (const { strategy, wireInKib, wireOutKib, ageMs, managerPeakMib, ecuHeldPeakKib } of report.results) {
    expect(wireInKib).toBeGreaterThan(0);
    expect(wireOutKib).toBeGreaterThan(0);
    expect(ageMs.n).toBeGreaterThan(0);
    expect(ageMs.p99).toBeGreaterThanOrEqual(ageMs.p50);
    expect(managerPeakMib).toBeGreaterThan(0);
    // C3 of the checkpoint source, for two tasks of 256 KiB.
    expect(ecuHeldPeakKib).toBeLessThanOrEqual(2 * 2 * 256);
    expect(picture).toContain(`>${strategy}</text>`);
  }
});

test('the committed picture is that of the committed figures', () => {
  const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
  expect(drawReceive(JSON.parse(read('receiving.json')) as ReceiveBench)).toBe(read('receiving.svg'));
});
