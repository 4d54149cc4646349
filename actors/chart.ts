/**
 * The one place that runs XState. A chart is a pure function: snapshot + event → snapshot + what the chart asks for.
 *
 * `transition()` of XState builds an actor and a system at every call (40 µs here). This file hands `machine.transition`
 * one inert scope instead, shared by all calls, whose only task is to collect the actions; `test/unit/chart.test.ts` checks
 * that both give the same snapshots and the same actions. Nothing here is executed, nothing is scheduled.
 */
import { type AnyMachineSnapshot, type AnyStateMachine, type AnyStateNode, createActor, createMachine } from 'xstate';
import { assert } from '../src/domain/kernel/assert.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import { CLOSE, type CloseParameters, OPEN, type OpenParameters } from '../statecharts/effects.ts';

/** What one step of a chart asks for, in order. */
export type ChartRequest =
  | { readonly kind: 'open'; readonly key: string; readonly effect: unknown }
  | { readonly kind: 'close'; readonly key: string }
  | { readonly kind: 'arm'; readonly id: string; readonly eventType: string; readonly delayUs: number }
  | { readonly kind: 'disarm'; readonly id: string };

export interface ChartStep {
  readonly snapshot: AnyMachineSnapshot;
  readonly requests: readonly ChartRequest[];
  /**
   * `taken`: a transition was enabled (even if it changed nothing). `not-now`: some state handles this event, the present
   * one does not. `never`: no state of this chart knows it. `over`: the chart has reached its end.
   */
  readonly handling: 'taken' | 'not-now' | 'never' | 'over';
}

export interface Chart {
  readonly kind: string;
  /** Raised when old snapshots no longer mean the same. A record of another version is not taken over. */
  readonly version: number;
  readonly machine: AnyStateMachine;
}

/** The state an actor without a record is in; its entry actions are part of its first step. */
export function initialStep(chart: Chart, id: string): ChartStep {
  const requests: ChartRequest[] = [];
  const snapshot = collecting(requests, (scope) => chart.machine.getInitialSnapshot(scope, { id }));
  return { snapshot: asRestored(snapshot), requests, handling: 'taken' };
}

export function stepChart(chart: Chart, snapshot: AnyMachineSnapshot, event: ActorEvent): ChartStep {
  const requests: ChartRequest[] = [];
  const next = collecting(requests, (scope) => chart.machine.transition(snapshot, event, scope)) as AnyMachineSnapshot;
  const changed = requests.length > 0 || next.context !== snapshot.context || next.value !== snapshot.value;
  if (changed) return { snapshot: asRestored(next), requests, handling: 'taken' };
  if (snapshot.status !== 'active') return { snapshot: next, requests, handling: 'over' };
  const enabled = chart.machine.getTransitionData(snapshot, event) ?? [];
  if (enabled.length > 0) return { snapshot: next, requests, handling: 'taken' };
  return { snapshot: next, requests, handling: eventsOf(chart).has(event.type) ? 'not-now' : 'never' };
}

/** Every event that some state knows. XState's own list leaves out those that are taken and change nothing. */
export function eventsOf({ machine }: Chart): ReadonlySet<string> {
  let events = eventsOfMachine.get(machine);
  if (events === undefined) {
    const found = new Set<string>();
    const visit = (node: AnyStateNode): void => {
      for (const type of node.transitions.keys()) found.add(type);
      for (const child of Object.values(node.states)) visit(child);
    };
    visit(machine.root);
    events = found;
    eventsOfMachine.set(machine, events);
  }
  return events;
}

const eventsOfMachine = new WeakMap<AnyStateMachine, ReadonlySet<string>>();

/**
 * What `getPersistedSnapshot` gives, as text. Without children (no drover chart has any) and without history it is what
 * stands here, and taking it directly saves a tenth of a step; a test compares the two.
 */
export function persistSnapshot(chart: Chart, snapshot: AnyMachineSnapshot): string {
  const { status, output, error, value, historyValue, context, children } = snapshot;
  const persisted =
    isEmpty(historyValue) && isEmpty(children)
      ? { status, output, error, value, historyValue, context, children }
      : chart.machine.getPersistedSnapshot(snapshot);
  return JSON.stringify(persisted);
}

function isEmpty(fields: object): boolean {
  for (const _ in fields) return false;
  return true;
}

export const restoreSnapshot = (chart: Chart, json: string): AnyMachineSnapshot =>
  chart.machine.restoreSnapshot(JSON.parse(json), inertScope) as AnyMachineSnapshot;

/**
 * The snapshot as it will come back from its record. JSON leaves out what is undefined; a chart that later sets the field
 * again would then put it in another place in memory than after a restart, and the two would not be digest for digest the
 * same. So what is undefined is left out at once.
 */
function asRestored(snapshot: AnyMachineSnapshot): AnyMachineSnapshot {
  return hasUndefined(snapshot.context) ? { ...snapshot, context: withoutUndefined(snapshot.context) } : snapshot;
}

function hasUndefined(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return value === undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) if (hasUndefined(fields[name])) return true;
  return false;
}

function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutUndefined);
  const plain: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) if (inner !== undefined) plain[name] = withoutUndefined(inner);
  return plain;
}

/** The innermost active states, for logs and views: `claimed.planning`. */
export const stateName = (value: unknown): string => {
  if (typeof value === 'string') return value;
  return Object.entries(value as Record<string, unknown>)
    .map(([name, inner]) =>
      inner !== undefined && Object.keys(inner as object).length === 0 ? name : `${name}.${stateName(inner)}`,
    )
    .join('|');
};

type Scope = Parameters<AnyStateMachine['transition']>[2];

interface CollectedAction {
  readonly type: string;
  readonly params: unknown;
}

const inertScope: Scope = createInertScope();
let collected: CollectedAction[] = [];

function createInertScope(): Scope {
  const self = createActor(createMachine({}));
  const { system } = self;
  return {
    self,
    system: Object.assign(Object.create(system), { _sendInspectionEvent: () => {} }),
    id: '',
    sessionId: '',
    logger: () => {},
    defer: () => {},
    emit: () => {},
    stopChild: () => {},
    actionExecutor: (action: CollectedAction) => {
      collected.push(action);
    },
  } as unknown as Scope;
}

function collecting<T>(requests: ChartRequest[], run: (scope: Scope) => T): T {
  collected = [];
  const result = run(inertScope);
  for (const action of collected) {
    const request = toRequest(action);
    if (request !== undefined) requests.push(request);
  }
  collected = [];
  return result;
}

function toRequest({ type, params }: CollectedAction): ChartRequest | undefined {
  switch (type) {
    case OPEN: {
      const { key, effect } = params as OpenParameters<unknown>;
      return { kind: 'open', key, effect };
    }
    case CLOSE:
      return { kind: 'close', key: (params as CloseParameters).key };
    case 'xstate.raise': {
      const { event, id, delay } = params as { event: { type: string }; id?: string; delay?: number };
      if (delay === undefined) return undefined; // an immediate raise has already been taken within this macrostep
      assert(id !== undefined, 'a delayed event without an id cannot be a durable timer');
      return { kind: 'arm', id, eventType: event.type, delayUs: Math.round(delay * 1000) };
    }
    case 'xstate.cancel':
      return { kind: 'disarm', id: (params as { sendId: string }).sendId };
    default:
      assert(false, `charts only open and close effects, and wait: ${type}`);
  }
}
