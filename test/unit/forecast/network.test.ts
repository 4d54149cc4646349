/** Networks in the race: what they are given, when they speak, and that their memory moves with the forecaster. */
import { describe, expect, test } from 'vitest';
import { TAUS } from '../../../src/domain/forecast/deciles.ts';
import { Forecaster } from '../../../src/domain/forecast/forecaster.ts';
import {
  type ForecastNetwork,
  initialNetwork,
  NETWORK_FAMILIES,
  type NetworkFamily,
  NetworkRunner,
  networkSize,
} from '../../../src/domain/forecast/network.ts';
import { networkExamples, networkRows } from '../../../src/domain/forecast/network-examples.ts';
import { StateArena } from '../../../src/domain/forecast/state-arena.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

const HORIZONS = [1, 5, 12];
const quantiles = new Float64Array(TAUS.length);

/** With numbers everywhere, so that it says something. */
function drawn(family: NetworkFamily): ForecastNetwork {
  const rng = createRng(5, family);
  const network = initialNetwork({ family, width: 8, layers: 2, horizons: HORIZONS }, rng);
  const last = networkSize(network);
  for (let i = last - 60; i < last; i++) network.parameters[i] = 0.2 * (rng.unit() - 0.5);
  return network;
}

function series(count: number): Float64Array {
  const rng = createRng(8);
  return Float64Array.from({ length: count }, (_, t) => 30 + 9 * Math.sin(t / 7) + 3 * rng.unit());
}

describe.each(NETWORK_FAMILIES)('%s', (family) => {
  test('begins as the last value: what it has not learned it does not say', () => {
    const network = initialNetwork({ family, width: 6, layers: 1, horizons: HORIZONS }, createRng(1));
    const runner = new NetworkRunner(new StateArena(), network);
    for (const { row } of networkRows(series(200), family)) runner.push(row);
    expect([...runner.outputs]).toEqual([0, 0, 0]);
  });

  test('what it says depends on the past alone, and on all of its memory', () => {
    const network = drawn(family);
    const values = series(260);
    const other = values.slice();
    other[200] = 80;
    const said = [values, other].map((each) => {
      const runner = new NetworkRunner(new StateArena(), network);
      const steps: { readonly t: number; readonly first: number }[] = [];
      for (const { t, row } of networkRows(each, family)) {
        runner.push(row);
        steps.push({ t, first: runner.outputs[0] as number });
      }
      return steps;
    });
    for (const [i, { t, first }] of (said[0] ?? []).entries()) {
      const changed = said[1]?.[i]?.first as number;
      if (t < 200) expect(changed).toBe(first);
      if (t === 200 || t === 201) expect(changed).not.toBe(first);
    }
  });

  test('a forecaster that moved goes on exactly as the one that stayed', () => {
    const values = series(320);
    const networks = [drawn(family)];
    const stayed = new Forecaster({ horizons: HORIZONS, networks, memory: 128 });
    for (const value of values.subarray(0, 200)) stayed.observe(value);
    const moved = Forecaster.restore(structuredClone(stayed.save()));
    for (const value of values.subarray(200)) {
      stayed.observe(value);
      moved.observe(value);
      for (let k = 0; k < HORIZONS.length; k++) {
        const here = stayed.forecast(k, quantiles);
        const band = [...quantiles];
        expect(moved.forecast(k, quantiles)).toBe(here);
        expect([...quantiles]).toEqual(band);
      }
    }
  });

  test('it is given in the race what it was given to learn from', () => {
    const values = series(300);
    const network = drawn(family);
    const forecaster = new Forecaster({ horizons: HORIZONS, networks: [network] });
    for (const value of values) forecaster.observe(value);
    const runner = new NetworkRunner(new StateArena(), network);
    let now = 0;
    // The forecaster has had a measure from its twentieth step on, as the rows have.
    for (const step of networkRows(values, family)) {
      runner.push(step.row);
      now = step.now;
    }
    const said = (values[299] as number) + now * (runner.outputs[0] as number);
    expect(forecaster.saidBy(0).get(family)).toBeCloseTo(said, 9);
  });
});

test('between two of its horizons it says what lies between, beyond them nothing', () => {
  const network = drawn('tcn');
  const forecaster = new Forecaster({ horizons: [1, 3, 12, 60], networks: [network] });
  for (const value of series(200)) forecaster.observe(value);
  const at = (k: number): number => forecaster.saidBy(k).get('tcn') as number;
  const five = new Forecaster({ horizons: [5], networks: [network] });
  for (const value of series(200)) five.observe(value);
  expect(at(1)).toBeCloseTo((at(0) + (five.saidBy(0).get('tcn') as number)) / 2, 9);
  expect(at(3)).toBeNaN();
  expect(forecaster.weights(3).get('tcn')).toBe(0);
});

test('examples: what came, in usual changes; errors weigh as shares of the last value’s', () => {
  const values = series(300);
  const examples = networkExamples(values, { family: 'gru', horizons: [1, 12] });
  expect(examples?.steps).toBe(280);
  const rows = [...networkRows(values, 'gru')];
  const { targets, weights } = examples as NonNullable<typeof examples>;
  for (const step of [0, 100, 267]) {
    const { t, now } = rows[step] as (typeof rows)[number];
    const came = (values[t + 12] as number) - (values[t] as number);
    expect((targets[step * 2 + 1] as number) * now * Math.sqrt(12)).toBeCloseTo(came, 4);
    expect(weights[step * 2 + 1]).toBeGreaterThan(0);
  }
  expect(weights[279 * 2]).toBe(0);
  expect(networkExamples(new Float64Array(300).fill(4), { family: 'gru', horizons: [1] })).toBeUndefined();
  expect(networkExamples(values.subarray(0, 30), { family: 'fnn', horizons: [1] })).toBeUndefined();
});
