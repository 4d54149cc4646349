/**
 * What of a task's outputs is another task's data, and how far that has come (docs/CHAINS.md).
 *
 * The data say it themselves: each that was routed carries whose output it is, the output's number and its place in the stream of
 * outputs; what somebody else appends in between repeats those of the datum before it. So the last datum alone tells where to go on, and
 * the compare-and-set on it lets each output in once, whoever routes. Markers are no outputs: they carry the number of the one before.
 */
import type { TaskName } from '../model/ids.ts';
import { header } from '../protocol/subjects.ts';

/** How far a source's outputs are routed: the number of the last one, and its place in the stream of outputs. */
export interface RoutePosition {
  readonly output: number;
  readonly sequence: number;
}

/** Where a route began. */
export interface RouteBeginning extends RoutePosition {
  /** The last datum that was there before: its number, and its place in the stream of inputs. */
  readonly datum: number;
  readonly datumSequence: number;
}

/** What of an input tells of a route. */
export interface RoutedFrom extends RoutePosition {
  readonly source: TaskName;
}

/** What of a message on a task's output subject tells of a route. */
export interface SourceMessage {
  readonly sequence: number;
  readonly marker: boolean;
  /** An output's; on a marker, that of the last output before it. */
  readonly number: number;
}

export interface LastDatum {
  readonly number: number;
  readonly sequence: number;
  readonly routed: RoutedFrom | undefined;
  /** Appended by somebody who says how far the route was; that nothing was routed so far, where `routed` is undefined. */
  readonly byHand: boolean;
}

/**
 * With the first output that is still there, or after the last one that was routed from the same source before: a task that is taken away
 * and declared again goes on where it was.
 */
export function beginningOf(
  source: TaskName,
  last: LastDatum | undefined,
  firstKept: SourceMessage | undefined,
): RouteBeginning {
  const datum = { datum: last?.number ?? 0, datumSequence: last?.sequence ?? 0 };
  const before = firstKept === undefined ? 0 : firstKept.number - (firstKept.marker ? 0 : 1);
  const { routed } = last ?? {};
  if (routed?.source === source && routed.output >= before)
    return { ...datum, output: routed.output, sequence: routed.sequence };
  return { ...datum, output: before, sequence: Math.max(0, (firstKept?.sequence ?? 1) - 1) };
}

/** Where to go on. `unsure`: others have appended without saying how far the route was; what came since it began tells. */
export function positionAfter(source: TaskName, begun: RouteBeginning, last: LastDatum | undefined): RoutePosition | 'unsure' {
  const { routed } = last ?? {};
  if (routed?.source === source) return routed.output >= begun.output ? routed : begun;
  if (last === undefined || last.sequence <= begun.datumSequence) return begun;
  return last.byHand && routed === undefined ? begun : 'unsure';
}

/**
 * What somebody else who appends data by compare-and-set repeats of the datum before it, so that every datum tells how far the route is.
 * By hand and of no route: none has put anything here so far. After a datum that does not tell, nobody can.
 */
export function repeatedOf(before: Headers | undefined): Headers {
  if (before === undefined) return { [header.byHand]: '1' };
  const repeated: Record<string, string> = {};
  for (const name of [header.from, header.fromOutput, header.fromSequence]) {
    const value = before[name];
    if (value !== undefined) repeated[name] = value;
  }
  return header.from in repeated || before[header.byHand] === '1' ? { ...repeated, [header.byHand]: '1' } : {};
}

type Headers = Readonly<Record<string, string>>;

export type NextOutput = 'drop' | 'next' | 'missing';

/** What to do with a message that was read from the source's outputs. */
export function nextOutput(position: RoutePosition, message: SourceMessage): NextOutput {
  // A marker that names a later output than was seen tells of one that is gone.
  if (message.marker) return message.number > position.output ? 'missing' : 'drop';
  if (message.number <= position.output) return 'drop';
  return message.number === position.output + 1 ? 'next' : 'missing';
}

/** A chain is a tree: every task is fed by one other at most. The tasks from `task` up to one that nobody feeds, `task` first. */
export function upstreamOf(task: TaskName, sourceOf: (task: TaskName) => TaskName | undefined): readonly TaskName[] {
  const found: TaskName[] = [];
  for (let next: TaskName | undefined = task; next !== undefined && !found.includes(next); next = sourceOf(next))
    found.push(next);
  return found;
}

/** The task that nobody feeds and that its chain begins with: all tasks of a chain have the same one. */
export const rootOf = (task: TaskName, edges: ReadonlyMap<TaskName, TaskName>): TaskName =>
  upstreamOf(task, (one) => edges.get(one)).at(-1) as TaskName;

/** All tasks that are joined to this one by feeding, those before before those after. */
export function chainOf(task: TaskName, edges: ReadonlyMap<TaskName, TaskName>): readonly TaskName[] {
  const found = [rootOf(task, edges)];
  for (let at = 0; at < found.length; at++) {
    for (const [fed, source] of edges) if (source === found[at] && !found.includes(fed)) found.push(fed);
  }
  return found;
}
