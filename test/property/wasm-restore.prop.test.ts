/**
 * The promise everything else stands on: a task that is captured and restored at any job boundaries, in any runtimes, by
 * full and incremental checkpoints, puts out byte for byte what it puts out when it runs alone, once.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openProgram } from '../../infra/runtime/wasm/run-alone.ts';
import { createWasmRuntime, type WasmRuntime } from '../../infra/runtime/wasm/runtime.ts';
import type { JobInput, JobOutput, TaskProgram } from '../../src/ports/task-runtime.ts';
import { data, EXAMPLES, type Example, listLog, loadExample, Rebuilder, realClock, tick } from '../support/wasm.ts';

const runtimes: WasmRuntime[] = [];
beforeAll(() => {
  for (const lanes of [1, 2]) runtimes.push(createWasmRuntime({ clock: realClock, log: listLog(), lanes }));
});
afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.close()));
});

const word = fc.string({
  unit: fc.constantFrom('c', 'a', 'n', '0', '1', '.', '7', 'e', 't', 'h', 'ü'),
  minLength: 1,
  maxLength: 8,
});
const float64s = (values: fc.Arbitrary<number[]>): fc.Arbitrary<Uint8Array> =>
  values.map((numbers) => new Uint8Array(Float64Array.from(numbers).buffer));

/** What a user would feed, and some of what a user would not. */
const payloads: Readonly<Record<Example, fc.Arbitrary<string | Uint8Array>>> = {
  counter: fc.oneof(fc.integer().map(String), word),
  'counter-1m': fc.integer().map(String),
  gateway: fc.oneof(
    fc.tuple(word, fc.string({ maxLength: 40 })).map(([id, text]) => `${id}:${text}`),
    fc.tuple(word, fc.integer({ min: -1, max: 300 })).map(([prefix, channel]) => `!route ${prefix} ${channel}`),
    word.map((prefix) => `!unroute ${prefix}`),
    fc.uint8Array({ maxLength: 100 }),
  ),
  grid: fc.oneof(
    float64s(
      fc
        .tuple(
          fc.double({ min: -10, max: 220, noNaN: true }),
          fc.double({ min: -10, max: 220, noNaN: true }),
          fc.double(),
          fc.double({ min: -1, max: 1 }),
          fc.array(fc.double({ min: 0, max: 14 }), { minLength: 1, maxLength: 20 }),
        )
        .map(([x, y, heading, step, ranges]) => [x, y, heading, step, ...ranges]),
    ),
    fc.uint8Array({ maxLength: 64 }),
  ),
  kalman: fc.oneof(
    fc.array(fc.double({ min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 9 }).map((row) => row.join()),
    fc.constantFrom('', ',', 'NaN', '1,,2', 'Infinity', '1e308,-1e308'),
  ),
  pid: fc.oneof(fc.double({ min: -50, max: 250 }).map(String), word),
};

type Step = 'job' | 'delta' | 'full' | 'move';

const history = (name: Example) =>
  fc.array(
    fc.tuple(
      fc.oneof(
        {
          weight: 2,
          arbitrary: fc.record({
            skipped: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 20 })),
          }),
        },
        { weight: 3, arbitrary: fc.record({ payload: payloads[name] }) },
      ),
      fc.array(fc.constantFrom<Step>('delta', 'full', 'move'), { maxLength: 2 }),
    ),
    { minLength: 1, maxLength: 25 },
  );

const bytes = (outputs: readonly JobOutput[]): string[] =>
  outputs.map(({ channel, payload }) => `${channel}:${Buffer.from(payload).toString('hex')}`);

describe('moved tasks put out what unmoved ones do', () => {
  it.each(EXAMPLES)(
    '%s',
    async (name) => {
      const { spec, artefact } = await loadExample(name);
      await fc.assert(
        fc.asyncProperty(history(name), async (steps) => {
          const alone = await openProgram({ artefact, fuelPerJob: spec.fuelPerJob });
          const rebuilder = new Rebuilder();
          let moves = 0;
          const begin = (image: ReturnType<Rebuilder['image']> | undefined): Promise<TaskProgram> => {
            const runtime = runtimes[moves++ % runtimes.length] as WasmRuntime;
            return runtime.start({ spec, artefact, image, onEnded: ({ sentence }) => expect.fail(sentence) });
          };
          let program = await begin(undefined);
          const moved: string[] = [];
          const unmoved: string[] = [];
          let dataNumber = 0;
          let tickNumber = 0;
          for (const [job, after] of steps) {
            if ('payload' in job) dataNumber++;
            else tickNumber += 1 + job.skipped;
            const input: JobInput = 'payload' in job ? data(dataNumber, job.payload) : tick(tickNumber, job.skipped);
            const [here, there] = [alone.runJob(input), await program.runJob(input)];
            if (here.kind !== 'done' || there.kind !== 'done') expect.fail(`a job failed: ${JSON.stringify([here, there])}`);
            expect(there.fuelUsed).toBe(here.fuelUsed);
            unmoved.push(...bytes(here.outputs));
            moved.push(...bytes(there.outputs));
            for (const step of after) {
              rebuilder.apply(await program.capture(step === 'full' ? 'full' : 'delta'));
              if (step !== 'move') continue;
              const next = await begin(rebuilder.image());
              await program.stop();
              program = next;
            }
          }
          rebuilder.apply(await program.capture('delta'));
          await program.stop();
          expect(moved).toEqual(unmoved);
          const { pages, globals } = alone.capture('full');
          const image = rebuilder.image();
          expect(Buffer.from(image.globals).equals(globals)).toBe(true);
          expect(Buffer.from(image.memory).equals(pages)).toBe(true);
        }),
        { numRuns: name === 'grid' ? 10 : 25 },
      );
    },
    120_000,
  );
});
