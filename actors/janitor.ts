/**
 * Keeps the streams within their bounds (DESIGN 4).
 *
 * J1. INPUTS goes below the cursor of the oldest checkpoint that is kept, of the placement's own epoch, while it is `owned`;
 *     the mark is written to the placement record first, then the stream is purged.
 * J2. OUTPUTS and ACTORS keep at least their last message per subject: it is the fence.
 * J3. Outputs that are another task's data (`router.ts`) go only when every route of them has passed: `trimRouted`.
 */
import { type CheckpointReference, laterCheckpoint } from '../src/domain/model/checkpoint.ts';
import { shardOf, type TaskName } from '../src/domain/model/ids.ts';
import { actorSubject, streams, taskSubject } from '../src/domain/protocol/subjects.ts';
import type { RoutePosition } from '../src/domain/task/routing.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';
import type { PlacementView } from './placement-index.ts';
import { lastDatumOf } from './router.ts';
import type { Shell } from './shell.ts';
import { sweeping } from './sweeping.ts';

export interface JanitorPolicy {
  readonly everyUs: number;
  readonly outputsKept: number;
  readonly recordsKept: number;
}

/** A stream may be longer than its policy by this part of it. */
const GROWTH_SHARE = 0.1;

export const JANITOR_DEFAULTS: JanitorPolicy = { everyUs: 2_000_000, outputsKept: 100_000, recordsKept: 1_000 };

export class Janitor {
  private readonly host: Host;
  private readonly replicated: Shell;
  private readonly knowledge: FleetKnowledge;
  private readonly policy: JanitorPolicy;
  private readonly tidies: (placement: PlacementView) => boolean;
  /** The revision at which a task's record was last purged, and the number of the output at which its outputs were. */
  private readonly purgedAt = new Map<string, { readonly revision: number; readonly output: number }>();
  private readonly purgedThrough = new Map<string, number>();
  /** The tasks that are fed by a task. */
  private readonly fed = new Map<TaskName, readonly TaskName[]>();
  /** Where the slowest route of a task's outputs was, oldest first. */
  private readonly routedThrough = new Map<TaskName, readonly RoutePosition[]>();
  private cancel: Cancel | undefined;

  constructor(parts: {
    readonly host: Host;
    readonly replicated: Shell;
    readonly knowledge: FleetKnowledge;
    readonly policy: JanitorPolicy;
    /** One manager per task is enough; by default the one that wrote its record last. */
    readonly tidies?: (placement: PlacementView) => boolean;
  }) {
    this.tidies = parts.tidies ?? (({ view }) => view.record.writer === parts.host.id);
    this.host = parts.host;
    this.replicated = parts.replicated;
    this.knowledge = parts.knowledge;
    this.policy = parts.policy;
  }

  start(): void {
    this.cancel = sweeping(this.host.clock, this.policy.everyUs, () => this.tidy());
  }

  stop(): void {
    this.cancel?.();
  }

  private async tidy(): Promise<void> {
    if (!this.host.bus.connected()) return;
    this.fed.clear();
    for (const [task, source] of this.knowledge.index.fedBy) this.fed.set(source, [...(this.fed.get(source) ?? []), task]);
    for (const placement of [...this.knowledge.placements()]) {
      if (!this.tidies(placement)) continue;
      try {
        await this.trimInputs(placement);
        await this.trimFences(placement);
      } catch (cause) {
        this.host.log.warn('a stream could not be trimmed; tried again later', { task: placement.context.task, cause });
      }
    }
  }

