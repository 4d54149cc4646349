/**
 * How many task sets a second the analyses decide: `drover bench analysis`.
 *
 * The sets are those on which the peers were measured (`../shared/vectors/bench` beside the project) or, where they are not at
 * hand, drawn the same way: periods log-uniform from 1 ms to 1 s, utilisation uniform from 0.5 to 1 split by UUniFast, constrained
 * deadlines uniform from half the period; deadline-monotonic order. Each figure is sets a second of one thread, best and median
 * of many short repetitions (on a busy machine some of them are not interrupted); what is counted besides (how many sets are schedulable) shows that the work was done.
 */
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { analyse } from '../../domain/realtime/analyse.ts';
import { deadlineMonotonic } from '../../domain/realtime/deadline-monotonic.ts';
import { EDF_FITS, edfVerdict } from '../../domain/realtime/edf-demand.ts';
import { edfResponses } from '../../domain/realtime/edf-response-time.ts';
import { ALL_MEET, fixedPriorityMiss, fixedPriorityResponses } from '../../domain/realtime/fixed-priority.ts';
import type { RealtimeTask } from '../../domain/realtime/realtime-task.ts';
import { addSet, createTaskTable, type TableRange, type TaskTable } from '../../domain/realtime/task-table.ts';
import { type Machine, machine } from './machine.ts';
import { peerSets, type Row } from './peer-sets.ts';

export interface AnalysisFigure {
  /** `fp-responses`: every response exactly; `fp-verdict`: yes or no; `qpa`; `edf-responses`; `analyse-fp`: the whole entry, from objects. */
  readonly what: 'fp-responses' | 'fp-verdict' | 'qpa' | 'edf-responses' | 'analyse-fp';
  readonly n: number;
  readonly deadlines: 'implicit' | 'constrained';
  readonly sets: number;
  readonly schedulable: number;
  readonly bestPerSecond: number;
  readonly medianPerSecond: number;
  /** The fastest peer on its machine; undefined: none was measured. */
  readonly peer: { readonly name: string; readonly perSecond: number } | undefined;
}

export interface AnalysisBench {
  readonly machine: Machine;
  /** Whether the peers' own sets were there. */
  readonly sets: 'shared' | 'drawn';
  readonly figures: readonly AnalysisFigure[];
}

export interface AnalysisBenchOptions {
  readonly repetitions?: number;
  /** Of one repetition, for each figure. */
  readonly millis?: number;
  readonly sizes?: readonly number[];
  /** All of them, unless named. */
  readonly whats?: readonly AnalysisFigure['what'][];
  readonly say?: (sentence: string) => void;
}

const SIZES = [10, 20, 50];
/** REALTIME 1: best of three to five runs, 2 cores, AMD EPYC, one thread. */
const RUST = 'Rust response-time-analysis';
const SCHEDCAT = 'SchedCAT (C++, rationals)';
const PEERS: Readonly<Record<string, readonly [string, number]>> = {
  'fp-responses 10 implicit': [RUST, 704_000],
  'fp-responses 10 constrained': [RUST, 732_000],
  'fp-responses 20 implicit': [RUST, 200_000],
  'fp-responses 20 constrained': [RUST, 164_000],
  'fp-responses 50 implicit': [RUST, 22_200],
  'fp-responses 50 constrained': [RUST, 23_500],
  'qpa 10 implicit': [SCHEDCAT, 78_300],
  'qpa 10 constrained': [SCHEDCAT, 61_000],
  'qpa 20 implicit': [SCHEDCAT, 33_100],
  'qpa 20 constrained': [SCHEDCAT, 24_900],
  'qpa 50 implicit': [SCHEDCAT, 11_700],
  'qpa 50 constrained': [SCHEDCAT, 9_870],
  'edf-responses 10 constrained': [RUST, 942],
};
const DRAWN_SETS: Readonly<Record<number, number>> = { 10: 2_000, 20: 1_000, 50: 400 };
const EDF_RESPONSE_SETS = 200;
const WARM_UP_MS = 150;

