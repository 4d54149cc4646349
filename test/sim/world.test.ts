/** The simulated world as a whole: the same seed is the same run, a sound protocol survives it, an unsound one does not. */
import { describe, expect, test } from 'vitest';
import { drawLinkOptions } from '../../infra/sim/network.ts';
import { drawWeather, Weather } from '../../infra/sim/weather.ts';
import { SimWorld } from '../../infra/sim/world.ts';
import { createRng } from '../../src/domain/kernel/rng.ts';
import { ecu, feeder, type Plant, STREAMS, watchPlacements } from './miniature.ts';

const INPUTS = 60;
const SEEDS = 12;

interface Outcome {
  readonly fingerprint: string;
  readonly outputs: number;
  readonly markers: number;
  readonly faults: number;
}

/** A fault phase of two virtual seconds, then a healing phase in which everything must settle. */
async function play(seed: number, plant?: Plant): Promise<Outcome> {
  const draw = createRng(seed, 'options');
  const replicas = draw.below(2) === 0 ? 1 : 3;
  const world = new SimWorld({
    seed,
    streams: STREAMS.map((stream) => ({ ...stream, replicas })),
    link: drawLinkOptions(draw),
    drawn: { perMillion: draw.below(10_000), actions: ['kill', 'freeze', 'power'], forUs: { min: 1_000, max: 200_000 } },
  });
  watchPlacements(world);
  world.add({ id: 'feeder', boot: feeder(INPUTS, 20_000) });
  for (const id of ['bridge.e1', 'bridge.e2', 'bridge.e3']) {
    const driftPpm = draw.below(2_000) - 1_000;
    world.add({ id, boot: ecu(plant), clock: { driftPpm, monotonicOffsetUs: draw.below(1_000_000_000), wallErrorUs: 0 } });
  }
  for (const host of world.hosts.values()) host.start();
  const weather = new Weather(world, { ...drawWeather(draw), streams: STREAMS.map(({ name }) => name).slice(0, 3) });
  await world.run({ untilUs: 2_000_000 });
  weather.calm();
  await world.settle({ withinUs: 30_000_000, rest: () => world.judges.inputs === INPUTS });
  return {
    fingerprint: world.fingerprint(),
    outputs: world.judges.outputs,
    markers: world.judges.markers,
    faults: weather.log.length + world.plan.done.length,
  };
}

describe('the simulated world', () => {
  test('a sound protocol keeps every invariant and settles, whatever the weather', async () => {
    let faults = 0;
    let takeovers = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const outcome = await play(seed);
      expect(outcome.outputs).toBeGreaterThan(INPUTS / 2);
      faults += outcome.faults;
      takeovers += outcome.markers - 1;
    }
    // The runs were no idyll.
    expect(faults).toBeGreaterThan(SEEDS * 5);
    expect(takeovers).toBeGreaterThan(SEEDS);
  });

  test('the same seed is the same run, message for message and step for step', async () => {
    const prints = new Set<string>();
    for (const seed of [3, 4, 5]) {
      const { fingerprint } = await play(seed);
      expect((await play(seed)).fingerprint).toBe(fingerprint);
      prints.add(fingerprint);
    }
    expect(prints.size).toBe(3);
  });

  for (const [plant, invariant] of [
    ['output-cas', 'single-writer'],
    ['placement-cas', 'one-restore'],
    ['marker', 'single-writer'],
    ['suppress', 'single-writer'],
    ['read-after-unknown', 'single-writer'],
  ] as const) {
    test(`without ${plant} the judges convict: ${invariant}`, async () => {
      const found: string[] = [];
      for (let seed = 1; seed <= 40 && found.length === 0; seed++) {
        try {
          await play(seed, plant);
        } catch (error) {
          found.push(error instanceof Error ? error.message : String(error));
        }
      }
      expect(found[0]).toMatch(new RegExp(`^${invariant}: `));
      expect(found[0]).toContain('seed ');
    });
  }
});
