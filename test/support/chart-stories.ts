/** The main stories of each chart: told to it for the golden transcripts, and the deepest places that random walks miss. */
export type Told = Record<string, unknown> & { readonly type: string };

const e1 = { mac: '02aa00000001', incarnation: 1 };
const e2 = { mac: '02aa00000002', incarnation: 1 };
const failure = { kind: 'failure', owner: e1, preferSameMachine: false, reason: 'silent' };
const assign = (task: string, target: object) => ({ task, expectedEpoch: 1, target, checkpoint: undefined });
const ranIn = (task: string, owner: object) => ({ type: 'INSTANCE.RAN', task, epoch: 2, owner, nonce: 'n1' });
const deploy = {
  type: 'DEPLOY.COMMANDED',
  epoch: 1,
  effectId: 'x',
  incarnation: 1,
  nonce: 'n1',
  programId: 1,
  spec: { name: 'a' },
};
const checkpoint = (sequence: number) => ({ epoch: 1, sequence, source: e1, programId: 1 });

export const CHART_STORIES: Readonly<Record<string, Readonly<Record<string, readonly Told[]>>>> = {
  arbiter: {
    'restores two tasks': [
      { type: 'RESTORE.NEEDED', cause: failure },
      { type: 'PLAN.MADE', plan: { assignments: [assign('a', e2), assign('b', e2)], unplaced: [], skipped: [], evidence: [] } },
      { type: 'EPOCH.GRANTED', task: 'a', epoch: 2 },
      { type: 'EPOCH.REFUSED', task: 'b', epoch: 2, by: 'migration/7' },
      ranIn('a', e2),
      { type: 'PLACEMENT.CONFIRMED', task: 'a', epoch: 2 },
      { type: 'INSTANCE.CAUGHT_UP', task: 'a', epoch: 2 },
    ],
    'a replay that nobody sees end': [
      { type: 'RESTORE.NEEDED', cause: failure },
      { type: 'PLAN.MADE', plan: { assignments: [assign('a', e2)], unplaced: [], skipped: [], evidence: [] } },
      { type: 'EPOCH.GRANTED', task: 'a', epoch: 2 },
      ranIn('a', e2),
      { type: 'xstate.after.60000.arbiter.claimed.replaying' },
      { type: 'PLACEMENT.CONFIRMED', task: 'a', epoch: 2 },
    ],
    'a target does not answer, then none is left': [
      { type: 'RESTORE.NEEDED', cause: failure },
      { type: 'PLAN.MADE', plan: { assignments: [assign('a', e2)], unplaced: [], skipped: [], evidence: [] } },
      { type: 'EPOCH.GRANTED', task: 'a', epoch: 2 },
      { type: 'xstate.after.10000.arbiter.claimed.deploying' },
      {
        type: 'PLAN.MADE',
        plan: {
          assignments: [],
          unplaced: [{ task: 'a', expectedEpoch: 2, reason: 'no room', evict: [] }],
          skipped: [],
          evidence: [],
        },
      },
      { type: 'SHED.RECORDED', task: 'a' },
      { type: 'CAPACITY.RETURNED' },
    ],
    'a task is shed while another replays, and planned again before that has ended': [
      { type: 'RESTORE.NEEDED', cause: failure },
      {
        type: 'PLAN.MADE',
        plan: {
          assignments: [assign('a', e2)],
          unplaced: [{ task: 'b', expectedEpoch: 1, reason: 'no room', evict: [] }],
          skipped: [],
          evidence: [],
        },
      },
      { type: 'SHED.RECORDED', task: 'b' },
      { type: 'EPOCH.GRANTED', task: 'a', epoch: 2 },
      ranIn('a', e2),
      { type: 'xstate.after.1000.arbiter.claimed.replaying' },
      { type: 'PLAN.MADE', plan: { assignments: [assign('b', e2)], unplaced: [], skipped: [], evidence: [] } },
    ],
    'a task that runs is moved: fenced, stopped, restored': [
      { type: 'RESTORE.NEEDED', cause: { kind: 'request', task: 'a', epoch: 1, reason: 'load-balance: hot', move: {} } },
      {
        type: 'PLAN.MADE',
        plan: { assignments: [{ ...assign('a', e2), present: e1 }], unplaced: [], skipped: [], evidence: [] },
      },
      { type: 'EPOCH.GRANTED', task: 'a', epoch: 2 },
      { type: 'INSTANCE.STOPPED', task: 'a', epoch: 2 },
      ranIn('a', e2),
      { type: 'PLACEMENT.CONFIRMED', task: 'a', epoch: 2 },
      { type: 'INSTANCE.CAUGHT_UP', task: 'a', epoch: 2 },
    ],
    'a task of lower criticality makes room': [
      { type: 'RESTORE.NEEDED', cause: failure },
      {
        type: 'PLAN.MADE',
        plan: {
          assignments: [],
          unplaced: [{ task: 'a', expectedEpoch: 1, reason: 'no room', evict: [{ task: 'low', epoch: 4, owner: e2 }] }],
          skipped: [],
          evidence: [],
        },
      },
      { type: 'TASK.EVICTED', task: 'low' },
      { type: 'PLAN.MADE', plan: { assignments: [assign('a', e2)], unplaced: [], skipped: [], evidence: [] } },
    ],
  },
  bridge: {
    'serves, is cut off, leaves': [
      { type: 'BRIDGE.STARTED', incarnation: 1 },
      { type: 'CONNECTION.LOST' },
      { type: 'CONNECTION.RESTORED' },
      { type: 'BRIDGE.LEFT', reason: 'asked' },
    ],
  },
  checkpoint: {
    'pulls, is superseded, stores': [
      { type: 'CHECKPOINT.ANNOUNCED', checkpoint: checkpoint(1) },
      { type: 'CHECKPOINT.ANNOUNCED', checkpoint: checkpoint(2) },
      { type: 'CHECKPOINT.ANNOUNCED', checkpoint: checkpoint(1) },
      { type: 'CHECKPOINT.PULLED', checkpoint: checkpoint(2) },
      { type: 'CHECKPOINT.DURABLE', checkpoint: checkpoint(2) },
    ],
    'damaged pages': [
      { type: 'CHECKPOINT.ANNOUNCED', checkpoint: checkpoint(1) },
      { type: 'PULL.FAILED', checkpoint: checkpoint(1), reason: 'a page has another digest', damaged: true },
    ],
  },
  ecu: {
    'suspected, and alive after all': [
      { type: 'ECU.APPEARED', incarnation: 1, graceMs: 300 },
      { type: 'ECU.SUSPECTED', incarnation: 1, reason: 'disconnected' },
      { type: 'ECU.SHOWED_LIFE', incarnation: 1 },
    ],
    'fails, and every incarnation that is gone is reported': [
      { type: 'ECU.APPEARED', incarnation: 1, graceMs: 300 },
      { type: 'ECU.SUSPECTED', incarnation: 1, reason: 'disconnected' },
      { type: 'xstate.after.grace.ecu.suspect' },
      { type: 'ECU.APPEARED', incarnation: 2, graceMs: 300 },
      { type: 'ECU.APPEARED', incarnation: 3, graceMs: 300 },
      { type: 'ECU.SUSPECTED', incarnation: 3, reason: 'disconnected' },
      { type: 'DEATH.CONFIRMED', incarnation: 3, reason: 'no process' },
    ],
    'the bridge dies, its machine does not': [
      { type: 'ECU.APPEARED', incarnation: 1, graceMs: 300 },
      { type: 'ECU.SUSPECTED', incarnation: 1, reason: 'disconnected' },
      { type: 'BRIDGE.DIED', incarnation: 1, reason: 'signal 9' },
      { type: 'ECU.APPEARED', incarnation: 2, graceMs: 300 },
      { type: 'FAILURE.RAISED', incarnation: 1 },
    ],
  },
  manager: {
    'blind for its connection, blind for the broker': [
      { type: 'MANAGER.STARTED', incarnation: 1 },
      { type: 'CONNECTION.LOST' },
      { type: 'CONNECTION.RESTORED' },
      { type: 'BROKER.SUSPECTED', reason: 'everyone at once' },
      { type: 'BROKER.TRUSTED' },
      { type: 'MANAGER.LEFT', reason: 'asked' },
    ],
  },
  placement: {
    'declared, owned, lost, taken once, removed': [
      { type: 'TASK.DECLARED', spec: { name: 'a' } },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 0, by: 'arbiter/one', takeId: 't1', target: e1 },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 0, by: 'arbiter/two', takeId: 't2', target: e2 },
      { type: 'INSTANCE.RAN', epoch: 1, owner: e1, nonce: 'n1' },
      { type: 'INPUTS.TRIMMABLE', epoch: 1, cursor: { sequence: 9, data: 9, tick: 0 } },
      { type: 'INSTANCE.ENDED', epoch: 1, reason: 'trap' },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 1, by: 'arbiter/two', takeId: 't3', target: e2 },
      { type: 'INSTANCE.RAN', epoch: 1, owner: e1, nonce: 'n1' },
      { type: 'TASK.REMOVED' },
      { type: 'INSTANCE.STOPPED', epoch: 3 },
    ],
  },
  supervisor: {
    'starts again, waits longer, gives up': [
      { type: 'SUPERVISOR.STARTED' },
      { type: 'BRIDGE.SPAWNED', pid: 1 },
      ...Array.from({ length: 10 }, () => [
        { type: 'BRIDGE.EXITED', reason: 'signal 9', clean: false },
        { type: 'xstate.after.wait.supervisor.waiting' },
      ]).flat(),
    ],
  },
  task: {
    'runs, dies with its bridge, is deployed anew': [
      deploy,
      { type: 'INSTANCE.STARTED', epoch: 1 },
      { type: 'INSTANCE.CAUGHT_UP', epoch: 1 },
      { type: 'PAUSE.COMMANDED', epoch: 1 },
      { type: 'RESUME.COMMANDED', epoch: 1 },
      deploy,
      { type: 'BRIDGE.STARTED', incarnation: 2 },
      { ...deploy, epoch: 2, incarnation: 2 },
      { type: 'INSTANCE.ENDED', epoch: 2, code: 'ERR_FENCED', sentence: 'another instance writes' },
      { type: 'STOP.COMMANDED', epoch: 3 },
    ],
  },
};