export async function benchAnalysis(options: AnalysisBenchOptions = {}): Promise<AnalysisBench> {
  const { repetitions = 60, millis = 5, sizes = SIZES, whats, say = () => {} } = options;
  const measuredOn = machine();
  const figures: AnalysisFigure[] = [];
  let shared = true;
  for (const n of sizes) {
    const atHand = peerSets(`uni_n${n}.jsonl`);
    shared &&= atHand !== undefined;
    const rows = atHand ?? drawnSets(n, DRAWN_SETS[n] ?? 400);
    for (const deadlines of ['implicit', 'constrained'] as const) {
      say(`${n} tasks, ${deadlines} deadlines`);
      const sets = rows.map((set) => tasksOf(set, deadlines));
      const { table, ranges } = tabled(sets);
      const responseUs = new Float64Array(n);
      const figure = (what: AnalysisFigure['what'], count: number, isFine: (at: number) => boolean): void => {
        if (whats?.includes(what) === false) return;
        const peer = PEERS[`${what} ${n} ${deadlines}`];
        figures.push({
          what,
          n,
          deadlines,
          ...measure(count, isFine, { repetitions, millis }),
          peer: peer && { name: peer[0], perSecond: peer[1] },
        });
      };
      const range = (at: number): TableRange => ranges[at] as TableRange;
      figure('fp-responses', sets.length, (at) => fixedPriorityResponses(table, range(at).first, n, responseUs) === ALL_MEET);
      figure('fp-verdict', sets.length, (at) => fixedPriorityMiss(table, range(at).first, n) === ALL_MEET);
      figure('qpa', sets.length, (at) => edfVerdict(table, range(at).first, n) === EDF_FITS);
      const platform = { cores: 1, scheduler: 'fp', preemptive: true, placement: 'partitioned' } as const;
      figure('analyse-fp', sets.length, (at) => analyse(sets[at] as RealtimeTask[], platform).schedulable === true);
      if (n > 10 || deadlines === 'implicit') continue;
      figure('edf-responses', Math.min(EDF_RESPONSE_SETS, sets.length), (at) => {
        const responseOf = edfResponses(sets[at] as RealtimeTask[], { all: true });
        let met = true;
        for (let index = 0; index < n; index++) {
          const response = responseOf(index);
          met &&= response.ok && response.value.responseUs <= ((sets[at] as RealtimeTask[])[index] as RealtimeTask).deadlineUs;
        }
        return met;
      });
    }
  }
  return { machine: measuredOn, sets: shared ? 'shared' : 'drawn', figures };
}

function measure(
  sets: number,
  isFine: (at: number) => boolean,
  { repetitions, millis }: { readonly repetitions: number; readonly millis: number },
): Pick<AnalysisFigure, 'sets' | 'schedulable' | 'bestPerSecond' | 'medianPerSecond'> {
  let schedulable = 0;
  const pass = (): void => {
    schedulable = 0;
    for (let at = 0; at < sets; at++) if (isFine(at)) schedulable++;
  };
  // Compiled before it counts.
  const warmUntilMs = performance.now() + WARM_UP_MS;
  do pass();
  while (performance.now() < warmUntilMs);
  const rates: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const beganMs = performance.now();
    let passes = 0;
    do {
      pass();
      passes++;
    } while (performance.now() - beganMs < millis);
    rates.push((sets * passes * 1000) / (performance.now() - beganMs));
  }
  rates.sort((a, b) => b - a);
  return {
    sets,
    schedulable,
    bestPerSecond: Math.round(rates[0] as number),
    medianPerSecond: Math.round(rates[Math.floor(rates.length / 2)] as number),
  };
}

export function tasksOf(set: readonly Row[], deadlines: AnalysisFigure['deadlines']): RealtimeTask[] {
  const tasks = set.map(([wcetUs, periodUs, deadlineUs]) => ({
    wcetUs,
    periodUs,
    deadlineUs: deadlines === 'implicit' ? periodUs : deadlineUs,
  }));
  return deadlineMonotonic(tasks).sort((a, b) => b.priority - a.priority);
}

function tabled(sets: readonly (readonly RealtimeTask[])[]): {
  readonly table: TaskTable;
  readonly ranges: readonly TableRange[];
} {
  const table = createTaskTable(sets.reduce((sum, { length }) => sum + length, 0));
  return { table, ranges: sets.map((set) => addSet(table, set)) };
}

// ——— sets ———

export function drawnSets(n: number, count: number): readonly (readonly Row[])[] {
  const rng = createRng(20_261_121, `analysis-${n}`);
  return Array.from({ length: count }, () => drawnSet(n, rng));
}

/** UUniFast: Bini & Buttazzo, Real-Time Systems 30, 2005. */
function drawnSet(n: number, rng: Rng): Row[] {
  let left = 0.5 + rng.unit() / 2;
  return Array.from({ length: n }, (_, at): Row => {
    const next = at === n - 1 ? 0 : left * rng.unit() ** (1 / (n - 1 - at));
    const share = left - next;
    left = next;
    const periodUs = Math.round(1_000 * 1_000 ** rng.unit());
    const wcetUs = Math.max(1, Math.round(share * periodUs));
    return [wcetUs, periodUs, Math.max(wcetUs, Math.floor(periodUs * (0.5 + rng.unit() / 2)))];
  });
}
