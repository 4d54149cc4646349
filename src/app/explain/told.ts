/** A decision for people: who was considered, with which numbers, and what came of it. */
import type { CandidateEvidence, Score } from '../../domain/placement/evidence.ts';
import { sentenceOf } from '../../domain/placement/evidence.ts';
import { bytesText } from '../cli/bytes-text.ts';
import { stdoutColours } from '../cli/colours.ts';
import { table } from '../cli/table.ts';
import type { DecisionTold, Explanation, HistoryLine } from './decision.ts';
import { migrationTold, proposalTold } from './migration-told.ts';

export type NameOf = (mac: string | undefined) => string;

const HISTORY_SHOWN = 8;

export function told(explanation: Explanation, nameOf: NameOf): string {
  const { task, state, epoch, owner, reason, decision, history } = explanation;
  const where = owner === undefined ? `is ${state}` : `${state === 'owned' ? 'runs' : `is ${state}`} on ${nameOf(owner)}`;
  const why = state === 'owned' || reason === undefined ? '' : `: ${reason}`;
  const parts = [`${stdoutColours.bold(task)} ${where} (epoch ${epoch})${why}\n`];
  if (decision === undefined) parts.push('No decision about it is kept in the journal.\n');
  else parts.push(...decisionTold(task, decision, nameOf));
  const shown = history.slice(-HISTORY_SHOWN);
  const more = history.length > shown.length ? ` (the last ${shown.length} of ${history.length})` : '';
  parts.push(`\nWhat became of it${more}:\n`, ...shown.map((line) => `  ${historyTold(line, nameOf)}\n`));
  return parts.join('');
}

function* decisionTold(task: string, decision: DecisionTold, nameOf: NameOf): Generator<string> {
  const { evidence, reason, evicted } = decision;
  yield `\nLast decision: ${timeText(decision.atUs)}, by ${decision.by}${decision.round > 1 ? `, plan ${decision.round}` : ''}\n`;
  yield `because ${causeText(decision, nameOf)}\n`;
  if (decision.cause?.kind === 'move' && decision.cause.proposal !== undefined) yield proposalTold(decision.cause.proposal);
  for (const { target, reason: refused } of decision.refusedBefore) yield `${nameOf(target)} refused it: ${refused}\n`;
  yield `${verdictText(decision, nameOf)}\n`;
  if (evicted.length > 0) yield `to make room for it, ${evicted.join(', ')} had to go\n`;
  else if (reason !== undefined && decision.verdict !== 'placed') yield `${reason}\n`;
  if (decision.migration !== undefined) yield* migrationTold(decision.migration, nameOf);
  if (evidence === undefined) return;
  if (evidence.gaveUpTogether)
    yield 'no ECU could take it beside the tasks that it wishes to be with, so that wish was given up\n';
  const { candidates, candidateCount, untested } = evidence;
  yield '\n';
  const rows = candidates.map((candidate) => rowOf(candidate, decision, nameOf));
  yield table(['ECU', 'VERDICT', 'SCORE', 'CPU', 'MEMORY', `RESPONSE OF ${task}`, 'TIGHTEST', 'WHY'], rows);
  if (candidateCount > candidates.length) yield `${candidateCount - candidates.length} more ECUs are not shown\n`;
  if (untested > 0) yield `${untested} of them could have taken it by load, and scored too low to be tested\n`;
  const refused = Object.entries(evidence.refusedByKind).map(([kind, count]) => `${count} ${kind}`);
  if (refused.length > 0) yield `refused: ${refused.join(', ')}\n`;
  const tests = new Map<string, string[]>();
  for (const one of candidates) {
    if (one.verdict === 'feasible') tests.set(one.admission.test, [...(tests.get(one.admission.test) ?? []), nameOf(one.mac)]);
  }
  if (evidence.advisedBy !== undefined) yield `advice by ${evidence.advisedBy}\n`;
  for (const [test, ecus] of tests) yield `tested on ${ecus.join(', ')} by: ${test}\n`;
}

function rowOf(candidate: CandidateEvidence, { target }: DecisionTold, nameOf: NameOf): string[] {
  const name = nameOf(candidate.mac);
  if (candidate.verdict === 'refused') {
    const { refusal } = candidate;
    return [name, stdoutColours.yellow('refused'), '-', '-', '-', '-', '-', sentenceOf(refusal)];
  }
  const { score, admission } = candidate;
  const chosen = candidate.mac === target;
  const own = admission.joining[0];
  const { tightest } = admission;
  return [
    name,
    chosen ? stdoutColours.green('chosen') : 'feasible',
    score.total.toFixed(3),
    `${percent(admission.utilisationBeforePpm)} → ${percent(admission.utilisationPpm)}`,
    `${bytesText(admission.memoryBeforeBytes)} → ${bytesText(admission.memoryUsedBytes)} of ${bytesText(admission.memoryCapacityBytes)}`,
    own?.responseUs === undefined ? '-' : `${own.responseUs} of ${own.deadlineUs} µs`,
    tightest === undefined ? '-' : `${tightest.task} ${tightest.responseUs} of ${tightest.deadlineUs} µs`,
    scoreText(score),
  ];
}

/** Of one core. */
const percent = (ppm: number): string => `${(ppm / 10_000).toFixed(1)} %`;

const scoreText = ({ total: _, ...terms }: Score): string =>
  Object.entries(terms)
    .map(([term, value]) => `${term} ${value.toFixed(2)}`)
    .join(', ');

function causeText({ cause }: DecisionTold, nameOf: NameOf): string {
  if (cause === undefined) return 'of nothing that is still known';
  if (cause.kind === 'failure')
    return `${nameOf(cause.owner.mac)} (incarnation ${cause.owner.incarnation}) failed: ${cause.reason}`;
  if (cause.kind === 'move')
    return `it was to move${cause.target === undefined ? '' : ` to ${nameOf(cause.target)}`}: ${cause.reason}`;
  const { reason, epoch } = cause;
  return epoch === 0 ? `it was new: ${reason}` : `it had no place in epoch ${epoch}: ${reason}`;
}

function verdictText({ verdict, target, from, checkpoint, phase }: DecisionTold, nameOf: NameOf): string {
  if (verdict === 'left') return stdoutColours.yellow('it was left where it is');
  if (verdict === 'unplaced') return stdoutColours.yellow('no ECU could take it');
  const origin =
    checkpoint === undefined
      ? 'from its beginning'
      : `from checkpoint ${checkpoint.epoch}.${checkpoint.sequence}${checkpoint.holders.length === 0 ? '' : `, held by ${checkpoint.holders.join(' and ')}`}`;
  const came = phase === undefined || phase === 'done' ? '' : ` (${phase})`;
  return `placed on ${stdoutColours.green(nameOf(target))}${from === undefined ? '' : `, away from ${nameOf(from)}`}, ${origin}${came}`;
}

const historyTold = ({ atUs, event, state, epoch, owner, reason }: HistoryLine, nameOf: NameOf): string =>
  `${timeText(atUs)}  ${state}${owner === undefined ? '' : ` on ${nameOf(owner)}`} (epoch ${epoch}, ${event})${reason === undefined ? '' : `: ${reason}`}`;

const timeText = (atUs: number): string =>
  new Date(Math.floor(atUs / 1000)).toISOString().replace('T', ' ').replace('Z', ' UTC');
