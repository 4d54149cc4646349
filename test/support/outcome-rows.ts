/** Reports as bridges make them, about drawn sets: each is met or missed as the exact test says, or as a test wants it. */
import type { Host } from '../../actors/host.ts';
import { envelope } from '../../actors/host.ts';
import { boundedVerdict } from '../../src/domain/learn/fleet/bounded-verdict.ts';
import type { LearnerState, OutcomeReport, OutcomeRow, OutcomeTask } from '../../src/domain/learn/fleet/outcome.ts';
import type { Mac } from '../../src/domain/model/ids.ts';
import { encodeOutcomeReport } from '../../src/domain/protocol/codec-learn.ts';
import { drawSets } from './learn-sets.ts';

export const NO_LEARNER: LearnerState = {
  version: 0,
  learned: 0,
  rightAsCame: 0,
  rightLearning: 0,
  stateBytes: 0,
  updateUsMax: 0,
};

export const outcomeTasks = (seed: number, count: number): OutcomeTask[][] =>
  drawSets(seed, count).map((tasks) =>
    [...tasks]
      .sort((a, b) => b.priority - a.priority)
      .map(({ wcetUs, periodUs, deadlineUs }) => ({ wcetUs, periodUs, deadlineUs, isMeasured: false })),
  );

export function rowOf(tasks: readonly OutcomeTask[], more: Partial<OutcomeRow> = {}): OutcomeRow {
  const exact = boundedVerdict(tasks, { cores: 1, scheduling: { scheduler: 'fp' } });
  const outcome = exact === 'yes' ? 'met' : 'missed';
  return { lane: 0, tasks, outcome, exact, windows: 1, jobs: 100, misses: 0, observedUs: 10_000_000, ...more };
}

export const drawnRows = (seed: number, count: number): OutcomeRow[] => outcomeTasks(seed, count).map((tasks) => rowOf(tasks));

export const reportOf = (mac: Mac, rows: readonly OutcomeRow[], more: Partial<OutcomeReport> = {}): OutcomeReport => ({
  ...{ mac, incarnation: 1, sequence: 1, scheduling: 'fp', windowUs: 10_000_000, rows, learner: NO_LEARNER },
  ...more,
});

export const encodedReport = (host: Host, report: OutcomeReport): Uint8Array => encodeOutcomeReport(envelope(host, report));
