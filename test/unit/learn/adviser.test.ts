/** A learned model ranks targets: it prefers the core where deadlines look safer, and says nothing of schedulers it was not trained on. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { createAdviser, NEUTRAL } from '../../../src/domain/learn/adviser.ts';
import { applyScale, inputLength, learnScale, writeInputs } from '../../../src/domain/learn/examples.ts';
import { trainForest } from '../../../src/domain/learn/forest.ts';
import { acceptedTaskOf } from '../../../src/domain/placement/admit.ts';
import { type Adviser, assign } from '../../../src/domain/placement/assign.ts';
import { labelledSets } from '../../support/learn-sets.ts';
import { candidateOf, macOf, newcomerOf, specOf } from '../../support/placement-builders.ts';

const TIGHT = { periodUs: 20_000, deadlineUs: 9_000, wcetUs: 4_000, priority: 5 };
const tight = newcomerOf('tight', TIGHT);
/** Of a task that goes before it, with a WCET to choose. */
const running = (name: string, wcetUs: number) =>
  acceptedTaskOf(specOf(name, { wcetUs, periodUs: 10_000, deadlineUs: 8_000, priority: 9 }), 1);

describe('the adviser', () => {
  let adviser: Adviser;

  beforeAll(() => {
    const sets = labelledSets(1, 2_000);
    const inputs = writeInputs(sets, 'row', 'closed');
    const scale = learnScale(inputs);
    applyScale(inputs, scale);
    const width = inputLength('row', 'closed');
    const forest = trainForest(inputs.values, sets.schedulable, width, createRng(1), {
      trees: 25,
      depthMost: 12,
      leafLeast: 3,
    });
    adviser = createAdviser({
      purpose: 'yes-no',
      trained: { network: 'forest', backend: 'none', seed: 1, sets: 2_000 },
      reads: 'closed',
      shape: 'row',
      scale,
      deferral: { no: 0, yes: 0 },
      learned: { kind: 'forest', ...forest },
    });
  });

  it('is surer of an empty core than of one that is nearly full, and gives up where no core has room', () => {
    const advice = (wcetUs: number): number => adviser(tight, candidateOf(1, { accepted: [running('near', wcetUs)] }));
    expect(adviser(tight, candidateOf(1))).toBeGreaterThan(0.8);
    expect(advice(7_500)).toBeLessThan(0.3);
    expect(advice(9_000)).toBe(0);
  });

  it('looks at the core that the task would come to, not at the whole ECU', () => {
    const accepted = [running('near', 7_500), running('far', 7_500)];
    const twoFull = adviser(tight, candidateOf(1, { accepted, description: { cores: 2 } }));
    const oneFree = adviser(tight, candidateOf(1, { accepted, description: { cores: 3 } }));
    expect(oneFree).toBeGreaterThan(twoFull + 0.3);
  });

  it('knows nothing of other schedulers, nor of tasks that only data wakes', () => {
    const edf = candidateOf(1, { description: { scheduling: { scheduler: 'edf' } } });
    expect(adviser(tight, edf)).toBe(NEUTRAL);
    // Nor of one that was never declared.
    const { description, ...silent } = candidateOf(1);
    const { scheduling: _, ...undeclared } = description;
    expect(adviser(tight, { ...silent, description: undeclared })).toBe(NEUTRAL);
    expect(adviser(newcomerOf('woken', { ...TIGHT, periodUs: 0 }), candidateOf(1))).toBe(NEUTRAL);
  });

  it('moves a task to what it prefers among those that pass, and its word stands in the evidence', () => {
    const candidates = [1, 2].map((number) => candidateOf(number));
    for (const number of [1, 2]) {
      const favour: Adviser = (_, { mac }) => (mac === macOf(number) ? 1 : 0);
      const { assignments } = assign({ newcomers: [tight], candidates, adviser: favour });
      expect(assignments).toMatchObject([{ mac: macOf(number), score: { advice: 1 } }]);
    }
  });
});
