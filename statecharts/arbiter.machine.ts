/**
 * Decides who restores, and carries the restore through (DESIGN 3, Arbiter). Replicated; one per failure of an
 * (mac, incarnation) or per restore request for a (task, epoch). Managers meet in its record: the first append claims, the
 * others find the event seen.
 *
 *   watching → claimed{planning → deploying → replaying → confirming | waiting} → settled
 *
 * A1. Planning reads the world and only tells what it read (`PLAN.MADE`); taking epochs and deploying are functions of this
 *     record alone. What crashes anywhere is performed again from here.
 * A2. Every task of a failed ECU is planned together; after that each goes its own way: `phase` in `tasks`.
 * A3. This actor answers for each epoch it took until the placement is owned: a refusal, or no answer in time, sends the
 *     task back to planning without that target.
 * A4. A task that another actor took meanwhile is skipped. A task without a place is shed with its reason, and planned again
 *     when capacity returns; before that, running tasks of lower criticality make room for it (`evictTask`).
 */
import { assign, enqueueActions, setup } from 'xstate';
import type { Json } from '../src/domain/kernel/json.ts';
import type { CheckpointReference } from '../src/domain/model/checkpoint.ts';
import type { Incarnation, TaskOwner } from '../src/domain/model/ecu.ts';
import type { ActorEvent } from '../src/domain/model/events.ts';
import type { ActorKey, Mac, TaskName } from '../src/domain/model/ids.ts';
import { CLOSE, effectActions, OPEN } from './effects.ts';

export type RestoreCause =
  | { readonly kind: 'failure'; readonly owner: Incarnation; readonly preferSameMachine: boolean; readonly reason: string }
  | {
      readonly kind: 'request';
      readonly task: TaskName;
      readonly epoch: number;
      readonly reason: string;
    };

/** planning → taking → deploying → replaying → done; or skipped, or shed (and planning again). */
export type TaskPhase = 'planning' | 'taking' | 'deploying' | 'replaying' | 'done' | 'skipped' | 'shed';

export interface TaskProgress {
  readonly phase: TaskPhase;
  /** The epoch the plan was made against. */
  readonly expectedEpoch: number;
  /** The epoch this actor took. */
  readonly epoch?: number | undefined;
  readonly target?: Incarnation | undefined;
  readonly checkpoint?: CheckpointReference | undefined;
  /** Targets that refused or did not answer. */
  readonly excluded: readonly Mac[];
  readonly confirmed: boolean;
  /** Its instance caught up before its target's answer to the deploy came through, or even the answer to taking its epoch. */
  readonly caughtUp?: boolean | undefined;
  /** Its placement already says that it is shed. */
  readonly shed: boolean;
  readonly reason?: string | undefined;
}

export interface ArbiterContext {
  readonly id: string;
  readonly cause?: RestoreCause | undefined;
  readonly tasks: Readonly<Record<TaskName, TaskProgress>>;
  /** How often it has planned. */
  readonly rounds: number;
}

export interface PlannedTask {
  readonly task: TaskName;
  readonly expectedEpoch: number;
  readonly target: Incarnation;
  readonly checkpoint: CheckpointReference | undefined;
}

export interface UnplacedTask {
  readonly task: TaskName;
  readonly expectedEpoch: number;
  readonly reason: string;
  /** Running tasks of lower criticality that are shed to make room for it; it is planned again when they are gone. */
  readonly evict: readonly EvictedTask[];
}

export interface EvictedTask {
  readonly task: TaskName;
  readonly epoch: number;
  readonly owner: Incarnation;
}

export interface RestorePlan {
  readonly assignments: readonly PlannedTask[];
  readonly unplaced: readonly UnplacedTask[];
  /** No longer this actor's to restore. */
  readonly skipped: readonly { readonly task: TaskName; readonly reason: string }[];
  /** Candidates, verdicts, scores, tests with their numbers. It stays in the journal, in the record of `PLAN.MADE`; records after do not repeat it. */
  readonly evidence: Json;
}

