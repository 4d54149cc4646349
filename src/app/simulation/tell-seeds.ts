/** What `drover simulate` says: of one seed what it drew, suffered and came to; of many the sum, and each failure. */
import type { Plant } from '../../ports/plants.ts';
import type { SeedRange } from './crew.ts';
import type { DeadlineCount } from './deadline-watch.ts';
import type { DrawnLife } from './draw-life.ts';
import type { SeedFailure, SeedVerdict } from './judge-seed.ts';
import type { FaultSuffered } from './random-fleet.ts';

export interface SeedsSum {
  readonly seeds: number;
  readonly first: number;
  readonly last: number;
  readonly steps: number;
  /** Seeds that broke an invariant, that did not come to rest in time, and in which something was thrown. */
  readonly violations: number;
  readonly unsettled: number;
  readonly errors: number;
  readonly faults: number;
  readonly restores: number;
  readonly outputs: number;
  /** Ticks of all tasks, in simulated time: due, done after their deadline, and never released because the task was down. */
  readonly deadlines: DeadlineCount;
  readonly simulatedSeconds: number;
  readonly wallSeconds: number;
  readonly failed: readonly { readonly seed: number; readonly kind: string; readonly sentence: string }[];
}

export class SeedsTally {
  private readonly verdicts: SeedVerdict[] = [];

  add(verdict: SeedVerdict): void {
    // The story of a good seed is of no use any more.
    this.verdicts.push(verdict.failure === undefined ? { ...verdict, suffered: [] } : verdict);
  }

  get count(): number {
    return this.verdicts.length;
  }

  failures(): (SeedVerdict & { readonly failure: SeedFailure })[] {
    const failed = this.verdicts.flatMap((verdict) =>
      verdict.failure === undefined ? [] : [{ ...verdict, failure: verdict.failure }],
    );
    return failed.sort((a, b) => a.outcome.seed - b.outcome.seed);
  }

  sum(range: SeedRange, wallSeconds: number): SeedsSum {
    const total = (of: (verdict: SeedVerdict) => number): number => this.verdicts.reduce((sum, one) => sum + of(one), 0);
    const failures = this.failures();
    const unsettled = failures.filter(({ failure }) => failure.kind === 'liveness').length;
    const errors = failures.filter(({ failure }) => failure.kind === 'error').length;
    return {
      seeds: this.count,
      ...range,
      steps: total(({ outcome }) => outcome.steps),
      violations: failures.length - unsettled - errors,
      unsettled,
      errors,
      faults: total(({ outcome }) => outcome.faults),
      restores: total(({ outcome }) => outcome.restores),
      outputs: total(({ outcome }) => outcome.outputs),
      deadlines: {
        due: total(({ outcome }) => outcome.deadlines.due),
        late: total(({ outcome }) => outcome.deadlines.late),
        skipped: total(({ outcome }) => outcome.deadlines.skipped),
      },
      simulatedSeconds: round(total(({ outcome }) => outcome.simulatedUs) / 1e6),
      wallSeconds: round(wallSeconds),
      failed: failures.map(({ outcome: { seed }, failure: { kind, sentence } }) => ({ seed, kind, sentence })),
    };
  }
}

export function tellSum(sum: SeedsSum): string {
  const { seeds, violations, unsettled, errors, steps, faults, restores, outputs, simulatedSeconds, wallSeconds } = sum;
  const failed = violations + unsettled + errors;
  const verdict =
    failed === 0 ? 'every promise was kept' : `${failed} failed: ${sum.failed.map(({ seed }) => seed).join(', ')}`;
  return [
    `${seeds} seeds (${sum.first}..${sum.last}): ${verdict}`,
    `${faults} faults, ${restores} instances started, ${outputs} outputs, ${steps} steps`,
    `${sum.deadlines.due} ticks due: ${sum.deadlines.late} done after their deadline, ${sum.deadlines.skipped} while their task was down`,
    `${simulatedSeconds} s simulated in ${wallSeconds} s`,
    '',
  ].join('\n');
}

/** The seed as it was played: everything drawn, everything suffered, and what became of it. */
export function tellSeed(verdict: SeedVerdict): string {
  const { outcome, suffered } = verdict;
  const { seed, restores, outputs, steps, simulatedUs, healedUs, fingerprint } = outcome;
  const end =
    verdict.failure === undefined
      ? `every promise was kept: at rest ${ms(healedUs)} after the faults ended`
      : `FAILED at ${ms(verdict.failure.atUs)}: ${verdict.failure.sentence}`;
  return [
    `seed ${seed} drew`,
    ...tellDrawn(verdict.drawn),
    `and suffered ${suffered.length} faults`,
    ...suffered.map(tellFault),
    end,
    `${restores} instances started, ${outputs} outputs, ${steps} steps, ${ms(simulatedUs)} simulated, fingerprint ${fingerprint}`,
    '',
  ].join('\n');
}

export interface FailureStory {
  readonly verdict: SeedVerdict & { readonly failure: SeedFailure };
  readonly commit: string;
  readonly plant: Plant | undefined;
  /** The same seed with the shortest phase of faults that still fails. */
  readonly shortest: SeedVerdict | undefined;
  /** What to type to see it again. */
  readonly again: string;
}

export function tellFailure({ verdict, commit, plant, shortest, again }: FailureStory): string {
  const { outcome, failure } = verdict;
  const shown = shortest?.failure ?? failure;
  const shrunk =
    shortest === undefined
      ? []
      : [
          `shortest: with ${shortest.suffered.length} of ${verdict.suffered.length} faults it still fails`,
          ...shortest.suffered.map(tellFault),
        ];
  return [
    `seed ${outcome.seed} failed at commit ${commit}${plant === undefined ? '' : ` with ${plant} planted`}`,
    `  ${failure.kind} at ${ms(failure.atUs)}: ${failure.sentence}`,
    ...shrunk,
    `the last of it${shortest === undefined ? '' : ', after the shortest'}:`,
    ...shown.sequence.map((line) => `  ${line}`),
    `again: ${again}`,
    '',
  ].join('\n');
}

function tellDrawn(drawn: DrawnLife): string[] {
  const { ecus, managers, tasks, weather, ...rest } = drawn;
  const fact = (name: string, what: string): string => `  ${name.padEnd(12)} ${what}`;
  return [
    ...ecus.map(({ mac, cores, memoryBytes = 0 }) => fact('ecu', `${mac}, ${cores} cores, ${memoryBytes / 1024 / 1024} MiB`)),
    ...managers.map(({ name, onEcu }) => fact('manager', `${name}${onEcu === undefined ? '' : ` on ${onEcu}`}`)),
    ...tasks.map(({ name, ...draft }) => fact('task', `${name} ${JSON.stringify(draft)}`)),
    fact(
      'weather',
      `${weather.kinds.join(', ')}${weather.badLinks ? '; bad links' : ''}, every ${range(weather.everyUs)} for ${range(weather.lastsUs)}`,
    ),
    ...Object.entries(rest).map(([name, value]) => fact(name, JSON.stringify(value))),
  ];
}

const tellFault = ({ atUs, kind, what, forUs }: FaultSuffered): string =>
  `  ${ms(atUs).padStart(14)}  ${kind.padEnd(11)} ${what}${forUs === undefined ? '' : ` for ${ms(forUs)}`}`;

const range = ({ min, max }: { readonly min: number; readonly max: number }): string => `${ms(min)}–${ms(max)}`;
const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`;
const round = (seconds: number): number => Math.round(seconds * 10) / 10;