  private async trimInputs({ context, state, view }: PlacementView): Promise<void> {
    const { task, epoch, spec, trim } = context;
    const durable = this.knowledge.newestDurable(task, spec?.checkpoint.quorum ?? Number.POSITIVE_INFINITY);
    const isOwned = state === 'owned' || state === 'moving';
    if (isOwned && durable !== undefined && durable.epoch === epoch) await this.raiseTrimMark(view.actor, durable);
    const marked = this.knowledge.placement(task)?.context.trim?.sequence ?? trim?.sequence ?? 0;
    const unmarked = planted(this.host, 'trim-unmarked') ? this.knowledge.newestReference(context)?.input.sequence : undefined;
    const through = unmarked ?? marked;
    if (through <= (this.purgedThrough.get(task) ?? 0)) return;
    const stream = streams.inputs(shardOf(task, this.host.names.shardCount));
    for (const subject of [taskSubject.data(this.host.names, task), taskSubject.tick(this.host.names, task)]) {
      await this.host.bus.purge(stream, { subject, beforeSequence: through + 1 });
    }
    this.purgedThrough.set(task, through);
    this.host.counters.add('janitor.inputsTrimmed');
  }

  /** The oldest kept checkpoint's cursor, not the newest's: a restore may have to fall back. */
  private async raiseTrimMark(actor: string, durable: CheckpointReference): Promise<void> {
    const { epoch } = durable;
    const remembered = this.knowledge.oldestOfEpoch(durable.task, epoch) ?? durable;
    // A manager may be so far behind the others that its newest is not remembered by order any more.
    const oldest = laterCheckpoint(remembered, durable) ? durable : remembered;
    const id = `trim:${epoch}.${oldest.sequence}`;
    await this.replicated.deliver(actor, { type: 'INPUTS.TRIMMABLE', id, epoch, cursor: oldest.input });
  }

  /** Now and then: what has hardly grown since the last time is left alone, so that a thousand idle tasks cost nothing. */
  private async trimFences({ context, view }: PlacementView): Promise<void> {
    const { task, spec } = context;
    const { revision } = view.record;
    const output = this.knowledge.newestDurable(task, spec?.checkpoint.quorum ?? 1)?.outputNumber ?? 0;
    const before = this.purgedAt.get(task);
    const hardlyGrew =
      before !== undefined &&
      revision - before.revision <= this.policy.recordsKept * GROWTH_SHARE &&
      output - before.output <= this.policy.outputsKept * GROWTH_SHARE;
    if (hardlyGrew) return;
    this.purgedAt.set(task, { revision, output });
    const shard = shardOf(task, this.host.names.shardCount);
    const fed = this.fed.get(task) ?? [];
    if (fed.length > 0 && !planted(this.host, 'trim-unrouted')) await this.trimRouted(task, fed);
    else {
      const outputs = taskSubject.outputs(this.host.names, task);
      await this.host.bus.purge(streams.outputs(shard), { subject: outputs, keep: this.policy.outputsKept });
    }
    const record = actorSubject(this.host.names, view.actor);
    await this.host.bus.purge(streams.actors(shard), { subject: record, keep: this.policy.recordsKept });
  }

  /** J3: what lies as many outputs as are kept behind where the slowest route is. Where that is in the stream, an earlier look has noted. */
  private async trimRouted(task: TaskName, fed: readonly TaskName[]): Promise<void> {
    const { bus, names } = this.host;
    let slowest: RoutePosition | undefined;
    for (const one of fed) {
      const { routed } = lastDatumOf(await bus.readLast(taskSubject.data(names, one))) ?? {};
      if (routed?.source !== task) return;
      if (slowest === undefined || routed.output < slowest.output)
        slowest = { output: routed.output, sequence: routed.sequence };
    }
    if (slowest === undefined) return;
    const noted = this.routedThrough.get(task) ?? [];
    const last = noted.at(-1);
    const now = last !== undefined && last.output >= slowest.output ? noted : [...noted, slowest];
    const bound = slowest.output - this.policy.outputsKept;
    const passed = now.filter(({ output }) => output <= bound).at(-1);
    this.routedThrough.set(task, passed === undefined ? now : now.filter(({ output }) => output > passed.output));
    if (passed === undefined) return;
    const stream = streams.outputs(shardOf(task, names.shardCount));
    await bus.purge(stream, { subject: taskSubject.outputs(names, task), beforeSequence: passed.sequence + 1 });
  }
}
