/** What docs/DATASETS.md says was learned from the committed runs is learned from them again. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evaluateYesNo } from '../../../src/app/learn/evaluate-model.ts';
import { readDataset } from '../../../src/app/learn/files.ts';
import { trainModel } from '../../../src/app/learn/train-model.ts';
import { projectRoot } from '../../../src/app/project-root.ts';

const runs = async (name: string) => (await readDataset(join(projectRoot(), 'docs', 'runs', name))).sets;

describe('the committed runs', () => {
  it('teach a forest more about other runs than MaLSAMi reached, an AUC of 0.84', async () => {
    const model = await trainModel(await runs('train.arrow'), {
      ...{ network: 'forest', cell: 'gru', reads: 'demand', seed: 1 },
      trainer: () => Promise.reject(new Error('a forest needs none')),
    });
    if (model.purpose !== 'yes-no') throw new Error('a forest says yes or no');
    const { sets, auc, accuracy, majorityRate } = evaluateYesNo(model, await runs('test.arrow'));
    expect(sets).toBe(200);
    expect(auc).toBeGreaterThan(0.93);
    expect(accuracy).toBeGreaterThan(majorityRate + 0.2);
  });
});
