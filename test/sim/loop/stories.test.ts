import { describe, expect, test } from 'vitest';
import { LOOP_PLANTS, type LoopPlant, MINIATURE_PLANTS } from '../../../src/ports/plants.ts';
import { STORIES } from './stories.ts';

type Title = keyof typeof STORIES;
const titles = Object.keys(STORIES) as readonly Title[];

describe('the one loop comes through', () => {
  test.each(titles)('%s', async (title) => {
    await STORIES[title]([]);
  });
});

/** These two need a chart, or a store, that no fleet has: `test/unit/shell.test.ts` finds them. */
const FOUND_ELSEWHERE = ['forget-answers-at-the-end', 'adopt-older'] as const satisfies readonly LoopPlant[];

/** Which story is about which mechanism. */
const FOUND_BY: Readonly<Record<Exclude<LoopPlant, (typeof FOUND_ELSEWHERE)[number]>, Title>> = {
  'skip-compare-and-set': 'managers race for one actor, again and again',
  'forget-seen': 'two managers receive one fact',
  'overwrite-outbox': 'a step comes while entries of an earlier one are open',
  'accept-stale-timer': 'a timer comes due after its state was left and entered again',
  'accept-stale-answer': 'an old writer wakes after a takeover',
  'lose-timers-on-restart': 'a target never answers, and the only manager is restarted',
  'never-count-timers': 'a target never answers',
  'early-timers': 'clocks of managers differ by hours',
  'perform-before-append': 'two managers receive one fact',
  'acknowledge-before-append': 'a manager dies between acknowledging and anything else',
  'trust-lost-answer': 'an append is lost, or its answer is',
  'ignore-own-late-append': 'an append lands late, and makes a manager the writer of what nobody performs',
  'no-takeover': 'a writer dies for good',
  'drop-deferred': 'a fact comes before its time',
  'act-on-reading': 'a plan is made twice',
  'no-reopen': 'an incarnation fails twice',
  'trust-earlier-incarnation': 'a target is restarted around its answer',
  'nameless-refusal': 'a take is asked again after a crash',
};

describe('and would not without its mechanisms', () => {
  const plants = [...LOOP_PLANTS, ...MINIATURE_PLANTS].filter((plant): plant is keyof typeof FOUND_BY => plant in FOUND_BY);
  test.each(plants)('%s is found', async (plant) => {
    const found = await STORIES[FOUND_BY[plant]]([plant]).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    expect(found, `${plant} was not found by “${FOUND_BY[plant]}”`).toMatch(/^J\d|not within/);
  });
});
