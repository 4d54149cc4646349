/**
 * What two other simulators answered: SimSo (Python, every statistic of every task) and SchedCAT's (C++, the first job that
 * was late). The answers lie beside the repository, not in it; where they are not, these tests are skipped.
 *
 * Responses and misses are equal wherever no two jobs share a deadline (with fixed priorities: everywhere). Preemptions and
 * migrations depend on which core is taken when two happenings share a moment: SimSo handles one after the other, we all of a
 * moment together. So they are compared on runs where no two happenings on different cores do.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  PLATFORM_DEFAULTS,
  type SimulatedPlatform,
  type SimulatedTask,
} from '../../../src/domain/realtime/simulation/platform.ts';
import { type Simulation, simulate } from '../../../src/domain/realtime/simulation/simulate.ts';

const folder = new URL('../../../../shared/vectors/', import.meta.url);
const atHand = existsSync(new URL('simso.jsonl', folder));

interface VectorTask {
  readonly wcetUs: number;
  readonly periodUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly offsetUs: number;
}

const lines = <T>(file: string): T[] =>
  readFileSync(new URL(file, folder), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

/** Priority 1 is the most urgent in the files. */
const tasksOf = (tasks: readonly VectorTask[]): SimulatedTask[] => tasks.map((task) => ({ ...task, priority: -task.priority }));

function run(tasks: readonly VectorTask[], durationUs: number, platform: Partial<SimulatedPlatform>, more = {}) {
  return simulate({ tasks: tasksOf(tasks), durationUs, platform: { ...PLATFORM_DEFAULTS, ...platform }, ...more });
}

function simulated(...args: Parameters<typeof run>): Simulation {
  const result = run(...args);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

interface Answer {
  readonly equalDeadlineJobs: number;
  readonly packingFailed?: true;
  readonly tasks: readonly (Readonly<Record<string, number | null>> & { readonly cpu?: number })[];
}
type SimsoLine = {
  readonly id: string;
  readonly cores: number;
  readonly durationUs: number;
  readonly tasks: readonly VectorTask[];
} & Readonly<Record<'FP' | 'EDF' | 'G-FP' | 'G-EDF' | 'P-EDF', Answer | undefined>>;

const RESPONSES = [
  'released',
  'completed',
  'maxResponseUs',
  'minResponseUs',
  'sumResponseUs',
  'missedCompleted',
  'missedPending',
];
const CHANGES = ['preemptions', 'migrations'];

const only = (tasks: readonly object[], fields: readonly string[]) =>
  tasks.map((task) => Object.fromEntries(fields.map((field) => [field, (task as Record<string, unknown>)[field] ?? null])));

/** Whether two things on different cores, or a release and an end, happened in one moment after the first. */
function sharesMoments({ trace }: Simulation): boolean {
  const seen = new Set<number>();
  for (const { releaseUs, finishUs } of trace?.jobs() ?? []) {
    for (const us of [releaseUs, finishUs]) {
      if (us === undefined || us === 0) continue;
      if (seen.has(us)) return true;
      seen.add(us);
    }
  }
  return false;
}

describe.skipIf(!atHand)('against SimSo (skipped where ../shared/vectors is not beside the repository)', () => {
  const cases = [
    ['FP', { scheduler: 'fp' }],
    ['EDF', { scheduler: 'edf' }],
    ['G-FP', { scheduler: 'fp' }],
    ['G-EDF', { scheduler: 'edf' }],
    ['P-EDF', { scheduler: 'edf', placement: 'partitioned' }],
  ] as const;

  it.each(cases)('%s: every statistic of every task', (name, platform) => {
    let [compared, changesCompared] = [0, 0];
    for (const line of lines<SimsoLine>('simso.jsonl')) {
      const answer = line[name];
      if (answer === undefined) continue;
      const on = { ...platform, cores: line.cores };
      if (answer.packingFailed === true) {
        expect(run(line.tasks, line.durationUs, on)).toMatchObject({ ok: false, error: { kind: 'does-not-pack' } });
        continue;
      }
      if (platform.scheduler === 'edf' && answer.equalDeadlineJobs > 0) continue;
      compared++;
      const simulation = simulated(line.tasks, line.durationUs, on, { trace: { segmentsMax: 0, jobsMax: 2000 } });
      expect(only(simulation.tasks, RESPONSES), line.id).toEqual(only(answer.tasks, RESPONSES));
      if (name === 'P-EDF') expect(simulation.tasks.map(({ core }) => core)).toEqual(answer.tasks.map(({ cpu }) => cpu));
      if (line.cores > 1 && name !== 'P-EDF' && sharesMoments(simulation)) continue;
      changesCompared++;
      expect(only(simulation.tasks, CHANGES), line.id).toEqual(only(answer.tasks, CHANGES));
    }
    expect(compared).toBeGreaterThan(40);
    expect(changesCompared).toBeGreaterThan(15);
  });
});

describe.skipIf(!atHand)('against SchedCAT', () => {
  interface MultiLine {
    readonly id: string;
    readonly cores: number;
    readonly gedfSimFirstMissUs: number;
    readonly tasks: readonly VectorTask[];
  }

  it('the first late job of a second of global EDF, 500 sets', () => {
    const found = lines<MultiLine>('schedcat_multi.jsonl').map(({ id, cores, tasks, gedfSimFirstMissUs }) => {
      const { firstMiss } = simulated(tasks, 1_000_000, { cores, scheduler: 'edf' }, { stopAtMiss: true });
      return { id, ours: firstMiss?.deadlineUs ?? 0, theirs: gedfSimFirstMissUs };
    });
    expect(found).toHaveLength(500);
    expect(found.filter(({ ours }) => ours > 0).length).toBeGreaterThan(50);
    expect(found.filter(({ ours, theirs }) => ours !== theirs)).toEqual([]);
  });
});
