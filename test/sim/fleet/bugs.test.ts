/**
 * The judges are judged: every bug that can be planted in bridges, instances and managers is found, by a story that is about its
 * mechanism or by random lives. A life is another one after most changes to the code, so a seed is where the search begins, not
 * where it must end: a bug has to be found within 200 seeds (`./drover simulate --plant NAME` searches in the same way).
 */
import { describe, expect, test, vi } from 'vitest';
import { judgeSeed } from '../../../src/app/simulation/judge-seed.ts';
import { FLEET_PLANTS, type FleetPlant } from '../../../src/ports/plants.ts';
import { BUG_STORIES } from './bug-stories.ts';
import { CHAIN_STORIES } from './chain-stories.ts';
import { MIGRATION_STORIES } from './migration-stories.ts';
import { MODEL_STORIES } from './model-stories.ts';
import { NIGHT_STORIES } from './night-stories.ts';
import { POWER_STORIES } from './power-stories.ts';
import { SHARE_STORIES } from './share-stories.ts';

const SEEDS_MAX = 200;

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 300_000 });

const STORIES = {
  ...BUG_STORIES,
  ...MODEL_STORIES,
  ...MIGRATION_STORIES,
  ...CHAIN_STORIES,
  ...POWER_STORIES,
  ...NIGHT_STORIES,
  ...SHARE_STORIES,
};
type Title = keyof typeof STORIES;
const titles = Object.keys(STORIES) as readonly Title[];

interface ByStory {
  readonly story: Title;
  /** A second mechanism that covers for the first, and is taken out with it. */
  readonly behind?: FleetPlant;
}

const FOUND_BY: Readonly<Record<FleetPlant, ByStory | { readonly seed: number }>> = {
  'skip-marker': { seed: 1 },
  'append-blindly': { seed: 16 },
  'never-ask-placement': { seed: 31 },
  'start-overtaken': { story: 'a start takes long, and the task is removed and declared again meanwhile' },
  'start-again': {
    story: 'the disk is full while a task starts, and the task is taken elsewhere',
    behind: 'end-unanswered',
  },
  'end-unanswered': {
    story: 'the disk is full while a task starts, and the task is taken elsewhere',
    behind: 'start-again',
  },
  'drop-early-caught-up': { seed: 64 },
  'overtake-by-actor': { story: 'answers to the deploys of one restore are lost' },
  overfill: { story: 'two managers plan one place for two tasks' },
  'end-in-silence': { story: 'a task traps' },
  'obey-overtaken': { story: 'a PAUSE arrives after the RESUME' },
  'answer-for-the-dead': { seed: 6 },
  'skip-input-gap': { story: 'a publisher leaves an input out' },
  'trust-own-clock': { seed: 14 },
  'forget-incarnation': { story: 'an ECU loses its last starts with its power' },
  'sleep-with-tasks': { story: 'an ECU is told to sleep while it runs a task' },
  'take-tasks-asleep': { story: 'a task is sent to an ECU that has just fallen asleep' },
  'let-them-wait': { story: 'all ECUs that are awake die, and the others sleep' },
  'begin-in-part': { story: 'one of the tasks of an ECU that could sleep cannot leave it' },
  'sleep-through': { story: 'a reservation begins on an ECU that sleeps' },
  'reserve-again': { story: 'the answer to a reservation is lost, and it is asked for again' },
  overbook: { story: 'more is reserved on an ECU than it has' },
  'serve-unaccepted': { seed: 2 },
  'announce-unaccepted': { seed: 2 },
  'free-before-quorum': { seed: 3 },
  'forget-page': { seed: 30 },
  'trim-unmarked': { story: 'the manager that was ahead dies with the ECU' },
  'forget-laggard': { story: 'the manager that was ahead dies with the ECU' },
  'say-stored-early': { seed: 1 },
  'claim-what-passed': { story: 'a task is shed by one restore and placed by another, where it was' },
  'never-tell-what-passed': { seed: 5 },
  'answer-for-the-owned': {
    story: 'a task makes room while its own restore still waits for it to catch up',
    behind: 'never-tell-what-passed',
  },
  'forget-early-caught-up': { story: 'an instance has caught up before whoever took its epoch has written that down' },
  'foresee-own-share': { story: 'an ECU is foreseen to fail, and its managers keep no other' },
  'know-own-share': { story: 'tasks are removed and declared again, and their states lie with managers of another share' },
  'believe-old-views': { story: 'an ECU was found dead by a manager that watches it no more, and lives' },
  'give-epoch-twice': { seed: 19 },
  'take-any-epoch': { seed: 6 },
  'deploy-on-reading': { seed: 1 },
  'act-on-stale-suspicion': { seed: 2 },
  'trust-taker': { story: 'a task makes room while its own restore still waits for it to catch up' },
  'no-duty': { story: 'a task makes room while its own restore still waits for it to catch up' },
  'resume-unaborted': { story: 'the only manager is cut off just when it could commit' },
  'route-blindly': { seed: 21 },
  'route-markers': { seed: 6 },
  'trim-unrouted': { story: 'a router stands still while another manager trims what it has not routed' },
  'know-own-chains': { story: 'a router of another share than its source’s stands still while those outputs are trimmed' },
  'move-alone': { story: 'a chain moves as one, and one of its tasks takes longest' },
  'commit-unready': {
    story: 'a chain is committed, one of its tasks had to stand still for it, and the target is heard no more',
  },
  'pause-followed': { story: 'a chain moves as one, and its target keeps up with all of it' },
  'forget-followed-outputs': {
    story: 'the source is heard no more while the target keeps up with its task, and goes on from there',
  },
  'switch-unclaimed': { story: 'a task is moved, and nobody else wants anything' },
};

describe('a fleet comes through', () => {
  test.each(titles)('%s', async (title) => {
    await STORIES[title]([]);
  });
});

describe('and would not without its mechanisms', () => {
  test.each(FLEET_PLANTS)('%s is found', async (plant) => {
    const by = FOUND_BY[plant];
    if ('seed' in by) {
      expect(await seedThatFinds(plant, by.seed)).toBeLessThanOrEqual(SEEDS_MAX);
      return;
    }
    const planted = by.behind === undefined ? [plant] : [plant, by.behind];
    const found = await STORIES[by.story](planted).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    expect(found, `${plant} was not found by “${by.story}”`).toBeDefined();
  });
});

async function seedThatFinds(plant: FleetPlant, first: number): Promise<number> {
  if ((await judgeSeed(first, { plant })).failure !== undefined) return first;
  for (let seed = 1; seed <= SEEDS_MAX; seed++) if ((await judgeSeed(seed, { plant })).failure !== undefined) return seed;
  return Number.POSITIVE_INFINITY;
}
