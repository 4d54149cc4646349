/** Proposals for people: one line for what managers foresaw together, and what came of all of them. */
import type { Mac } from '../../domain/model/ids.ts';
import type { ProposalNotice } from '../../domain/proposal/proposal-notice.ts';
import { levelText } from '../../domain/proposal/threat-text.ts';
import { stdoutColours } from '../cli/colours.ts';

export const PROPOSAL_HEAD = ['MADE', 'TASK', 'FROM', 'WHY', 'SEEN BY', 'CHANCE', 'IN', 'TO', 'SAVES', 'BY', 'OUTCOME'];

export type NameOf = (mac: Mac) => string;

/** Managers that keep the same ECU propose the same: of one task's epoch the first word, with the outcome that is known, and all who said it. */
export function together<Notice extends ProposalNotice>(notices: readonly Notice[]): Notice[] {
  const groups = new Map<string, Notice>();
  for (const notice of notices) {
    const key = `${notice.task} ${notice.epoch} ${notice.from} ${notice.cause}`;
    const first = groups.get(key);
    if (first === undefined) groups.set(key, notice);
    else {
      const managers = new Set([...first.manager.split(', '), notice.manager]);
      const score = [first.score, notice.score].find((one) => one?.wasDone === true) ?? first.score ?? notice.score;
      groups.set(key, { ...first, manager: [...managers].sort().join(', '), score });
    }
  }
  return [...groups.values()];
}

export function proposalCells(notice: ProposalNotice, nameOf: NameOf): string[] {
  const { madeAtUs, task, from, cause, probability, failsInS, benefit, manager, candidates, together: others = [] } = notice;
  const [best] = candidates;
  return [
    new Date(madeAtUs / 1000).toISOString().slice(11, 19),
    others.length === 0 ? task : `${task} with ${others.join(', ')}`,
    nameOf(from),
    cause,
    seenBy(notice),
    `${Math.round(probability * 100)} %`,
    `${Math.round(failsInS)} s`,
    best === undefined ? '-' : `${nameOf(best.mac)}${candidates.length > 1 ? ` or ${candidates.length - 1} more` : ''}`,
    `${benefit.toFixed(1)} late jobs`,
    manager,
    outcome(notice),
  ];
}

/** Managers of an older drover say only the temperature. */
function seenBy({ evidence: [first], temperature, temperatureLimit }: ProposalNotice): string {
  if (first !== undefined) return levelText(first);
  return temperatureLimit === 0 ? '-' : levelText({ level: 'temperature', now: temperature, limit: temperatureLimit });
}

function outcome({ score }: ProposalNotice): string {
  if (score === undefined) return stdoutColours.dim('open');
  const { wasDone, came, leadUs, wouldHaveCome, paid } = score;
  const what = wasDone ? 'moved' : 'not moved';
  const became = came
    ? `it came ${((leadUs ?? 0) / 1e6).toFixed(1)} s later`
    : wouldHaveCome > 0
      ? `it calmed down because of that (${Math.round(wouldHaveCome * 100)} % without)`
      : 'it did not come';
  return `${what}, ${became}: ${paid ? stdoutColours.green('paid') : stdoutColours.yellow('did not pay')}`;
}

/** `6 proposals: 6 moved, 6 of them before it came, 0 for nothing; 6 paid`. */
export function summaryOf(notices: readonly ProposalNotice[]): string {
  const scores = notices.flatMap(({ score }) => (score === undefined ? [] : [score]));
  const count = (which: (score: (typeof scores)[number]) => boolean): number => scores.filter(which).length;
  const moved = count(({ wasDone }) => wasDone);
  const inTime = count(({ wasDone, came }) => wasDone && came);
  const averted = count(({ wasDone, came, wouldHaveCome }) => wasDone && !came && wouldHaveCome > 0);
  const open = notices.length - scores.length;
  const parts = [
    `${moved} moved`,
    `${inTime} of them before it came`,
    ...(averted > 0 ? [`${averted} calmed down because of it`] : []),
    `${moved - inTime - averted} for nothing`,
  ];
  const last = open > 0 ? `, ${open} still open` : '';
  return `${notices.length} ${notices.length === 1 ? 'proposal' : 'proposals'}: ${parts.join(', ')}; ${count(({ paid }) => paid)} paid${last}`;
}