export type ArbiterEvent = ActorEvent &
  (
    | { readonly type: 'RESTORE.NEEDED'; readonly cause: RestoreCause }
    | { readonly type: 'PLAN.MADE'; readonly plan: RestorePlan }
    | { readonly type: 'EPOCH.GRANTED'; readonly task: TaskName; readonly epoch: number }
    | { readonly type: 'EPOCH.REFUSED'; readonly task: TaskName; readonly epoch: number; readonly by: ActorKey | undefined }
    | {
        readonly type: 'INSTANCE.RAN';
        readonly task: TaskName;
        readonly epoch: number;
        readonly nonce: string;
        readonly owner: TaskOwner;
      }
    | { readonly type: 'DEPLOY.REFUSED'; readonly task: TaskName; readonly epoch: number; readonly reason: string }
    | { readonly type: 'PLACEMENT.CONFIRMED'; readonly task: TaskName; readonly epoch: number }
    | { readonly type: 'SHED.RECORDED'; readonly task: TaskName }
    | { readonly type: 'TASK.EVICTED'; readonly task: TaskName }
    | { readonly type: 'INSTANCE.CAUGHT_UP'; readonly task: TaskName; readonly epoch: number }
    /** Another actor took a later epoch after this one's instance ran. */
    | { readonly type: 'EPOCH.PASSED'; readonly task: TaskName; readonly epoch: number }
    | { readonly type: 'CAPACITY.RETURNED' }
  );

export interface PendingTask {
  /** The latest epoch this actor knows of; where a later one stands, the task has gone to another. */
  readonly epoch: number;
  readonly excluded: readonly Mac[];
  /** It was shed before: there is nothing to tell until it finds a place. */
  readonly shed: boolean;
}

export type ArbiterEffect =
  | {
      readonly kind: 'planRestore';
      readonly cause: RestoreCause;
      readonly tasks: Readonly<Record<TaskName, PendingTask>> | undefined;
    }
  | {
      readonly kind: 'takeEpoch';
      readonly task: TaskName;
      readonly expectedEpoch: number;
      readonly target: Incarnation;
    }
  | {
      readonly kind: 'deployInstance';
      readonly task: TaskName;
      readonly epoch: number;
      readonly target: Incarnation;
      readonly checkpoint: CheckpointReference | undefined;
    }
  | {
      readonly kind: 'confirmPlacement';
      readonly task: TaskName;
      readonly epoch: number;
      readonly owner: TaskOwner;
      readonly nonce: string;
    }
  | { readonly kind: 'recordShed'; readonly task: TaskName; readonly epoch: number; readonly reason: string }
  | {
      readonly kind: 'evictTask';
      readonly task: TaskName;
      readonly epoch: number;
      readonly owner: Incarnation;
      readonly reason: string;
    };

/**
 * Milliseconds, as XState's delays are. A target that refuses, dies or is cut off is known long before; this bounds one that
 * lives and says nothing, and has to be longer than the largest image takes to get there.
 */
const DEPLOY_ANSWER_MS = 10_000;
const CAUGHT_UP_MS = 60_000;
const SHED_RETRY_MS = 1_000;

type Tasks = ArbiterContext['tasks'];

/** Whether a task of this restore has found no place yet. */
export const waitsForCapacity = ({ tasks }: ArbiterContext): boolean =>
  Object.values(tasks).some(({ phase, shed }) => phase === 'shed' || (phase === 'planning' && shed));

const patch = (tasks: Tasks, task: TaskName, change: Partial<TaskProgress>): Tasks => {
  const before = tasks[task];
  return before === undefined ? tasks : { ...tasks, [task]: { ...before, ...change } };
};

const some = (tasks: Tasks, ...phases: readonly TaskPhase[]): boolean =>
  Object.values(tasks).some((task) => phases.includes(task.phase));

const replanned = (progress: TaskProgress, reason: string): TaskProgress => ({
  ...progress,
  phase: 'planning',
  caughtUp: undefined,
  excluded: progress.target === undefined ? progress.excluded : [...new Set([...progress.excluded, progress.target.mac])],
  reason,
});

