/** The main stories of each chart: told to it for the golden transcripts, and the deepest places that random walks miss. */
export type Told = Record<string, unknown> & { readonly type: string };

const SUSPEND = { name: 'suspend', watts: 0.5, wakeUs: 800_000, wakeJoules: 6 };
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

const move = { task: 'a', epoch: 1, attempt: 0, source: e1, opcode: 'operator', reason: 'asked' };
const costed = (mode: string) => ({ type: 'MIGRATION.COSTED', estimate: { chosen: { ...e2, mode } } });
const toTheSwitch = (mode: 'live' | 'stop-and-copy') => [
  { type: 'MIGRATION.PROPOSED', cause: move },
  costed(mode),
  { type: 'TARGET.ADMITTED' },
  { type: 'PLACEMENT.CLAIMED' },
  ...(mode === 'live'
    ? [
        { type: 'STATE.COPIED', round: { sequence: 1, bytes: 1_000_000, tookUs: 9_000 } },
        { type: 'STATE.COPIED', round: { sequence: 2, bytes: 8_192, tookUs: 900 } },
      ]
    : []),
  { type: 'STATE.HANDED_OVER', reference: { task: 'a', epoch: 1, sequence: 3 }, pauseUs: 900, copyUs: 1_200 },
];

const followed = toTheSwitch('live')
  .slice(-1)
  .map((told) => ({ ...told, following: true }));

const together = { members: [{ task: 'a', epoch: 1, attempt: 0, source: e1 }], target: e2.mac, reason: 'asked' };
const begun = { output: 0, sequence: 0, datum: 0, datumSequence: 0 };
const withChain = { ...move, target: e2.mac, chain: 'chain/a.1.0' };

