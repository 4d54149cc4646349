import { describe, expect, it } from 'vitest';
import { createArtefactCache } from '../../../infra/nats/artefact-cache.ts';
import type { Artefacts } from '../../../src/ports/artefacts.ts';

/** A store that counts what it is asked for; a digest is the text of its bytes here. */
function storeOf(fails: ReadonlySet<string> = new Set()): Artefacts & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    put: async () => '',
    get: async (digest) => {
      asked.push(digest);
      await Promise.resolve();
      if (fails.has(digest)) throw new Error(`no ${digest}`);
      return new Uint8Array(Number(digest));
    },
  };
}

describe('artefact cache', () => {
  it('asks the store once, however many ask at the same time and after', async () => {
    const source = storeOf();
    const cache = createArtefactCache({ source, bytesMax: 1000 });
    const all = await Promise.all([cache.get('10'), cache.get('10'), cache.get('10')]);
    expect(new Set(all).size).toBe(1);
    await cache.get('10');
    expect(source.asked).toEqual(['10']);
  });

  it('keeps what was used last within its bound, and serves what is larger without keeping it', async () => {
    const source = storeOf();
    const cache = createArtefactCache({ source, bytesMax: 100 });
    for (const digest of ['40', '50', '40', '60', '40', '50', '500', '500'])
      expect((await cache.get(digest)).length).toBe(Number(digest));
    expect(source.asked).toEqual(['40', '50', '60', '50', '500', '500']);
  });

  it('asks again after a failure', async () => {
    const fails = new Set(['10']);
    const source = storeOf(fails);
    const cache = createArtefactCache({ source, bytesMax: 100 });
    await expect(Promise.all([cache.get('10'), cache.get('10')])).rejects.toThrow('no 10');
    fails.clear();
    expect((await cache.get('10')).length).toBe(10);
    expect(source.asked).toEqual(['10', '10']);
  });
});