export const arbiterMachine = setup({
  types: { context: {} as ArbiterContext, events: {} as ArbiterEvent, input: {} as { id: string } },
  actions: {
    ...effectActions<ArbiterEffect>(),
    noteCause: assign(({ event }) => (event.type === 'RESTORE.NEEDED' ? { cause: event.cause } : {})),
    notePlan: assign(({ context, event }) => (event.type === 'PLAN.MADE' ? planned(context, event.plan) : {})),
    openPlanned: enqueueActions(({ event, enqueue }) => {
      if (event.type !== 'PLAN.MADE') return;
      for (const { task, expectedEpoch, target } of event.plan.assignments) {
        const effect: ArbiterEffect = { kind: 'takeEpoch', task, expectedEpoch, target };
        enqueue({ type: OPEN, params: { key: `take/${task}`, effect } });
      }
      for (const { task, expectedEpoch, reason, evict } of event.plan.unplaced) {
        for (const { task: evicted, epoch, owner } of evict) {
          const effect: ArbiterEffect = { kind: 'evictTask', task: evicted, epoch, owner, reason: `it made room for ${task}` };
          enqueue({ type: OPEN, params: { key: `evict/${evicted}`, effect } });
        }
        if (evict.length > 0) continue;
        const effect: ArbiterEffect = { kind: 'recordShed', task, epoch: expectedEpoch, reason };
        enqueue({ type: OPEN, params: { key: `shed/${task}`, effect } });
      }
    }),
    noteGranted: assign(({ context, event }) => {
      if (event.type !== 'EPOCH.GRANTED') return {};
      return { tasks: patch(context.tasks, event.task, { phase: 'deploying', epoch: event.epoch }) };
    }),
    openDeploy: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'EPOCH.GRANTED') return;
      const progress = context.tasks[event.task];
      if (progress?.target === undefined) return;
      const { target, checkpoint } = progress;
      const effect: ArbiterEffect = { kind: 'deployInstance', task: event.task, epoch: event.epoch, target, checkpoint };
      enqueue({ type: OPEN, params: { key: `deploy/${event.task}`, effect } });
    }),
    noteTakenByOther: assign(({ context, event }) =>
      event.type === 'EPOCH.REFUSED'
        ? {
            tasks: patch(context.tasks, event.task, {
              phase: 'skipped',
              reason: `epoch ${event.epoch} was taken by ${event.by ?? 'nobody'}`,
            }),
          }
        : {},
    ),
    noteRan: assign(({ context, event }) => {
      if (event.type !== 'INSTANCE.RAN') return {};
      const phase = context.tasks[event.task]?.caughtUp === true ? 'done' : 'replaying';
      return { tasks: patch(context.tasks, event.task, { phase, target: event.owner }) };
    }),
    openConfirm: enqueueActions(({ event, enqueue }) => {
      if (event.type !== 'INSTANCE.RAN') return;
      const { task, epoch, owner, nonce } = event;
      enqueue({
        type: OPEN,
        params: { key: `confirm/${task}`, effect: { kind: 'confirmPlacement', task, epoch, owner, nonce } },
      });
    }),
    noteDeployRefused: assign(({ context, event }) => {
      if (event.type !== 'DEPLOY.REFUSED') return {};
      const progress = context.tasks[event.task];
      return progress === undefined ? {} : { tasks: patch(context.tasks, event.task, replanned(progress, event.reason)) };
    }),
    noteConfirmed: assign(({ context, event }) =>
      event.type === 'PLACEMENT.CONFIRMED' ? { tasks: patch(context.tasks, event.task, { confirmed: true }) } : {},
    ),
    noteCaughtUp: assign(({ context, event }) => {
      if (event.type !== 'INSTANCE.CAUGHT_UP') return {};
      const phase = context.tasks[event.task]?.phase;
      if (phase === 'replaying') return { tasks: patch(context.tasks, event.task, { phase: 'done' }) };
      const isEarly = phase === 'deploying' || phase === 'taking';
      return isEarly ? { tasks: patch(context.tasks, event.task, { caughtUp: true }) } : {};
    }),
    notePassed: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'EPOCH.PASSED') return;
      const phase = context.tasks[event.task]?.phase;
      if (phase !== 'replaying' && phase !== 'deploying') return;
      enqueue({ type: CLOSE, params: { key: `deploy/${event.task}` } });
      enqueue.assign({ tasks: patch(context.tasks, event.task, { phase: 'skipped', reason: 'a later epoch was taken' }) });
    }),
    giveUpUnanswered: enqueueActions(({ context, enqueue }) => {
      for (const [task, progress] of Object.entries(context.tasks)) {
        if (progress.phase === 'deploying') enqueue({ type: CLOSE, params: { key: `deploy/${task}` } });
      }
      enqueue.assign({
        tasks: Object.fromEntries(
          Object.entries(context.tasks).map(([task, progress]) => [
            task,
            progress.phase === 'deploying' ? replanned(progress, 'the target did not answer in time') : progress,
          ]),
        ),
      });
    }),
    planShedAgain: assign(({ context }) => ({
      tasks: mapPhase(context.tasks, 'shed', (task) => ({ ...task, phase: 'planning', excluded: [] })),
    })),
    forgetExclusions: assign(({ context }) => ({
      tasks: mapPhase(context.tasks, 'planning', (task) => (task.shed ? { ...task, excluded: [] } : task)),
    })),
    takeReplayedForDone: assign(({ context }) => ({
      tasks: mapPhase(context.tasks, 'replaying', (task) => ({ ...task, phase: 'done' })),
    })),
  },
  guards: {
    isMyEpoch: ({ context, event }) => isEpochOf(context, event),
    /** Also one that was taken, and deployed, before that is on record here: its placement says whose it is. */
    isMineByNow: ({ context, event }) => isEpochOf(context, event) || isBeingTaken(context, event),
    awaitsDeploy: ({ context, event }) => isEpochOf(context, event) && progressOf(context, event)?.phase === 'deploying',
    mustPlan: ({ context }) => some(context.tasks, 'planning'),
    allDeployed: ({ context }) => !some(context.tasks, 'planning', 'taking', 'deploying'),
    allReplayed: ({ context }) => !some(context.tasks, 'replaying'),
    allConfirmed: ({ context }) => Object.values(context.tasks).every((task) => task.phase !== 'done' || task.confirmed),
    waitsForCapacity: ({ context }) => waitsForCapacity(context),
    someShed: ({ context }) => some(context.tasks, 'shed'),
  },
}).createMachine({
  id: 'arbiter',
  initial: 'watching',
  context: ({ input }) => ({ id: input.id, tasks: {}, rounds: 0 }),
  states: {
    watching: { on: { 'RESTORE.NEEDED': { target: 'claimed', actions: 'noteCause' } } },
    claimed: {
      initial: 'planning',
      on: {
        'RESTORE.NEEDED': {},
        'EPOCH.GRANTED': { actions: ['noteGranted', 'openDeploy'] },
        'EPOCH.REFUSED': { actions: 'noteTakenByOther' },
        'INSTANCE.RAN': [{ guard: 'awaitsDeploy', actions: ['noteRan', 'openConfirm'] }, {}],
        'DEPLOY.REFUSED': [{ guard: 'isMyEpoch', actions: 'noteDeployRefused' }, {}],
        'PLACEMENT.CONFIRMED': { actions: 'noteConfirmed' },
        'SHED.RECORDED': {},
        'TASK.EVICTED': {},
        'INSTANCE.CAUGHT_UP': [{ guard: 'isMineByNow', actions: 'noteCaughtUp' }, {}],
        'EPOCH.PASSED': [{ guard: 'isMyEpoch', actions: 'notePassed' }, {}],
        'CAPACITY.RETURNED': {},
      },
      states: {
        planning: {
          entry: {
            type: OPEN,
            params: ({ context }) => ({ key: 'plan', effect: planEffect(context) }),
          },
          exit: { type: CLOSE, params: { key: 'plan' } },
          on: {
            'PLAN.MADE': { target: 'deploying', actions: ['notePlan', 'openPlanned'] },
            // The plan that found no place is looking again at its leisure: now is the time.
            'CAPACITY.RETURNED': [
              { guard: 'waitsForCapacity', target: 'planning', reenter: true, actions: 'forgetExclusions' },
              {},
            ],
          },
        },
        deploying: {
          always: [
            { guard: 'mustPlan', target: 'planning' },
            { guard: 'allDeployed', target: 'replaying' },
          ],
          after: { [DEPLOY_ANSWER_MS]: { target: 'deploying', reenter: true, actions: 'giveUpUnanswered' } },
        },
        replaying: {
          always: [
            { guard: 'mustPlan', target: 'planning' },
            { guard: 'allReplayed', target: 'confirming' },
          ],
          after: {
            [CAUGHT_UP_MS]: { target: 'confirming', actions: 'takeReplayedForDone' },
            // A task that was shed does not wait for the replay of the others.
            [SHED_RETRY_MS]: { guard: 'someShed', target: 'planning', actions: 'planShedAgain' },
          },
        },
        confirming: {
          always: [
            { guard: 'mustPlan', target: 'planning' },
            { guard: 'someShed', target: 'waiting' },
            { guard: 'allConfirmed', target: '#arbiter.settled' },
          ],
        },
        waiting: {
          after: { [SHED_RETRY_MS]: { target: 'planning', actions: 'planShedAgain' } },
          on: {
            'CAPACITY.RETURNED': { target: 'planning', actions: 'planShedAgain' },
            'TASK.EVICTED': { target: 'planning', actions: 'planShedAgain' },
          },
        },
      },
    },
    settled: { type: 'final' },
  },
});

