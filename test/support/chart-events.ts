/** Events of every chart with small, colliding values, so that random walks meet guards both ways. */
import { createRng, type Rng } from '../../src/domain/kernel/rng.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';

type Draw = (rng: Rng) => Record<string, unknown>;

const small = (rng: Rng): number => rng.below(4);
const task = (rng: Rng): string => (rng.below(3) === 0 ? 'b' : 'a');
const incarnation = (rng: Rng): object => ({ mac: `02aa0000000${1 + rng.below(2)}`, incarnation: 1 + rng.below(2) });
const order = (rng: Rng): object => ({
  task: 'a',
  epoch: small(rng),
  sequence: small(rng),
  source: incarnation(rng),
  programId: 1,
});
const mover = (rng: Rng): string => `migration/a.1.${rng.below(2)}`;
const move: Draw = (rng) => {
  const attempt = rng.below(2);
  return { epoch: small(rng), by: `migration/a.1.${attempt}`, attempt };
};
const proposed: Draw = (rng) => ({ proposal: { id: `p${small(rng)}`, task: 'a', epoch: 1 } });
const perTask: Draw = (rng) => ({ task: task(rng), epoch: small(rng) });

const plan: Draw = (rng) => {
  const assignments = ['a', 'b']
    .filter(() => rng.below(2) === 0)
    .map((name) => ({
      task: name,
      expectedEpoch: small(rng),
      target: incarnation(rng),
      checkpoint: undefined,
    }));
  const unplaced = rng.below(3) === 0 ? [{ task: 'c', expectedEpoch: small(rng), reason: 'no room', evict: [] }] : [];
  const skipped = rng.below(3) === 0 ? [{ task: 'd', reason: 'moved' }] : [];
  return { plan: { assignments, unplaced, skipped, evidence: [{ score: rng.below(10) }] } };
};

