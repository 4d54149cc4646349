/** Drawing a data set: an interruption changes nothing but the time it takes. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDataset } from '../../../src/app/learn/files.ts';
import { type DatasetSpec, generateDataset } from '../../../src/app/learn/generate-dataset.ts';
import { GROW_DEFAULTS } from '../../../src/domain/realtime/draw/grow.ts';
import { DRAW } from '../../support/learn-sets.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-dataset-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const spec = {
  label: 'analysis',
  seed: 1,
  sets: 4_500,
  kind: 'fp',
  draw: { ...DRAW, tasks: { least: 3, most: 4 } },
} as const satisfies DatasetSpec;
const generate = (out: string, options: { readonly of?: DatasetSpec; readonly stopAfter?: number } = {}) => {
  const stop = new AbortController();
  return generateDataset({
    spec: options.of ?? spec,
    out: join(folder, out),
    onProgress: (done) => {
      if (done >= (options.stopAfter ?? Number.POSITIVE_INFINITY)) stop.abort();
    },
    signal: stop.signal,
  });
};
const bytesOf = (name: string): Buffer => readFileSync(join(folder, name));

describe('a data set', () => {
  it('goes on where it was interrupted, and ends in the same bytes', async () => {
    const whole = await generate('whole.arrow');
    expect(whole).toMatchObject({ sets: 4_500, setsResumed: 0, finished: true });
    expect(await generate('again.arrow', { stopAfter: 2_000 })).toMatchObject({ sets: 2_000, finished: false });
    expect(existsSync(join(folder, 'again.arrow'))).toBe(false);
    expect(await generate('again.arrow')).toEqual({ ...whole, setsResumed: 2_000 });
    expect(bytesOf('again.arrow')).toEqual(bytesOf('whole.arrow'));
    expect(readdirSync(folder).sort()).toEqual(['again.arrow', 'whole.arrow']);
  });

  it('is not mixed with the beginning of another', async () => {
    mkdirSync(join(folder, 'taken.arrow.parts'));
    copyFileSync(join(folder, 'whole.arrow'), join(folder, 'taken.arrow.parts', '000000.arrow'));
    await expect(generate('taken.arrow', { of: { ...spec, seed: 2 } })).rejects.toMatchObject({ code: 'ERR_DATASET_FILE' });
    expect(existsSync(join(folder, 'taken.arrow.parts', '000000.arrow'))).toBe(true);
  });

  it('that no draw can fulfil is refused', async () => {
    const impossible: DatasetSpec = {
      ...spec,
      draw: { ...spec.draw, tasks: { least: 3, most: 3 }, utilisation: { least: 3.5, most: 4 } },
    };
    await expect(generate('impossible.arrow', { of: impossible })).rejects.toMatchObject({ code: 'ERR_USAGE' });
  });

  it('that is simulated is of the same sets, and never sees more than the analysis allows', async () => {
    const common = { seed: 3, sets: 200, kind: 'fp', draw: { ...spec.draw, utilisation: { least: 0.6, most: 1.1 } } } as const;
    const simulated = { policy: 'fp', cores: 1, periods: 4 } as const;
    await generate('computed.arrow', { of: { label: 'analysis', ...common } });
    await generate('simulated.arrow', { of: { label: 'simulation', simulated, ...common } });
    const [computed, seen] = await Promise.all(
      ['computed.arrow', 'simulated.arrow'].map(async (name) => (await readDataset(join(folder, name))).sets),
    );
    expect(seen?.wcetUs).toEqual(computed?.wcetUs);
    for (const [s, flag] of (computed?.schedulable ?? []).entries()) if (flag === 1) expect(seen?.schedulable[s]).toBe(1);
    for (const [i, exactUs] of (computed?.responseUs ?? []).entries())
      if (exactUs > 0) expect(seen?.responseUs[i]).toBeLessThanOrEqual(exactUs);
    const yes = (labels: Uint8Array | undefined): number => [...(labels ?? [])].reduce((sum, flag) => sum + flag, 0);
    expect(yes(seen?.schedulable)).toBeGreaterThan(yes(computed?.schedulable));
    expect(yes(seen?.schedulable)).toBeLessThan(200);
  });

  it('of grown sets has good ones and bad ones, of one to five tasks', async () => {
    const grow = { ...GROW_DEFAULTS, perSize: 40 };
    expect(await generate('grown.arrow', { of: { label: 'analysis', seed: 1, sets: 400, kind: 'grown', grow } })).toMatchObject(
      { sets: 400 },
    );
    const { sets } = await readDataset(join(folder, 'grown.arrow'));
    const sizes = new Set(
      Array.from({ length: sets.count }, (_, s) => (sets.starts[s + 1] as number) - (sets.starts[s] as number)),
    );
    expect([...sizes].sort()).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(sets.schedulable).size).toBe(2);
  });
});
