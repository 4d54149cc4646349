/**
 * routed-once (docs/CHAINS.md): what one task puts out is another's data, each output once, in order, none lost.
 *
 *   X1. A routed datum is the output that it names: no marker, and byte for byte the same.
 *   X2. It names the output after the one that the route's last datum named. A route that was taken away and set up again goes on there,
 *       or where the outputs that were there at that moment began: what is still there is not passed over. One that is
 *       recorded to begin earlier does no harm: a datum that another router has appended since is what it goes on from.
 *   X3. At rest every output is routed.
 *
 * That the task makes of its data what it makes of them alone is no-lost-work's; together the end of a chain is that of its tasks run
 * alone, one after the other.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface RoutedDatum {
  readonly task: TaskName;
  readonly source: TaskName;
  readonly number: number;
  /** The output that it names. */
  readonly output: number;
  readonly payload: Uint8Array;
  /** What stands where it says that output stands; undefined: that is trimmed. */
  readonly found: { readonly marker: boolean; readonly number: number; readonly payload: Uint8Array } | undefined;
}

interface Progress {
  readonly source: TaskName;
  /** Of the last datum; undefined: none since the route began. */
  readonly output: number | undefined;
  readonly begunAfter: number | undefined;
}

export class RoutedOnce {
  private readonly routes = new Map<TaskName, Progress>();
  private readonly outputs = new Map<TaskName, number>();

  /** An output of a task, no marker, was accepted. */
  accepted(task: TaskName, output: number): void {
    this.outputs.set(task, output);
  }

  /** A route is recorded to begin after this output; `kept`: the first output that is there. */
  begun(task: TaskName, source: TaskName, after: number, kept: number | undefined): Violation | undefined {
    const before = this.routes.get(task);
    const last = before?.source === source ? before.output : undefined;
    this.routes.set(task, { source, output: last, begunAfter: after });
    if (after <= (last ?? 0) || after < (kept ?? 1)) return undefined;
    const details = { task, source, after, last, kept };
    const sentence = `the route of ${task} begins after output ${after} of ${source}, but ${last ?? 0} was its last, and ${kept} is there (X2)`;
    return { invariant: 'routed-once', sentence, details };
  }

  datum({ task, source, number, output, payload, found }: RoutedDatum): Violation | undefined {
    const before = this.routes.get(task);
    const report = (sentence: string): Violation => ({
      invariant: 'routed-once',
      sentence: `${task}: datum ${number} ${sentence}`,
      details: { task, source, number, output, outputBefore: before?.output, begunAfter: before?.begunAfter },
    });
    if (found?.marker === true) return report(`is a marker of ${source} (X1)`);
    if (found !== undefined && (found.number !== output || !sameBytes(found.payload, payload)))
      return report(`is not output ${output} of ${source}, which it names (X1)`);
    if (before?.source !== source) return report(`is of ${source}, of which no route was recorded (X2)`);
    const expected = Math.max(before.output ?? 0, before.begunAfter ?? 0) + 1;
    if (output !== expected) return report(`is output ${output} of ${source}; the next one was ${expected} (X2)`);
    this.routes.set(task, { ...before, output });
    return undefined;
  }

  /** X3, of the routes that there are to be. */
  unrouted(routes: Iterable<readonly [task: TaskName, source: TaskName]>): Violation | undefined {
    for (const [task, source] of routes) {
      const progress = this.routes.get(task);
      const routed = Math.max(progress?.output ?? 0, progress?.begunAfter ?? 0);
      const accepted = this.outputs.get(source) ?? 0;
      if (progress?.source === source && routed === accepted) continue;
      const sentence = `of ${accepted} outputs of ${source}, ${progress?.source === source ? routed : 0} are data of ${task} (X3)`;
      return { invariant: 'routed-once', sentence, details: { task, source, routed, accepted } };
    }
    return undefined;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
