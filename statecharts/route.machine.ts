/**
 * Feeds one task's outputs to another as its data (DESIGN 7, chains; docs/CHAINS.md). Replicated, one per task that is fed so; named
 * after it. Its effect is carried out by whichever manager holds the record (`actors/router.ts`).
 *
 *   idle → beginning → routing → idle        routing → beginning (nothing was routed yet) | broken
 *
 * X1. Which output comes first is read once, and recorded, before anything is routed: what another holder goes on from is on record.
 * X2. While `routing` the data themselves say how far it is: each carries the number of the output that it is. The record holds only
 *     where it began. So two holders at once differ in nothing, and the compare-and-set on the data lets each output in once.
 * X3. A missing output is told, never passed over: `broken`, until the task is taken away or its route is asked for anew.
 */
import { assign, setup } from 'xstate';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import type { RouteBeginning } from '../src/domain/task/routing.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export interface RouteContext {
  /** Whose data it feeds. */
  readonly task: TaskName;
  /** Whose outputs. */
  readonly source?: TaskName | undefined;
  readonly begun?: RouteBeginning | undefined;
  /** Why it is broken, or over. */
  readonly reason?: string | undefined;
}

export type RouteEvent = ActorEvent &
  (
    | { readonly type: 'ROUTE.WANTED'; readonly source: TaskName }
    | { readonly type: 'ROUTE.UNWANTED'; readonly reason: string }
    | { readonly type: 'ROUTE.BEGUN'; readonly begun: RouteBeginning }
    /** The next output is not there any more; `fresh`: none was routed since it began, so that it can begin later. */
    | { readonly type: 'OUTPUT.MISSING'; readonly fresh: boolean; readonly reason: string }
    | { readonly type: 'ROUTE.BLOCKED'; readonly reason: string }
  );

interface Between {
  readonly task: TaskName;
  readonly source: TaskName;
}

export type RouteEffect =
  | (Between & { readonly kind: 'findBeginning' })
  | (Between & { readonly kind: 'routeOutputs'; readonly begun: RouteBeginning });

const between = ({ task, source = '' }: RouteContext): Between => ({ task, source });

type From = { readonly context: RouteContext };
const opened = (key: string, effect: (context: RouteContext) => RouteEffect) => ({
  entry: { type: OPEN, params: ({ context }: From) => ({ key, effect: effect(context) }) } as const,
  exit: { type: CLOSE, params: { key } } as const,
});

export const routeMachine = setup({
  types: { context: {} as RouteContext, events: {} as RouteEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<RouteEffect>(),
    noteSource: assign(({ event }) =>
      event.type === 'ROUTE.WANTED' ? { source: event.source, begun: undefined, reason: undefined } : {},
    ),
    noteBegun: assign(({ event }) => (event.type === 'ROUTE.BEGUN' ? { begun: event.begun } : {})),
    noteReason: assign(({ event }) => ('reason' in event ? { reason: String(event.reason) } : {})),
  },
  guards: {
    isOther: ({ context, event }) => event.type === 'ROUTE.WANTED' && event.source !== context.source,
    isFresh: ({ event }) => event.type === 'OUTPUT.MISSING' && event.fresh,
  },
}).createMachine({
  id: 'route',
  initial: 'idle',
  context: ({ input }) => ({ task: input.id }),
  // Said twice, or too late: taken, and changes nothing.
  on: { 'ROUTE.WANTED': {}, 'ROUTE.UNWANTED': {}, 'ROUTE.BEGUN': {}, 'OUTPUT.MISSING': {}, 'ROUTE.BLOCKED': {} },
  states: {
    idle: { on: { 'ROUTE.WANTED': { target: 'beginning', actions: 'noteSource' } } },
    beginning: {
      ...opened('begin', (context) => ({ kind: 'findBeginning', ...between(context) })),
      on: {
        'ROUTE.BEGUN': { target: 'routing', actions: 'noteBegun' },
        'ROUTE.WANTED': [{ guard: 'isOther', target: 'beginning', reenter: true, actions: 'noteSource' }, {}],
        'ROUTE.UNWANTED': { target: 'idle', actions: 'noteReason' },
      },
    },
    routing: {
      ...opened('route', (context) => ({
        kind: 'routeOutputs',
        ...between(context),
        begun: context.begun as RouteBeginning,
      })),
      on: {
        'OUTPUT.MISSING': [
          { guard: 'isFresh', target: 'beginning' },
          { target: 'broken', actions: 'noteReason' },
        ],
        'ROUTE.BLOCKED': { target: 'broken', actions: 'noteReason' },
        'ROUTE.WANTED': [{ guard: 'isOther', target: 'beginning', actions: 'noteSource' }, {}],
        'ROUTE.UNWANTED': { target: 'idle', actions: 'noteReason' },
      },
    },
    broken: {
      on: {
        'ROUTE.WANTED': [{ guard: 'isOther', target: 'beginning', actions: 'noteSource' }, {}],
        'ROUTE.UNWANTED': { target: 'idle', actions: 'noteReason' },
      },
    },
  },
});
