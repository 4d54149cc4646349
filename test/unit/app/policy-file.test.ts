/** The policy of `--policy`: defaults, what each field allows, and what all of them together cannot mean. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadPolicyFile, parsePolicy } from '../../../src/app/policy-file.ts';
import { projectRoot } from '../../../src/app/project-root.ts';
import { PREDICTION_POLICY, rulesFor } from '../../../src/domain/proposal/prediction-policy.ts';
import { NOTHING_REMEMBERED, review } from '../../../src/domain/proposal/review.ts';
import { FULL_CREDIT } from '../../../src/domain/proposal/score.ts';

const problems = (text: string): string => {
  try {
    parsePolicy(text, 'p.yaml');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

test('an empty one is what drover does by itself, and so is the example but for its limits', async () => {
  expect(parsePolicy('', 'p.yaml')).toEqual(PREDICTION_POLICY);
  const path = join(projectRoot(), 'examples', 'policy.yaml');
  const { limits, ...example } = parsePolicy(readFileSync(path, 'utf8'), path);
  expect({ ...example, limits: [] }).toEqual(PREDICTION_POLICY);
  expect(limits).toHaveLength(3);
  expect((await loadPolicyFile(path)).file).toBe(path);
});

test.each([
  ['no YAML', 'prediction: [', /no YAML/],
  ['a shortened field', 'prediction: { horizon: 30 }', /prediction\.horizon: there is no such field; did you mean horizon-s\?/],
  ['a misspelt section', 'predicton: {}', /- predicton: there is no such field; did you mean prediction\?/],
  [
    'an unknown field',
    'migration: { colour: 1 }',
    /migration\.colour: .*; there are benefit-least, cost-most, rest-s, open-most, at-once/,
  ],
  ['two of a limit', 'limits: [{ lables: {}, kin: gpu }]', /limits\.0\.lables: .* labels\?\n {2}- limits\.0\.kin: .* kind\?/],
  ['a probability of two', 'prediction: { raise-at: 2 }', /prediction\.raise-at/],
  ['an hour ahead', 'prediction: { horizon-s: 3600 }', /prediction\.horizon-s/],
  ['a review every millisecond', 'prediction: { interval-ms: 1 }', /interval-ms/],
  ['a budget of none', 'migration: { open-most: 0 }', /open-most/],
  ['a text for a number', 'migration: { cost-most: cheap }', /cost-most/],
  ['thresholds the wrong way round', 'prediction: { raise-at: 0.2, clear-at: 0.5 }', /back and forth/],
  ['less rest than horizon', 'migration: { rest-s: 10 }', /proposed again before/],
  ['data older than a review', 'prediction: { stale-s: 1, interval-ms: 2000 }', /blind/],
  ['reviews as long as the horizon', 'prediction: { reviews: 5, horizon-s: 5 }', /over before anything is proposed/],
  ['a limit of everything', 'limits: [{ raise-at: 0.4 }]', /neither labels nor a kind/],
  ['a limit of nothing', 'limits: [{ kind: gpu }]', /limits nothing/],
  ['a limit that contradicts', 'limits: [{ kind: gpu, raise-at: 0.1 }]', /limits\.0: clear-at/],
  ['a cold limit', 'limits: [{ kind: gpu, temperature-c: 5 }]', /temperature-c/],
  ['a limit of an unknown kind', 'limits: [{ kind: abacus, raise-at: 0.4 }]', /limits\.0\.kind/],
])('%s is refused, by its name', (_, text, sentence) => {
  expect(problems(text)).toMatch(sentence);
});

describe('limits', () => {
  const policy = parsePolicy(
    'limits: [{ labels: { zone: engine }, temperature-c: 85, raise-at: 0.3 }, { kind: gpu, temperature-c: 80, at-once: 1 }, { labels: { bench: 1 }, move: false }]',
    'p.yaml',
  );
  const ecu = (more: Partial<Parameters<typeof rulesFor>[1]>) => rulesFor(policy, { labels: {}, resourceKind: 'cpu', ...more });

  test('the first that names a value counts, and only for those that it is about', () => {
    expect(ecu({})).toEqual({ raiseAt: 0.5, clearAt: 0.2, temperatureC: undefined, atOnce: 3, moves: true });
    expect(ecu({ labels: { zone: 'engine', bench: '1' }, resourceKind: 'gpu' })).toEqual({
      ...{ raiseAt: 0.3, clearAt: 0.2, temperatureC: 85, atOnce: 1, moves: false },
    });
  });

  test('a temperature counts where it is below what the ECU says itself', () => {
    const metrics = (temperatureLimit: number) => ({ everyUs: 1, keptEveryUs: 0, temperatureLimit });
    expect(ecu({ resourceKind: 'gpu', metrics: metrics(95) }).temperatureC).toBe(80);
    expect(ecu({ resourceKind: 'gpu', metrics: metrics(70) }).temperatureC).toBe(70);
    expect(ecu({ metrics: metrics(70) }).temperatureC).toBe(70);
  });

  test('an ECU’s own threshold decides whether it is threatened', () => {
    const outlook = (mac: string) => ({
      ...{ mac, incarnation: 1, failure: 0.4, overload: 0, loadQuantiles: [0, 0, 0] as const, failsInS: 10, threats: [] },
    });
    let memory = NOTHING_REMEMBERED;
    let threatened: readonly string[] = [];
    for (let at = 0; at < 6; at++) {
      const views = ['a', 'b'].map((mac) => ({
        ...{ outlook: outlook(mac), sampledAtUs: at * 1e6, tasks: [] },
        ...(mac === 'a' ? { thresholds: { raiseAt: 0.3, clearAt: 0.1 } } : {}),
      }));
      ({ memory, threatened } = review(memory, views, { nowUs: at * 1e6, credit: FULL_CREDIT, policy: policy.review }));
    }
    expect(threatened).toEqual(['a']);
  });
});