const PROPOSED = { id: 'm1.1', task: 'a', epoch: 3 };
const SCORED = {
  proposal: 'm1.1',
  wasDone: true,
  came: true,
  leadUs: 12_000_000,
  regretNothing: -4,
  regretOracle: 0.5,
  paid: true,
};

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
  predictor: {
    'foresees, publishes, is judged': [
      { type: 'REVIEWED', state: 'forecasting', blind: [] },
      { type: 'PROPOSED', proposal: PROPOSED },
      { type: 'PROPOSAL.PUBLISHED', proposal: PROPOSED },
      { type: 'PROPOSAL.SCORED', score: SCORED },
      // The same word again, after a restart: it was counted once.
      { type: 'PROPOSAL.SCORED', score: SCORED },
    ],
    'the data stops: what comes then is made of what is no longer seen': [
      { type: 'PROPOSED', proposal: PROPOSED },
      { type: 'REVIEWED', state: 'forecasting', blind: [] },
      { type: 'PROPOSED', proposal: PROPOSED },
      { type: 'PROPOSAL.PUBLISHED', proposal: PROPOSED },
      { type: 'REVIEWED', state: 'degraded', blind: ['02aa00000001'] },
      { type: 'PROPOSED', proposal: { ...PROPOSED, id: 'm1.2' } },
      { type: 'PROPOSAL.SCORED', score: SCORED },
      { type: 'REVIEWED', state: 'forecasting', blind: [] },
    ],
  },
  power: {
    'sleeps, and is woken': [
      { type: 'POWER.MANAGED' },
      { type: 'EMPTY.ASKED', incarnation: 1, sleep: SUSPEND, reason: 'nobody needs it' },
      { type: 'ECU.EMPTIED' },
      { type: 'ECU.SLEPT' },
      { type: 'WAKE.ASKED', reason: 'a waits for a place' },
      { type: 'ECU.WOKE' },
    ],
    'does not sleep: it has a task, or cannot be emptied': [
      { type: 'EMPTY.ASKED', incarnation: 1, sleep: SUSPEND, reason: 'nobody needs it' },
      { type: 'ECU.EMPTIED' },
      { type: 'SLEEP.REFUSED', reason: 'it has a' },
      { type: 'EMPTY.ASKED', incarnation: 1, sleep: SUSPEND, reason: 'nobody needs it' },
      { type: 'WAKE.ASKED', reason: 'a cannot leave' },
    ],
    'dies in its sleep': [
      { type: 'EMPTY.ASKED', incarnation: 1, sleep: SUSPEND, reason: 'nobody needs it' },
      { type: 'ECU.EMPTIED' },
      { type: 'ECU.SLEPT' },
      { type: 'ECU.GONE', reason: 'it died in its sleep' },
      { type: 'ECU.GONE', reason: 'no bridge answers there' },
    ],
    'nobody is sure that it sleeps: it is woken': [
      { type: 'EMPTY.ASKED', incarnation: 1, sleep: SUSPEND, reason: 'nobody needs it' },
      { type: 'ECU.EMPTIED' },
      { type: 'xstate.after.5000.power.falling' },
      { type: 'xstate.after.waking.power.waking' },
    ],
  },
  drain: {
    'emptied, and back': [{ type: 'DRAIN.ASKED', reason: 'repair' }, { type: 'DRAIN.UNDONE' }, { type: 'BRIDGE.TOLD' }],
  },
  migration: {
    'goes, without a gap': [
      ...toTheSwitch('live').slice(0, -1),
      { type: 'FOLLOWING.REFUSED', reason: 'it did not keep up' },
      ...toTheSwitch('live').slice(-1),
      { type: 'SWITCH.COMMITTED', epoch: 2 },
      { type: 'INSTANCE.RAN', epoch: 2, nonce: 'n2', owner: e2 },
      { type: 'PLACEMENT.CONFIRMED', epoch: 2 },
      { type: 'TARGET.DURABLE', reason: 'checkpoint 2.1 is durable' },
      { type: 'SOURCE.STOPPED' },
    ],
    'goes while its source runs on, which the target has kept up with': [
      ...toTheSwitch('live').slice(0, -1),
      ...followed,
      { type: 'SWITCH.COMMITTED', epoch: 2 },
      { type: 'INSTANCE.RAN', epoch: 2, nonce: 'n2', owner: e2 },
      { type: 'PLACEMENT.CONFIRMED', epoch: 2 },
      { type: 'TARGET.DURABLE', reason: 'checkpoint 2.1 is durable' },
      { type: 'SOURCE.STOPPED' },
    ],
    'the placement hears last of all that the target runs it': [
      ...toTheSwitch('live'),
      { type: 'SWITCH.COMMITTED', epoch: 2 },
      { type: 'INSTANCE.RAN', epoch: 2, nonce: 'n2', owner: e2 },
      { type: 'TARGET.DURABLE', reason: 'checkpoint 2.1 is durable' },
      { type: 'SOURCE.STOPPED' },
      { type: 'PLACEMENT.CONFIRMED', epoch: 2 },
    ],
    'the first target refuses, the second is of an older build: from the newest checkpoint': [
      { type: 'MIGRATION.PROPOSED', cause: move },
      costed('live'),
      { type: 'TARGET.REFUSED', reason: 'full', unable: false },
      costed('live'),
      { type: 'TARGET.REFUSED', reason: 'unknown', unable: true },
      { type: 'PLACEMENT.CLAIMED' },
      { type: 'STATE.HANDED_OVER', reference: { task: 'a', epoch: 1, sequence: 3 }, pauseUs: 0, copyUs: 0 },
    ],
    'it is kept up with, and waits for its chain; its commit is slow': [
      { type: 'MIGRATION.PROPOSED', cause: withChain },
      ...toTheSwitch('live').slice(1, -1),
      { type: 'CHAIN.WENT_ON' },
      ...followed,
      { type: 'CHAIN.WENT_ON' },
      { type: 'xstate.after.2000.migration.switching.committing' },
    ],
    'no target keeps up with it: it stands still when all the others of its chain are kept up with': [
      { type: 'MIGRATION.PROPOSED', cause: withChain },
      ...toTheSwitch('live').slice(1, -1),
      { type: 'CHAIN.WENT_ON' },
      { type: 'FOLLOWING.REFUSED', reason: 'it did not keep up' },
      { type: 'CHAIN.WENT_ON' },
      ...toTheSwitch('live').slice(-1),
      { type: 'CHAIN.WENT_ON' },
      { type: 'SWITCH.COMMITTED', epoch: 2 },
    ],
    'no target keeps up with it, and its chain stays': [
      { type: 'MIGRATION.PROPOSED', cause: withChain },
      ...toTheSwitch('live').slice(1, -1),
      { type: 'CHAIN.WENT_ON' },
      { type: 'FOLLOWING.REFUSED', reason: 'it did not keep up' },
      { type: 'CHAIN.GAVE_UP', reason: 'b has no room' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'no target keeps up with it, and it is not to stand still': [
      { type: 'MIGRATION.PROPOSED', cause: move },
      { type: 'MIGRATION.COSTED', estimate: { chosen: { ...e2, mode: 'live', mustFollow: true } } },
      ...toTheSwitch('live').slice(2, -1),
      { type: 'FOLLOWING.REFUSED', reason: 'it did not keep up' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'the target is gone before it keeps up': [
      ...toTheSwitch('live').slice(0, -1),
      { type: 'HANDOVER.FAILED', reason: 'no bridge answers', unable: false },
      { type: 'SWITCH.ABORTED' },
    ],
    'the target does not say whether it keeps up': [
      ...toTheSwitch('live').slice(0, -1),
      { type: 'xstate.after.2000.migration.switching.following' },
    ],
    'its chain stays: before it stands still': [
      { type: 'MIGRATION.PROPOSED', cause: withChain },
      ...toTheSwitch('stop-and-copy').slice(1, -1),
      { type: 'CHAIN.GAVE_UP', reason: 'b has no room' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'its chain stays: when it stands still': [
      { type: 'MIGRATION.PROPOSED', cause: withChain },
      ...toTheSwitch('stop-and-copy').slice(1, -1),
      { type: 'CHAIN.WENT_ON' },
      { type: 'CHAIN.WENT_ON' },
      ...toTheSwitch('stop-and-copy').slice(-1),
      { type: 'CHAIN.GAVE_UP', reason: 'b has no room' },
      { type: 'SWITCH.ABORTED' },
    ],
    'the target that was named does not answer': [
      { type: 'MIGRATION.PROPOSED', cause: { ...move, target: e2.mac } },
      costed('live'),
      { type: 'xstate.after.3000.migration.costed' },
    ],
    'a target that was not named does not answer': [
      { type: 'MIGRATION.PROPOSED', cause: move },
      costed('live'),
      { type: 'xstate.after.3000.migration.costed' },
      { type: 'MIGRATION.COSTED', estimate: { reason: 'no room' } },
    ],
    'the source does not stand still in time, and goes on once the abort is on record': [
      ...toTheSwitch('stop-and-copy').slice(0, -1),
      { type: 'xstate.after.2000.migration.switching.pausing' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'the source cannot name its state: from the newest checkpoint': [
      ...toTheSwitch('stop-and-copy').slice(0, -1),
      { type: 'HANDOVER.FAILED', reason: 'unable', unable: true },
      { type: 'STATE.HANDED_OVER', reference: { task: 'a', epoch: 1, sequence: 2 }, pauseUs: 0, copyUs: 0 },
    ],
    'the copy does not come to an end': [
      ...toTheSwitch('live').slice(0, 4),
      { type: 'xstate.after.30000.migration.duplicating' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'the source cannot be copied': [
      ...toTheSwitch('live').slice(0, 4),
      { type: 'COPY.FAILED', reason: 'no bridge answers' },
      { type: 'SWITCH.ABORTED' },
      { type: 'SOURCE.RESUMED' },
    ],
    'the placement does not answer': [
      ...toTheSwitch('stop-and-copy').slice(0, -2),
      { type: 'xstate.after.2000.migration.admitted' },
      { type: 'SWITCH.LOST', epoch: 2, by: 'arbiter/failure.x.1' },
      { type: 'SOURCE.STOPPED' },
    ],
    'the target has no room after all': [
      ...toTheSwitch('stop-and-copy'),
      { type: 'SWITCH.COMMITTED', epoch: 2 },
      { type: 'DEPLOY.REFUSED', epoch: 2, reason: 'full' },
      { type: 'RESTORE.RAISED' },
    ],
    'a commit that seemed lost had come first; then the target says nothing': [
      ...toTheSwitch('stop-and-copy'),
      { type: 'xstate.after.2000.migration.switching.committing' },
      { type: 'SWITCH.COMMITTED', epoch: 2 },
      { type: 'xstate.after.5000.migration.switching.starting' },
      { type: 'RESTORE.RAISED' },
      { type: 'xstate.after.8000.migration.decommissioning.keeping' },
      { type: 'SOURCE.STOPPED' },
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
    'a migration is let in, aborted, and comes too late; the next one commits': [
      { type: 'TASK.DECLARED', spec: { name: 'a' } },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 0, by: 'arbiter/one', takeId: 't1', target: e1 },
      { type: 'INSTANCE.RAN', epoch: 1, owner: e1, nonce: 'n1' },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 1, by: 'migration/a.1.0', takeId: 't2', target: e2 },
      { type: 'MOVE.BEGUN', epoch: 1, by: 'migration/a.1.0', attempt: 0 },
      { type: 'MOVE.ABORTED', epoch: 1, by: 'migration/a.1.0', attempt: 0 },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 1, by: 'migration/a.1.0', takeId: 't2', target: e2 },
      { type: 'MOVE.BEGUN', epoch: 1, by: 'migration/a.1.0', attempt: 0 },
      { type: 'MOVE.BEGUN', epoch: 1, by: 'migration/a.1.1', attempt: 1 },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 1, by: 'migration/a.1.1', takeId: 't3', target: e2 },
      { type: 'INSTANCE.RAN', epoch: 2, owner: e2, nonce: 'n2' },
    ],
    'fails by itself': [
      { type: 'TASK.DECLARED', spec: { name: 'a' } },
      { type: 'EPOCH.REQUESTED', expectedEpoch: 0, by: 'arbiter/one', takeId: 't1', target: e1 },
      { type: 'INSTANCE.RAN', epoch: 1, owner: e1, nonce: 'n1' },
      { type: 'INSTANCE.ENDED', epoch: 1, reason: 'trap', byItself: true },
    ],
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
  route: {
    'begins, goes on, is not wanted any more, and is again': [
      { type: 'ROUTE.WANTED', source: 'sensor' },
      { type: 'ROUTE.WANTED', source: 'sensor' },
      { type: 'ROUTE.BEGUN', begun },
      { type: 'ROUTE.UNWANTED', reason: 'task x is removed' },
      { type: 'ROUTE.WANTED', source: 'camera' },
      { type: 'ROUTE.WANTED', source: 'sensor' },
    ],
    'an output is gone: before the first it begins later, after that it is broken': [
      { type: 'ROUTE.WANTED', source: 'sensor' },
      { type: 'ROUTE.BEGUN', begun },
      { type: 'OUTPUT.MISSING', fresh: true, reason: 'outputs 1 to 3 are gone' },
      { type: 'ROUTE.BEGUN', begun: { ...begun, output: 3 } },
      { type: 'OUTPUT.MISSING', fresh: false, reason: 'outputs 5 to 6 are gone' },
      { type: 'ROUTE.WANTED', source: 'camera' },
    ],
    'somebody else wrote, and nobody can tell where it was': [
      { type: 'ROUTE.WANTED', source: 'sensor' },
      { type: 'ROUTE.BEGUN', begun },
      { type: 'ROUTE.BLOCKED', reason: 'lost' },
      { type: 'ROUTE.UNWANTED', reason: 'task x is removed' },
    ],
  },
  chain: {
    'goes as one': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'MEMBERS.READY' },
      { type: 'MEMBERS.OVER' },
    ],
    'goes as one, and some of its tasks have to stand still': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'MEMBERS.FOLLOWED' },
      { type: 'MEMBERS.READY' },
      { type: 'MEMBERS.OVER' },
    ],
    'keeping up takes too long': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'xstate.after.3000.chain.following' },
    ],
    'one of its tasks does not stand still: none goes': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'MEMBERS.FOLLOWED' },
      { type: 'MEMBER.FAILED', task: 'b', reason: 'the other side did not answer in time' },
      { type: 'MEMBERS.OVER' },
    ],
    'one of its tasks cannot go: none goes': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'MEMBER.FAILED', task: 'b', reason: 'no bridge answers' },
      { type: 'MEMBERS.OVER' },
    ],
    'copying takes too long': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'xstate.after.60000.chain.gathering' },
      { type: 'MEMBERS.OVER' },
    ],
    'standing still takes too long': [
      { type: 'CHAIN.PROPOSED', cause: together },
      { type: 'MEMBERS.COPIED' },
      { type: 'MEMBERS.FOLLOWED' },
      { type: 'xstate.after.3000.chain.pausing' },
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
