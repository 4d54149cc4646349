/** What a chaos run says at its end: a table for people, one JSON object for scripts, and what went wrong, to the output. */
import type { DamageSummary } from './damage-strikes.ts';
import { type FailoverSummary, summariseFailovers } from './failover-times.ts';
import { KILL_KINDS, type KillChoice, type KillKind } from './kill-plan.ts';
import type { ChaosRun } from './run-chaos.ts';
import type { Verdict } from './verdict.ts';

export interface ChaosResult extends FailoverSummary {
  readonly ok: boolean;
  readonly seed: number;
  readonly kill: KillChoice;
  readonly tasks: number;
  readonly kills: number;
  readonly killsByKind: Readonly<Record<string, number>>;
  readonly inputs: number;
  readonly outputs: number;
  readonly lostOutputs: number;
  readonly duplicateOutputs: number;
  readonly mismatchedTasks: number;
  readonly doubleRestores: number;
  readonly fencedAppends: number;
  readonly fencedBeforeAppend: number;
  readonly shed: number;
  readonly violations: number;
  readonly failoverMsByKind: Readonly<Record<string, FailoverSummary['failoverMs']>>;
  readonly storeDamage?: DamageSummary;
}

export function chaosResult(
  { kills, failovers, verdict, inputs, damage }: ChaosRun,
  asked: { readonly seed: number; readonly kind: KillChoice },
): ChaosResult {
  const {
    ok,
    outputs,
    lostOutputs,
    duplicateOutputs,
    mismatchedTasks,
    doubleRestores,
    fencedAppends,
    fencedBeforeAppend,
    shed,
  } = verdict;
  // A kill of `both` is one kill with two victims.
  const struck = kills.filter(({ kind, owner }) => kind !== 'both' || owner !== undefined);
  return {
    ok,
    seed: asked.seed,
    kill: asked.kind,
    tasks: verdict.tasks.length,
    kills: struck.length,
    killsByKind: byKind((kind) => struck.filter((kill) => kill.kind === kind).length),
    inputs,
    outputs,
    lostOutputs,
    duplicateOutputs,
    mismatchedTasks,
    doubleRestores,
    fencedAppends,
    fencedBeforeAppend,
    shed,
    violations: verdict.violations.length,
    ...summariseFailovers(failovers),
    failoverMsByKind: byKind((kind) => {
      const those = failovers.filter(({ kill }) => kill.kind === kind);
      return those.length === 0 ? undefined : summariseFailovers(those).failoverMs;
    }),
    ...(damage === undefined ? {} : { storeDamage: damage }),
  };
}

function byKind<T>(of: (kind: KillKind) => T | undefined): Record<string, T> {
  const found: Record<string, T> = {};
  for (const kind of KILL_KINDS) {
    const value = of(kind);
    if (value !== undefined && value !== 0) found[kind] = value;
  }
  return found;
}

export function chaosTable({ verdict, failovers, kills, damage }: ChaosRun): string {
  const width = Math.max(4, ...verdict.tasks.map(({ task }) => task.length));
  const lines = [`${'task'.padEnd(width)}   inputs  outputs  instances  lost  doubled  changed  longest gap`];
  for (const { task, inputs, outputs, epochs, lost, duplicates, changed } of verdict.tasks) {
    const longestUs = Math.max(0, ...failovers.filter((failover) => failover.task === task).map(({ totalUs }) => totalUs));
    const cells = [
      task.padEnd(width),
      String(inputs).padStart(7),
      String(outputs).padStart(7),
      String(epochs.length).padStart(9),
      String(lost).padStart(4),
      String(duplicates).padStart(7),
      String(changed).padStart(7),
      (longestUs === 0 ? '–' : `${(longestUs / 1000).toFixed(1)} ms`).padStart(11),
    ];
    lines.push(cells.join('  '));
  }
  for (const { task, shedReason } of verdict.tasks) if (shedReason !== undefined) lines.push(`${task} is shed: ${shedReason}`);
  const { failoverMs, detectMs, decideMs, restoreMs, outputMs } = summariseFailovers(failovers);
  const part = (name: string, { p50, p99, max }: typeof failoverMs): string =>
    `  ${name.padEnd(14)}${p50.toFixed(1).padStart(9)}${p99.toFixed(1).padStart(9)}${max.toFixed(1).padStart(9)}`;
  lines.push('', `${failoverMs.n} failovers after ${kills.length} kills, in ms:        p50      p99      max`);
  lines.push(
    part('whole', failoverMs),
    part('· detected', detectMs),
    part('· decided', decideMs),
    part('· restored', restoreMs),
    part('· first output', outputMs),
    '',
  );
  if (damage !== undefined) {
    const { records, strikes, found, repairedFromManager, repairedFromEcu, caughtUp, left } = damage;
    lines.push(
      `${records} records of the managers' stores were damaged in ${strikes} strikes: ${found} noticed; checkpoints made whole by another manager ${repairedFromManager}, by an ECU ${repairedFromEcu}, caught up ${caughtUp}; ${left} pages and manifests still damaged at the end`,
      '',
    );
  }
  return `${lines.join('\n')}\n`;
}

export function explainFailure(verdict: Verdict, dataFolder: string): string {
  const lines: string[] = ['', 'what went wrong:'];
  for (const { task, lost, duplicates, changed, epochs, firstDifference } of verdict.tasks) {
    if (firstDifference === undefined) continue;
    const { kind, number, epoch, expected, accepted } = firstDifference;
    lines.push(
      `  ${task}: ${lost} lost, ${duplicates} doubled, ${changed} changed; its outputs come from epochs ${epochs.join(', ')}`,
    );
    lines.push(`    first: output ${number} is ${kind}${epoch === undefined ? '' : ` (epoch ${epoch})`}`);
    if (expected !== undefined) lines.push(`      run alone: ${expected}`);
    if (accepted !== undefined) lines.push(`      accepted:  ${accepted}`);
  }
  for (const violation of verdict.violations.slice(0, VIOLATIONS_SHOWN_MAX)) lines.push(`  ${violation}`);
  if (verdict.violations.length > VIOLATIONS_SHOWN_MAX)
    lines.push(`  … and ${verdict.violations.length - VIOLATIONS_SHOWN_MAX} more`);
  lines.push(`  the fleet's data and logs are kept in ${dataFolder}`, '');
  return lines.join('\n');
}

const VIOLATIONS_SHOWN_MAX = 20;
