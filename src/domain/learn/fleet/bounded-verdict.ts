/**
 * The exact test of one lane's set within a bound: a bridge has other things to do, and a row that says `unknown` is as good for learning. The
 * bound is in terms of the analysis (`work-limit.ts`), so the same set gets the same answer on every ECU.
 */
import { platformOf, type SchedulingEcu } from '../../placement/platform-of.ts';
import { coreTest } from '../../realtime/core-test.ts';
import { withOverheads } from '../../realtime/overheads.ts';
import { worstResponse } from '../../realtime/response-time.ts';
import { refusalOfSet } from '../../realtime/set-check.ts';
import { compareLoad } from '../../realtime/utilisation-bounds.ts';
import { type ExactVerdict, type OutcomeTask, realtimeTasksOf } from './outcome.ts';

/** Some hundred microseconds. */
const VERDICT_TERMS = 50_000;

/** As the ECU says it shares a core, with the costs that it names; of one that says nothing, nothing is known. */
export function boundedVerdict(outcomeTasks: readonly OutcomeTask[], ecu: SchedulingEcu): ExactVerdict {
  const platform = platformOf({ ...ecu, cores: 1 });
  if (ecu.scheduling === undefined || platform === undefined) return 'unknown';
  const set = withOverheads(realtimeTasksOf(outcomeTasks), platform.overheads ?? {});
  const { tasks } = set;
  if (refusalOfSet(tasks) !== undefined) return 'unknown';
  if (compareLoad(tasks, 1) > 0) return 'no';
  const work = { terms: VERDICT_TERMS };
  // The quick form for plain fixed priorities counts no terms; the plain one does.
  const isPlain = platform.scheduler === 'fp' && platform.preemptive && set.migration === undefined;
  const members = tasks.map((_, at) => at);
  const responseOf = isPlain
    ? (at: number) => worstResponse(tasks, at, work)
    : coreTest(set, platform).responses(members, work);
  let verdict: ExactVerdict = 'yes';
  for (let at = tasks.length - 1; at >= 0; at--) {
    const response = responseOf(at);
    if (response.ok) continue;
    if (response.error.kind === 'deadline-missed') return 'no';
    verdict = 'unknown';
  }
  return verdict;
}