function progressOf(context: ArbiterContext, event: ArbiterEvent): TaskProgress | undefined {
  const task = event['task'];
  return typeof task === 'string' ? context.tasks[task] : undefined;
}

const isEpochOf = (context: ArbiterContext, event: ArbiterEvent): boolean =>
  progressOf(context, event)?.epoch === event['epoch'];

/** An epoch follows the one that was expected; whoever speaks of it has read there that this actor took it. */
const isBeingTaken = (context: ArbiterContext, event: ArbiterEvent): boolean => {
  const progress = progressOf(context, event);
  return progress?.phase === 'taking' && event['epoch'] === progress.expectedEpoch + 1;
};

function planEffect(context: ArbiterContext): ArbiterEffect {
  const pending = Object.entries(context.tasks).filter(([, progress]) => progress.phase === 'planning');
  return {
    kind: 'planRestore',
    cause: context.cause ?? { kind: 'request', task: '', epoch: 0, reason: 'no cause' },
    tasks:
      context.rounds === 0
        ? undefined
        : Object.fromEntries(
            pending.map(([task, progress]) => [
              task,
              {
                epoch: Math.max(progress.expectedEpoch, progress.epoch ?? 0),
                excluded: progress.excluded,
                shed: progress.shed,
              },
            ]),
          ),
  };
}

