/**
 * Who is fed by whom (docs/CHAINS.md): what a manager checks when a task is declared, and the duty that every such task has a route and
 * no other has one. Level-triggered, like all duties: what a manager that died did not say is said by the next look.
 */
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { FleetTask } from '../src/domain/protocol/messages.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { RouteContext } from '../statecharts/route.machine.ts';
import { stateName } from './chart.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { Host } from './host.ts';
import type { EffectOutcome, OpenEffect } from './outbox.ts';
import { Router } from './router.ts';
import type { Shell } from './shell.ts';
import { sweeping } from './sweeping.ts';

const LOOK_US = 500_000;
const ROUTE = 'route/';
/** A chain that is longer is a mistake. */
const LENGTH_MAX = 256;

export interface RoutesParts {
  readonly host: Host;
  readonly replicated: Shell;
  readonly knowledge: FleetKnowledge;
}

interface RouteNow {
  readonly state: string;
  readonly context: RouteContext;
  readonly revision: number;
  readonly writer: string;
}

export class Routes {
  private readonly parts: RoutesParts;
  private readonly router: Router;
  private cancel: Cancel | undefined;

  constructor(parts: RoutesParts) {
    this.parts = parts;
    this.router = new Router(parts);
  }

  perform(open: OpenEffect): Promise<EffectOutcome> {
    return this.router.perform(open);
  }

  start(): void {
    this.cancel = sweeping(this.parts.host.clock, LOOK_US, () => this.lookAtAll());
  }

  stop(): void {
    this.cancel?.();
  }

  /** Why the task cannot be fed as it wishes; undefined: it can. By the records as they stand, also those of other shares. */
  async whyNot({ name, inputs }: TaskSpec): Promise<{ readonly code: ErrorCode; readonly sentence: string } | undefined> {
    const { from } = inputs;
    if (from === undefined) return undefined;
    const path = [name];
    for (let source: TaskName | undefined = from; source !== undefined; ) {
      if (source === name) return chainError(`it would feed itself: ${[...path, source].reverse().join(' → ')}`);
      if (path.length === LENGTH_MAX) return chainError(`it would be fed by way of more than ${LENGTH_MAX} tasks`);
      const placement = await this.parts.knowledge.freshPlacement(source);
      const isThere = placement !== undefined && placement.state !== 'removed' && placement.state !== 'undeclared';
      if (!isThere && source === from)
        return chainError(`there is no task ${from} that could feed ${name}: deploy ${from} first`);
      path.push(source);
      source = placement?.context.spec?.inputs.from;
    }
    return undefined;
  }

  /** At once after a task was declared or removed; the duty would find it later. */
  async look(task: TaskName): Promise<void> {
    const { knowledge, replicated } = this.parts;
    const placement = knowledge.placement(task);
    const source =
      placement?.state === 'removed' || placement?.state === 'removing' ? undefined : placement?.context.spec?.inputs.from;
    const route = source === undefined ? this.known(task) : (this.known(task) ?? (await this.read(task)));
    const actor: ActorKey = ROUTE + task;
    const revision = route?.revision ?? 0;
    if (source !== undefined && (route === undefined || route.state === 'idle' || route.context.source !== source)) {
      await replicated.deliver(actor, { type: 'ROUTE.WANTED', id: `wanted:${source}:${revision}`, source });
    } else if (source === undefined && route !== undefined && route.state !== 'idle') {
      const reason = `task ${task} is ${placement?.state ?? 'not there'}`;
      await replicated.deliver(actor, { type: 'ROUTE.UNWANTED', id: `unwanted:${revision}`, reason });
    }
  }

  /** What `status` says of it. */
  told(task: TaskName): FleetTask['fed'] {
    const source = this.parts.knowledge.index.fedBy.get(task);
    if (source === undefined) return undefined;
    const route = this.known(task);
    return { from: source, state: route?.state ?? 'unknown', by: route?.writer, reason: route?.context.reason };
  }

  private async lookAtAll(): Promise<void> {
    const { host, knowledge } = this.parts;
    if (!host.bus.connected()) return;
    const { fedBy, routed } = knowledge.index;
    for (const task of new Set([...fedBy.keys(), ...routed])) {
      // Of a task of another share nothing is known that would tell whether it is still to be fed.
      if (knowledge.placement(task) === undefined) continue;
      try {
        await this.look(task);
      } catch (cause) {
        host.log.info('a route could not be looked at; it will be', { task, cause });
      }
    }
  }

  private known(task: TaskName): RouteNow | undefined {
    const view = this.parts.replicated.view(ROUTE + task);
    if (view === undefined) return undefined;
    const { snapshot, record } = view;
    const context = snapshot.context as RouteContext;
    return { state: stateName(snapshot.value), context, revision: record.revision, writer: record.writer };
  }

  private async read(task: TaskName): Promise<RouteNow | undefined> {
    await this.parts.replicated.refresh(ROUTE + task);
    return this.known(task);
  }
}

const chainError = (sentence: string) => ({ code: 'ERR_CHAIN', sentence }) as const;