export const CHART_EVENTS: Readonly<Record<string, Readonly<Record<string, Draw>>>> = {
  arbiter: {
    'RESTORE.NEEDED': (rng) => ({
      cause:
        rng.below(2) === 0
          ? { kind: 'failure', owner: incarnation(rng), preferSameMachine: false, reason: 'silent' }
          : { kind: 'request', task: 'a', epoch: 1, reason: 'asked' },
    }),
    'PLAN.MADE': plan,
    'EPOCH.GRANTED': perTask,
    'EPOCH.REFUSED': (rng) => ({ ...perTask(rng), by: 'arbiter/other' }),
    'INSTANCE.RAN': (rng) => ({ ...perTask(rng), nonce: 'n', owner: incarnation(rng) }),
    'DEPLOY.REFUSED': (rng) => ({ ...perTask(rng), reason: 'full' }),
    'PLACEMENT.CONFIRMED': perTask,
    'SHED.RECORDED': (rng) => ({ task: task(rng) }),
    'TASK.EVICTED': (rng) => ({ task: task(rng) }),
    'EPOCH.PASSED': perTask,
    'INSTANCE.CAUGHT_UP': perTask,
    'CAPACITY.RETURNED': () => ({}),
  },
  bridge: {
    'BRIDGE.STARTED': (rng) => ({ incarnation: small(rng) }),
    'CONNECTION.LOST': () => ({}),
    'CONNECTION.RESTORED': () => ({}),
    'BRIDGE.LEFT': () => ({ reason: 'asked' }),
  },
  checkpoint: {
    'CHECKPOINT.ANNOUNCED': (rng) => ({ checkpoint: order(rng) }),
    'CHECKPOINT.PULLED': (rng) => ({ checkpoint: order(rng) }),
    'PULL.FAILED': (rng) => ({ checkpoint: order(rng), reason: 'gone', damaged: rng.below(2) === 0 }),
    'CHECKPOINT.DURABLE': (rng) => ({ checkpoint: order(rng) }),
  },
  route: {
    'ROUTE.WANTED': (rng) => ({ source: rng.below(3) === 0 ? 'camera' : 'sensor' }),
    'ROUTE.UNWANTED': () => ({ reason: 'task x is removed' }),
    'ROUTE.BEGUN': (rng) => ({ begun: { output: small(rng), sequence: 0, datum: 0, datumSequence: 0 } }),
    'OUTPUT.MISSING': (rng) => ({ fresh: rng.below(2) === 0, reason: 'outputs are gone' }),
    'ROUTE.BLOCKED': () => ({ reason: 'lost' }),
  },
  chain: {
    'CHAIN.PROPOSED': (rng) => ({
      cause: {
        members: [{ task: 'a', epoch: 1, attempt: 0, source: incarnation(rng) }],
        target: '02aa00000002',
        reason: 'asked',
      },
    }),
    'MEMBERS.COPIED': () => ({}),
    'MEMBERS.FOLLOWED': () => ({}),
    'MEMBERS.READY': () => ({}),
    'MEMBER.FAILED': () => ({ task: 'a', reason: 'no room' }),
    'MEMBERS.OVER': () => ({}),
  },
  drain: {
    'DRAIN.ASKED': () => ({ reason: 'repair' }),
    'DRAIN.UNDONE': () => ({}),
    'BRIDGE.TOLD': () => ({}),
  },
  power: {
    'POWER.MANAGED': () => ({}),
    'EMPTY.ASKED': (rng) => ({
      incarnation: small(rng),
      sleep: { name: 'suspend', watts: 0.5, wakeUs: 1000 * small(rng), wakeJoules: 2 },
      reason: 'nobody needs it',
    }),
    'ECU.EMPTIED': () => ({}),
    'ECU.SLEPT': () => ({}),
    'SLEEP.REFUSED': () => ({ reason: 'it has a' }),
    'WAKE.ASKED': () => ({ reason: 'a waits' }),
    'ECU.WOKE': () => ({}),
    'ECU.GONE': () => ({ reason: 'nobody answers' }),
  },
  ecu: {
    'ECU.APPEARED': (rng) => ({ incarnation: small(rng), graceMs: 100 }),
    'ECU.SUSPECTED': (rng) => ({ incarnation: small(rng), reason: 'silent' }),
    'ECU.SHOWED_LIFE': (rng) => ({ incarnation: small(rng) }),
    'ECU.SAID_GOODBYE': (rng) => ({ incarnation: small(rng), reason: 'shutdown' }),
    'DEATH.CONFIRMED': (rng) => ({ incarnation: small(rng), reason: 'no process' }),
    'DEATH.DENIED': (rng) => ({ incarnation: small(rng) }),
    'BRIDGE.DIED': (rng) => ({ incarnation: small(rng), reason: 'exit 1' }),
    'FAILURE.RAISED': (rng) => ({ incarnation: small(rng) }),
  },
  migration: {
    'MIGRATION.PROPOSED': (rng) => ({
      cause: {
        task: 'a',
        epoch: 1,
        attempt: 0,
        source: incarnation(rng),
        opcode: 'operator',
        reason: 'asked',
        ...(rng.below(2) === 0 ? { target: '02aa00000002' } : {}),
        ...(rng.below(3) === 0 ? { chain: 'chain/a.1.0' } : {}),
      },
    }),
    'CHAIN.WENT_ON': () => ({}),
    'CHAIN.GAVE_UP': () => ({ reason: 'its chain stays' }),
    'MIGRATION.COSTED': (rng) => ({
      estimate:
        rng.below(4) === 0
          ? { reason: 'no room' }
          : { chosen: { ...incarnation(rng), mode: ['live', 'stop-and-copy', 'cold'][rng.below(3)] } },
    }),
    'TARGET.ADMITTED': () => ({}),
    'TARGET.REFUSED': (rng) => ({ reason: 'full', unable: rng.below(3) === 0 }),
    'STATE.COPIED': (rng) => ({ round: { sequence: small(rng), bytes: rng.below(2) * 1_000_000, tookUs: 9 } }),
    'COPY.FAILED': () => ({ reason: 'gone' }),
    'PLACEMENT.CLAIMED': () => ({}),
    'PLACEMENT.REFUSED': () => ({ reason: 'it is lost' }),
    'STATE.HANDED_OVER': () => ({ reference: { task: 'a', epoch: 1, sequence: 3 }, pauseUs: 5, copyUs: 7 }),
    'FOLLOWING.REFUSED': () => ({ reason: 'it did not keep up' }),
    'HANDOVER.FAILED': (rng) => ({ reason: 'cut off', unable: rng.below(3) === 0 }),
    'SWITCH.COMMITTED': (rng) => ({ epoch: small(rng) }),
    'SWITCH.ABORTED': () => ({}),
    'SWITCH.LOST': (rng) => ({ epoch: small(rng), by: 'arbiter/x' }),
    'INSTANCE.RAN': (rng) => ({ epoch: small(rng), nonce: 'n', owner: incarnation(rng) }),
    'DEPLOY.REFUSED': (rng) => ({ epoch: small(rng), reason: 'full' }),
    'PLACEMENT.CONFIRMED': (rng) => ({ epoch: small(rng) }),
    'INSTANCE.CAUGHT_UP': perTask,
    'RESTORE.RAISED': () => ({}),
    'TARGET.DURABLE': () => ({ reason: 'stored' }),
    'SOURCE.RESUMED': () => ({}),
    'SOURCE.STOPPED': () => ({}),
  },
  manager: {
    'MANAGER.STARTED': (rng) => ({ incarnation: small(rng) }),
    'CONNECTION.LOST': () => ({}),
    'CONNECTION.RESTORED': () => ({}),
    'BROKER.SUSPECTED': () => ({ reason: 'everyone at once' }),
    'BROKER.TRUSTED': () => ({}),
    'MANAGER.LEFT': () => ({ reason: 'asked' }),
  },
  predictor: {
    REVIEWED: (rng) => ({
      state: ['warming', 'forecasting', 'forecasting', 'degraded'][rng.below(4)],
      blind: rng.below(2) === 0 ? [] : ['a'],
    }),
    PROPOSED: proposed,
    'PROPOSAL.PUBLISHED': proposed,
    'PROPOSAL.SCORED': (rng) => ({
      score: {
        proposal: `p${small(rng)}`,
        wasDone: true,
        came: true,
        regretNothing: -1,
        regretOracle: 0,
        paid: rng.below(2) === 0,
      },
    }),
    RETRAINED: () => ({}),
    'RETRAIN.FAILED': () => ({ reason: 'no memory' }),
  },
  placement: {
    'TASK.DECLARED': () => ({ spec: { name: 'a' } }),
    'EPOCH.REQUESTED': (rng) => ({
      expectedEpoch: small(rng),
      by: rng.below(2) === 0 ? 'arbiter/x' : mover(rng),
      takeId: `take.${small(rng)}`,
      target: incarnation(rng),
    }),
    'INSTANCE.RAN': (rng) => ({ epoch: small(rng), owner: incarnation(rng), nonce: 'n' }),
    'INSTANCE.ENDED': (rng) => ({ epoch: small(rng), reason: 'trap', byItself: rng.below(2) === 0 }),
    'TASK.SHED': (rng) => ({ epoch: small(rng), reason: 'no room' }),
    'INPUTS.TRIMMABLE': (rng) => ({ epoch: small(rng), cursor: { sequence: small(rng), data: 0, tick: 0 } }),
    'TASK.REMOVED': () => ({}),
    'INSTANCE.STOPPED': (rng) => ({ epoch: small(rng) }),
    'MOVE.BEGUN': move,
    'MOVE.ABORTED': move,
  },
  supervisor: {
    'SUPERVISOR.STARTED': () => ({}),
    'BRIDGE.SPAWNED': () => ({ pid: 7 }),
    'BRIDGE.EXITED': (rng) => ({ reason: 'signal', clean: rng.below(12) === 0 }),
    'SUPERVISOR.LEFT': () => ({}),
  },
  task: {
    'DEPLOY.COMMANDED': (rng) => ({
      epoch: small(rng),
      effectId: 'e',
      incarnation: small(rng),
      nonce: 'n',
      programId: 1,
      spec: { name: 'a' },
      checkpoint: undefined,
    }),
    'INSTANCE.STARTED': (rng) => ({ epoch: small(rng) }),
    'INSTANCE.ENDED': (rng) => ({
      epoch: small(rng),
      code: rng.below(2) === 0 ? 'ERR_FENCED' : 'ERR_COMMAND_DIED',
      sentence: 'so it was',
    }),
    'INSTANCE.CAUGHT_UP': (rng) => ({ epoch: small(rng) }),
    'STOP.COMMANDED': (rng) => ({ epoch: small(rng) }),
    'PAUSE.COMMANDED': (rng) => ({ epoch: small(rng) }),
    'RESUME.COMMANDED': (rng) => ({ epoch: small(rng) }),
    'BRIDGE.STARTED': (rng) => ({ incarnation: small(rng) }),
  },
};

/** Draws events for a chart: its own, and now and then a timer of those given. */
export function eventDrawer(kind: string, seed: number): (timers: readonly string[]) => ActorEvent {
  const draws = Object.entries(CHART_EVENTS[kind] ?? {});
  const rng = createRng(seed, kind);
  let count = 0;
  return (timers) => {
    const id = `e${++count}`;
    const timer = timers[rng.below(3 * Math.max(1, timers.length))];
    if (timer !== undefined) return { type: timer, id };
    const [type, draw] = draws[rng.below(draws.length)] as [string, Draw];
    return { type, id, ...draw(rng) };
  };
}
