/**
 * How many jobs a second the simulator takes: `drover bench schedule`.
 *
 * One core under fixed priorities with ten tasks (utilisation 0.8), and four cores under global EDF with twenty (3.2): the sets on
 * which the peers were measured (`peer-sets.ts`) or, where they are not at hand, drawn from a seed the same way: periods log-uniform
 * between 4 and 40 ms, utilisations by UUniFast. Statistics of every task are gathered, no trace is written. Rounds are short and many, and the best is told beside the median: being interrupted only ever adds time.
 *
 * Beside it stand the figures of two other simulators on such sets and a machine like ours, measured once: SimSo (Python), and
 * SchedCAT's simulator (C++), which counts only tardiness and keeps no statistics of tasks.
 */
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { PLATFORM_DEFAULTS, type SimulatedPlatform, type SimulatedTask } from '../../domain/realtime/simulation/platform.ts';
import { schedule } from '../realtime/schedule.ts';
import { type Machine, machine } from './machine.ts';
import { peerSets, type Row } from './peer-sets.ts';

export interface ScheduleFigure {
  readonly what: string;
  readonly cores: number;
  readonly tasks: number;
  readonly sets: number;
  /** `shared`: the peers' own. */
  readonly from: 'shared' | 'drawn';
  /** In one round, over all sets. */
  readonly jobs: number;
  readonly rounds: number;
  /** By the clock on the wall. */
  readonly jobsPerSecond: { readonly median: number; readonly best: number };
  /** By the processor time of this process: what is left when others use the machine too, but for shared caches and clocks. */
  readonly jobsPerCpuSecond: { readonly median: number; readonly best: number };
  /** Jobs per second of others, measured once, not now. */
  readonly peers: Readonly<Record<string, number>>;
  /** Over every response: two runs did the same work. */
  readonly responsesUs: number;
}

export interface ScheduleBench {
  readonly machine: Machine;
  readonly figures: readonly ScheduleFigure[];
}

export interface ScheduleBenchOptions {
  readonly rounds?: number;
  readonly simulatedUs?: number;
  readonly seed?: number;
  /** Draws them even where the peers' own are at hand. */
  readonly drawn?: boolean;
}

interface Scene {
  readonly what: string;
  /** The peers' sets. */
  readonly file: string;
  readonly n: number;
  readonly utilisation: number;
  readonly platform: SimulatedPlatform;
  readonly peers: Readonly<Record<string, number>>;
}

const SETS = 10;
/** Rounds for the compiler, which are not counted. */
const WARM_UP = 10;
const SCENES: readonly Scene[] = [
  {
    what: 'one core, fixed priorities',
    file: 'sim_fp_n10_m1.jsonl',
    n: 10,
    utilisation: 0.8,
    platform: PLATFORM_DEFAULTS,
    peers: { simso: 11_050, schedcatEdf: 14_900_000 },
  },
  {
    what: 'four cores, global EDF',
    file: 'sim_gedf_n20_m4.jsonl',
    n: 20,
    utilisation: 3.2,
    platform: { ...PLATFORM_DEFAULTS, cores: 4, scheduler: 'edf' },
    peers: { simso: 7_370, schedcatEdf: 9_500_000 },
  },
];

export function benchSchedule(options: ScheduleBenchOptions = {}): ScheduleBench {
  const { rounds = 100, simulatedUs = 20_000_000, seed = 1, drawn = false } = options;
  const measuredOn = machine();
  const figures = SCENES.map((scene) => {
    const rng = createRng(seed, scene.what);
    const atHand = drawn ? undefined : peerSets(scene.file);
    const sets = atHand?.map(named) ?? Array.from({ length: SETS }, () => drawSet(rng, scene));
    const [rates, cpuRates]: [number[], number[]] = [[], []];
    let [jobs, responsesUs] = [0, 0];
    for (let round = -WARM_UP; round < rounds; round++) {
      [jobs, responsesUs] = [0, 0];
      const [startedMs, startedCpu] = [performance.now(), process.cpuUsage()];
      for (const tasks of sets) {
        const simulation = schedule({ tasks, platform: scene.platform, durationUs: simulatedUs, seed });
        for (const { completed, sumResponseUs } of simulation.tasks) {
          jobs += completed;
          responsesUs += sumResponseUs;
        }
      }
      if (round < 0) continue;
      const { user, system } = process.cpuUsage(startedCpu);
      rates.push(Math.round((jobs * 1000) / (performance.now() - startedMs)));
      cpuRates.push(Math.round((jobs * 1_000_000) / Math.max(1, user + system)));
    }
    return {
      what: scene.what,
      cores: scene.platform.cores,
      tasks: scene.n,
      sets: sets.length,
      from: atHand === undefined ? ('drawn' as const) : ('shared' as const),
      jobs,
      rounds,
      jobsPerSecond: spread(rates),
      jobsPerCpuSecond: spread(cpuRates),
      peers: scene.peers,
      responsesUs,
    };
  });
  return { machine: measuredOn, figures };
}

function spread(rates: readonly number[]): { readonly median: number; readonly best: number } {
  const sorted = [...rates].sort((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, best: sorted.at(-1) ?? 0 };
}

type NamedTask = SimulatedTask & { readonly name: string };

/** Tasks in order of urgency, the most urgent first. */
const named = (rows: readonly Row[]): NamedTask[] =>
  rows.map(([wcetUs, periodUs, deadlineUs], at) => ({
    name: `T${at + 1}`,
    wcetUs,
    periodUs,
    deadlineUs,
    priority: rows.length - at,
  }));

/** UUniFast (Bini & Buttazzo 2005), drawn again while one task would need more than a core; deadline-monotonic. */
function drawSet(rng: Rng, { n, utilisation }: Scene): NamedTask[] {
  let shares: number[];
  do {
    let left = utilisation;
    shares = Array.from({ length: n }, (_, at) => {
      const next = at === n - 1 ? 0 : left * rng.unit() ** (1 / (n - 1 - at));
      const share = left - next;
      left = next;
      return share;
    });
  } while (shares.some((share) => share > 1));
  const periods = shares.map(() => Math.round(4000 * 10 ** rng.unit())).sort((a, b) => a - b);
  return named(
    shares.map((share, at): Row => {
      const periodUs = periods[at] as number;
      return [Math.max(1, Math.floor(share * periodUs)), periodUs, periodUs];
    }),
  );
}
