/** A twin of rare situations as a file and in use: nothing is drawn from one that is not kept, whatever its file claims. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeModel, encodeModel } from '../../../infra/learned/model-file.ts';
import { evaluateUnitFiles } from '../../../src/app/hazard/evaluate-files.ts';
import { simulateUnits } from '../../../src/app/hazard/simulate-units.ts';
import { drawKept, misfitOf, readFleet, unitsAsCsv } from '../../../src/app/hazard/twin-files.ts';
import { readUnits } from '../../../src/app/hazard/unit-files.ts';
import type { RareTwin } from '../../../src/domain/hazard/rare-twin.ts';
import { SENSOR_PROFILES } from '../../../src/domain/metrics/sensor-profile.ts';
import { plainTwin, plainTwinModel, scoresOf } from '../../support/rare-twins.ts';
import { asCsv, wearingFleet } from '../../support/wearing-units.ts';

const HORIZON = 12;
const fleet = wearingFleet(1, 5);
const twin = plainTwin(fleet, HORIZON);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-rare-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

it('comes out of its file as it went in', () => {
  const model = plainTwinModel(twin);
  expect(decodeModel(encodeModel(model), 'rare.model')).toEqual(model);
});

it('cut short or changed is refused', () => {
  const bytes = encodeModel(plainTwinModel(twin));
  expect(() => decodeModel(bytes.slice(0, bytes.length - 40), 'x')).toThrow('its digest is another one');
  const changed = bytes.slice();
  changed[changed.length - 100] = (changed[changed.length - 100] as number) ^ 1;
  expect(() => decodeModel(changed, 'x')).toThrow('its digest is another one');
});

const pool = twin.pool;
it.each<[string, Partial<RareTwin>, string]>([
  ['scores of other units', { judged: scoresOf(4, true) }, 'scores that are none'],
  ['a score that is none', { judged: { ...twin.judged, generator: new Float64Array(5).fill(-1) } }, 'scores that are none'],
  ['a network of another shape', { columns: ['a', 'b'], shape: { ...twin.shape, sensors: 2 } }, 'another shape'],
  ['a pool that ends early', { pool: { ...pool, times: pool.times.slice(1) } }, 'contradict'],
  ['units without rows', { pool: { ...pool, starts: pool.starts.map((at, u) => (u === 1 ? 1 : at)) } }, 'too short'],
  ['lives of for ever', { scale: { ...twin.scale, lifeMean: 40 } }, 'absurd'],
  ['a scale of nothing', { scale: { ...twin.scale, deviations: new Float32Array(3) } }, 'not finite'],
  ['parameters missing', { parameters: twin.parameters.slice(1) }, 'parameters'],
])('forged with a right digest is refused: %s', (_, change, words) => {
  const bytes = encodeModel(plainTwinModel({ ...twin, ...change }));
  expect(() => decodeModel(bytes, 'forged')).toThrow(words);
});

it('nothing is drawn from one that did not win, and the sentence has the figures', () => {
  const lost = plainTwinModel({ ...twin, judged: scoresOf(5, false) });
  expect(() => drawKept(lost, { file: 'lost.model', count: 3, seed: 1 })).toThrow(
    /lost\.model is not kept.*0\.0352.*0\.0402.*0\.0302/,
  );
  expect(drawKept(plainTwinModel(twin), { file: 'won.model', count: 3, seed: 1 })).toHaveLength(3);
});

it('what is drawn is a table like the one it was learned from', async () => {
  const drawn = drawKept(plainTwinModel(twin), { file: 'won.model', count: 3, seed: 1 });
  const csv = unitsAsCsv(drawn, { columns: fleet.columns, unit: 'unit', time: 'cycle', outcome: 'failed' });
  const read = await readUnits(file('drawn.csv', csv), { unit: 'unit', time: 'cycle', outcome: 'failed' });
  expect(read.columns).toEqual(fleet.columns);
  expect(read.units.map(({ name, failed, times }) => [name, failed, times.length])).toEqual(
    drawn.map(({ name, times }) => [name, true, times.length]),
  );
});

it('a hazard learns from its units besides, and the figures before and after are told', async () => {
  const test = file('test.csv', asCsv(wearingFleet(2, 3)));
  const request = { train: file('train.csv', asCsv(fleet)), test, unit: 'unit', time: 'cycle', horizon: HORIZON };
  const asked = { ...request, method: 'hazard' as const, alarmRows: 3, twinUnits: 6 };
  const without = await evaluateUnitFiles(asked);
  const won = file('won.model', encodeModel(plainTwinModel(twin)));
  const report = await evaluateUnitFiles({ ...asked, twin: won });
  expect(report).toMatchObject({ brier: without.brier, twin: { file: won, units: 6, before: { brier: without.brier } } });
  expect(report.twin?.after.brier).not.toBe(without.brier);
  const lost = file('lost.model', encodeModel(plainTwinModel({ ...twin, judged: scoresOf(5, false) })));
  await expect(evaluateUnitFiles({ ...asked, twin: lost })).rejects.toMatchObject({ code: 'ERR_TWIN_NOT_KEPT' });
  await expect(evaluateUnitFiles({ ...asked, twin: won, horizon: 10 })).rejects.toThrow('--horizon is 10');
  const same = await evaluateUnitFiles({ ...asked, twin: won, test: request.train });
  expect(same.notes.filter((note) => note.includes('won.model'))).toHaveLength(1);
});

it('fits only tables with its sensors', () => {
  const model = plainTwinModel(twin);
  expect(misfitOf(model, fleet, HORIZON)).toBeUndefined();
  expect(misfitOf(model, { ...fleet, columns: ['flow', 'heat', 'hum'] }, HORIZON)).toContain('has the sensors heat, flow, hum');
});

it('simulated machines fail of their trouble, and of nothing else; the same seed gives the same table', async () => {
  const hot = simulateUnits(SENSOR_PROFILES.heating, { units: 4, seed: 7 });
  expect(simulateUnits(SENSOR_PROFILES.heating, { units: 4, seed: 7 })).toEqual(hot);
  expect(hot).toMatchObject({ units: 4, failed: 4 });
  const roles = { unit: 'unit', time: 'second', outcome: 'failed' };
  const { fleet: read } = await readFleet(file('hot.csv', hot.csv), roles);
  const celsius = read.columns.indexOf('celsius');
  for (const { values, failed } of read.units) {
    expect(failed).toBe(true);
    expect(values.at(celsius - read.columns.length)).toBeGreaterThan(90);
  }
  expect(simulateUnits(SENSOR_PROFILES.calm, { units: 1, seed: 7 }).failed).toBe(0);
});