function planned(context: ArbiterContext, plan: RestorePlan): Partial<ArbiterContext> {
  let tasks = context.tasks;
  const before = (task: TaskName) => tasks[task];
  for (const { task, expectedEpoch, target, checkpoint } of plan.assignments) {
    const excluded = before(task)?.excluded ?? [];
    tasks = {
      ...tasks,
      [task]: { phase: 'taking', expectedEpoch, target, checkpoint, excluded, confirmed: false, shed: false },
    };
  }
  for (const { task, expectedEpoch, reason, evict } of plan.unplaced) {
    const epoch = before(task)?.epoch;
    const shed = evict.length === 0 || before(task)?.shed === true;
    tasks = { ...tasks, [task]: { phase: 'shed', expectedEpoch, epoch, excluded: [], confirmed: false, shed, reason } };
  }
  for (const { task, reason } of plan.skipped) {
    tasks = { ...tasks, [task]: { phase: 'skipped', expectedEpoch: 0, excluded: [], confirmed: false, shed: false, reason } };
  }
  return { tasks, rounds: context.rounds + 1 };
}

function mapPhase(tasks: Tasks, phase: TaskPhase, change: (task: TaskProgress) => TaskProgress): Tasks {
  return Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, task.phase === phase ? change(task) : task]));
}
