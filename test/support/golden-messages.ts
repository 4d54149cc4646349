/** One message of every kind, with every field used and with as few as possible: the source of the golden vectors. */

import type { OutcomeReport } from '../../src/domain/learn/fleet/outcome.ts';
import { METRIC_COUNT } from '../../src/domain/metrics/kinds.ts';
import type { EcuSample } from '../../src/domain/metrics/sample.ts';
import type { CheckpointManifest, CheckpointReference } from '../../src/domain/model/checkpoint.ts';
import type { EcuDescription } from '../../src/domain/model/ecu.ts';
import type { DecisionEvidence } from '../../src/domain/model/evidence.ts';
import type { JobJournal } from '../../src/domain/model/job.ts';
import type { ActorRecord } from '../../src/domain/model/record.ts';
import { NO_AFFINITY, type TaskSpec } from '../../src/domain/model/task.ts';
import type { ProposalNotice } from '../../src/domain/proposal/proposal-notice.ts';
import type {
  Answer,
  CheckpointNotice,
  Command,
  FleetView,
  ManagerAnswer,
  ManagerCall,
  PageAnswer,
} from '../../src/domain/protocol/messages.ts';

const MAC = '02aa00000001';
const TASK = 'kalman-front';
const DIGEST = '00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210';
const NONCE = '0123456789abcdef0123456789abcdef';
const header = { task: TASK, epoch: 7, effectId: `placement/${TASK}#7/0`, actor: `placement/${TASK}`, actorRevision: 7 };
const input = { sequence: 5_000_000_000, dataNumber: 12, tickNumber: 340 };

const FULL_SPEC: TaskSpec = {
  name: TASK,
  runtime: 'wasm',
  artefact: DIGEST,
  artefactBytes: 20_480,
  periodUs: 10_000,
  wcetUs: 800,
  deadlineUs: 9_000,
  priority: -3,
  criticality: 4,
  hardDeadline: true,
  memoryBytesMax: 1_048_576,
  capabilities: ['can0', 'fpu'],
  affinity: {
    requiredEcus: [MAC],
    preferredEcus: ['02aa00000002'],
    requiredLabels: { zone: 'front' },
    preferredLabels: { rack: 'ß' },
    resourceKind: 'gpu',
    together: ['gateway'],
    apart: ['grid'],
  },
  reservation: { cpuPpm: 250_000, memoryBytes: 65_536 },
  checkpoint: { intervalUs: 100_000, chainMax: 8, quorum: 2, standbys: 1 },
  inputs: { backlogMax: 1000, catchUpTicks: true },
  fuelPerJob: 10_000_000,
};
const LEAN_SPEC: TaskSpec = {
  ...FULL_SPEC,
  runtime: 'container',
  periodUs: 0,
  priority: 0,
  criticality: 0,
  hardDeadline: false,
  capabilities: [],
  affinity: NO_AFFINITY,
  reservation: undefined,
};
const REFERENCE: CheckpointReference = {
  task: TASK,
  epoch: 6,
  sequence: 41,
  input,
  outputNumber: 352,
  stateDigest: DIGEST,
  holders: ['m1', 'm2'],
};
const INCREMENT: CheckpointManifest = {
  task: TASK,
  epoch: 6,
  sequence: 42,
  mac: MAC,
  incarnation: 3,
  programId: 5,
  nonce: NONCE,
  baseSequence: 41,
  pageCount: 16,
  pageIndexes: Uint32Array.of(0, 7),
  pageDigests: Uint8Array.from({ length: 64 }, (_, i) => i),
  globals: Uint8Array.of(1, 2, 3),
  stateDigest: DIGEST,
  input,
  outputNumber: 353,
  artefact: DIGEST,
};
const FULL: CheckpointManifest = { ...INCREMENT, baseSequence: undefined, pageCount: 2, pageIndexes: Uint32Array.of(0, 1) };
const key = { task: TASK, mac: MAC, programId: 5, epoch: 6, sequence: 42 };
const REFUSED = { kind: 'refused', code: 'ERR_STORE_MISSING', sentence: 'nobody has page 7' } as const;
const ECU: EcuDescription = {
  mac: MAC,
  incarnation: 3,
  name: 'front left',
  ecuClass: 'x86-2core',
  resourceKind: 'cpu',
  cores: 2,
  memoryBytes: 4_294_967_296,
  capabilities: ['can0'],
  labels: { zone: 'front' },
  runtimes: ['wasm', 'worker', 'process', 'container'],
  bridge: { bootId: 'b00t', pid: 4711, startTicks: 123_456 },
  supervisor: { bootId: 'b00t', pid: 4710, startTicks: 123_450 },
  heartbeatIntervalUs: 100_000,
  version: '0.1.0',
};
const SCHEDULED_ECU: EcuDescription = {
  ...ECU,
  scheduling: {
    scheduler: 'edf',
    nonPreemptive: true,
    global: true,
    sliceUs: 500,
    checkpointCostUs: 40,
    contextSwitchUs: 2,
    blackoutUs: 3_000,
    blackoutEveryUs: 60_000_000,
  },
};
const FLEET: FleetView = {
  manager: 'm1',
  ecus: [{ mac: MAC, name: 'front left', incarnation: 3, state: 'alive', description: ECU, tasks: [TASK] }],
  tasks: [
    {
      task: TASK,
      state: 'owned',
      epoch: 7,
      owner: MAC,
      reason: undefined,
      checkpoint: { epoch: 6, sequence: 41, holders: ['m1'] },
      durability: 'degraded',
    },
  ],
  managers: [{ id: 'm1', alive: true }],
  counters: { 'wire.malformed': 1 },
};
const report = { kind: 'instance-report', task: TASK, epoch: 7, mac: MAC, incarnation: 3, nonce: NONCE } as const;

const COMMANDS: readonly Command[] = [
  { kind: 'deploy', ...header, spec: FULL_SPEC, incarnation: 3, checkpoint: REFERENCE },
  { kind: 'deploy', ...header, spec: LEAN_SPEC, incarnation: 3, checkpoint: undefined },
  { kind: 'pause', ...header },
  { kind: 'resume', ...header },
  { kind: 'stop', ...header, reason: 'removed' },
  { kind: 'checkpoint', ...header, mode: 'delta' },
  { kind: 'query-load' },
  { kind: 'deploy', ...header, spec: LEAN_SPEC, incarnation: 3, checkpoint: REFERENCE, trimmed: input },
];
const accepted = {
  task: TASK,
  epoch: 7,
  periodUs: 10_000,
  wcetUs: 800,
  deadlineUs: 9_000,
  priority: -3,
  memoryBytesMax: 1_048_576,
};
const ANSWERS: readonly Answer[] = [
  { kind: 'running', task: TASK, epoch: 7, incarnation: 3, nonce: NONCE, programId: 5 },
  { kind: 'stopped', task: TASK, epoch: 7 },
  { kind: 'paused', task: TASK, epoch: 7 },
  { kind: 'resumed', task: TASK, epoch: 7 },
  { kind: 'checkpointed', task: TASK, epoch: 7, sequence: 1 },
  {
    kind: 'load',
    load: {
      mac: MAC,
      incarnation: 3,
      draining: true,
      tasks: [accepted, { ...accepted, hardDeadline: false, cpuPpm: 250_000 }],
    },
  },
  { kind: 'refused', task: TASK, epoch: 7, code: 'ERR_ADMIT_SCHEDULE', sentence: 'gateway would miss its deadline by 120 µs' },
  {
    kind: 'load',
    load: { mac: MAC, incarnation: 3, draining: false, tasks: [{ ...accepted, hardDeadline: false, cpuPpm: 250_000 }] },
  },
  {
    kind: 'load',
    load: { mac: MAC, incarnation: 3, draining: false, tasks: [], counters: { 'command.refused.ERR_COMMAND_EPOCH': 2 } },
  },
];
const NOTICES: readonly CheckpointNotice[] = [
  { kind: 'announced', manifest: FULL, standbys: [] },
  { kind: 'announced', manifest: INCREMENT, standbys: [MAC] },
  { kind: 'stored', manager: 'm2', ...key, reference: REFERENCE },
  { kind: 'freed', ...key },
];
const PAGE_ANSWERS: readonly PageAnswer[] = [
  { kind: 'pages', pages: new Uint8Array(4096).fill(0xa5) },
  { kind: 'superseded', epoch: 6, sequence: 43 },
  REFUSED,
];
const CALLS: readonly ManagerCall[] = [
  { kind: 'declare-task', spec: FULL_SPEC },
  { kind: 'remove-task', task: TASK },
  { ...report, what: 'caught-up', code: undefined, sentence: '' },
  { ...report, what: 'ended', code: 'ERR_FENCED', sentence: 'epoch 8 owns the outputs' },
  { kind: 'query-fleet' },
  { kind: 'request-restore', opcode: 'load-balance', mac: MAC, programId: 4, target: undefined, reason: 'it is hot' },
  { kind: 'query-checkpoints', tasks: [TASK] },
];
const MANAGER_ANSWERS: readonly ManagerAnswer[] = [
  { kind: 'accepted' },
  REFUSED,
  { kind: 'fleet', fleet: FLEET },
  { kind: 'checkpoints', references: [REFERENCE] },
];
const MEASURED_ECU: EcuDescription = { ...SCHEDULED_ECU, metrics: { everyUs: 100_000, keptEveryUs: 1_000_000 } };
const LIMITED_ECU: EcuDescription = {
  ...SCHEDULED_ECU,
  metrics: { everyUs: 100_000, keptEveryUs: 1_000_000, temperatureLimit: 95.5 },
};
const OPEN_PROPOSAL: ProposalNotice = {
  manager: 'm1',
  id: `m1.3.${TASK}.7.1000000`,
  task: TASK,
  epoch: 7,
  from: MAC,
  cause: 'failure',
  probability: 0.75,
  horizonS: 30,
  loadQuantiles: [0.25, 0.5, 0.625],
  staying: 18,
  benefit: 16.5,
  candidates: [{ mac: '02aa00000002', incarnation: 4, moving: 1.5, benefit: 16.5 }],
  madeAtUs: 1_763_683_200_000_000,
  deadlineUs: 1_763_683_218_000_000,
  temperature: 71.25,
  temperatureLimit: 95.5,
  failsInS: 20.5,
  evidence: [],
  score: undefined,
};
const SCORED_PROPOSAL: ProposalNotice = {
  ...OPEN_PROPOSAL,
  score: {
    ...{ leadUs: 20_250_000, wasDone: true, came: true, wouldHaveCome: 1 },
    ...{ regretNothing: -16.5, regretOracle: 0.5, paid: true },
  },
};
/** Memory that fills, behind a load that rises; afterwards the ECU had calmed down because the task had left. */
const CALMED_PROPOSAL: ProposalNotice = {
  ...OPEN_PROPOSAL,
  cause: 'overload',
  evidence: [
    {
      ...{ cause: 'overload', level: 'memory', deadly: true, probability: 0.75, now: 0.875, limit: 0.9375 },
      ...{ quantiles: [0.9375, 1, 1], inS: 12.5 },
    },
    {
      ...{ cause: 'overload', level: 'load', deadly: false, probability: 0.5, now: 0.75, limit: 0.875 },
      ...{ quantiles: [0.75, 0.875, 1], inS: 30 },
    },
  ],
  score: {
    ...{ leadUs: undefined, wasDone: true, came: false, wouldHaveCome: 0.75 },
    ...{ regretNothing: -12, regretOracle: 0, paid: true },
  },
};
/** A set that was met although the test refuses it, and one that was missed although it does not. */
const OUTCOMES: OutcomeReport = {
  mac: MAC,
  incarnation: 3,
  sequence: 5,
  scheduling: 'npfp',
  windowUs: 10_000_000,
  rows: [
    {
      lane: 0,
      tasks: [
        { wcetUs: 400, periodUs: 5_000, deadlineUs: 1_000, isMeasured: false },
        { wcetUs: 6_000, periodUs: 20_000, deadlineUs: 20_000, isMeasured: false },
      ],
      outcome: 'met',
      exact: 'no',
      windows: 60,
      jobs: 150_000,
      misses: 0,
      observedUs: 600_250_000,
    },
    {
      lane: 1,
      tasks: [{ wcetUs: 908, periodUs: 10_000, deadlineUs: 10_000, isMeasured: true }],
      outcome: 'missed',
      exact: 'yes',
      windows: 1,
      jobs: 998,
      misses: 2,
      observedUs: 10_000_400,
    },
  ],
  learner: { version: 4, learned: 17, rightAsCame: 12, rightLearning: 15, stateBytes: 58_000, updateUsMax: 870 },
};
/** A bridge that has seen nothing yet. */
const NO_OUTCOMES: OutcomeReport = {
  ...OUTCOMES,
  sequence: 1,
  scheduling: 'fp',
  rows: [],
  learner: { version: 0, learned: 0, rightAsCame: 0, rightLearning: 0, stateBytes: 0, updateUsMax: 0 },
};
/** Load, memory, a temperature that is stuck, a power that cannot be, and what one task took. */
const SAMPLE: EcuSample = {
  mac: MAC,
  incarnation: 3,
  sequence: 41,
  atUs: 4_100_000,
  everyUs: 100_000,
  resourceKind: 'gpu',
  values: Float64Array.of(0.375, 0.5, 3_221_225_472, 1_073_741_824, 51.25, ...Array(METRIC_COUNT - 5).fill(Number.NaN)),
  qualities: Uint8Array.of(1, 1, 1, 1, 2, 3, ...Array(METRIC_COUNT - 6).fill(0)),
  tasks: [
    {
      task: TASK,
      epoch: 7,
      jobs: 410,
      executionUs: 32_800,
      executionUsMax: 95,
      responses: 400,
      responseUs: 120_000,
      responseUsMax: 410,
      misses: 1,
      fuel: 1_640_000,
      outputs: 409,
      captures: 4,
      captureUs: 1_900,
      dirtyPages: 3,
      pages: 256,
      inputsBehind: 2,
    },
  ],
};
const BLIND_SAMPLE: EcuSample = {
  ...SAMPLE,
  resourceKind: 'asic',
  values: new Float64Array(METRIC_COUNT).fill(Number.NaN),
  qualities: new Uint8Array(METRIC_COUNT),
  tasks: [],
};
const JOBS: JobJournal = {
  mac: MAC,
  incarnation: 3,
  records: [
    {
      kind: 'started',
      task: TASK,
      epoch: 7,
      jobNumber: 1,
      inputKind: 'tick',
      inputNumber: 341,
      releasedAtUs: 10_000,
      startedAtUs: 10_020,
    },
    {
      kind: 'stopped',
      task: TASK,
      epoch: 7,
      jobNumber: 1,
      stoppedAtUs: 10_700,
      failure: undefined,
      fuelUsed: 4200,
      outputs: 2,
    },
    {
      kind: 'stopped',
      task: 'gateway',
      epoch: 2,
      jobNumber: 9,
      stoppedAtUs: 10_900,
      failure: 'ERR_JOB_FUEL',
      fuelUsed: 10_000_000,
      outputs: 0,
    },
  ],
};
const EVIDENCE: DecisionEvidence = {
  decision: `arbiter/${MAC}.3#4/0`,
  task: TASK,
  epoch: 7,
  actor: `arbiter/${MAC}.3`,
  decidedAtUs: 1_763_683_200_123_456,
  candidates: [
    {
      mac: '02aa00000002',
      filters: [{ filter: 'memory', passed: true, needed: 1_048_576, available: 4_194_304, unit: 'bytes', detail: '' }],
      scores: [{ term: 'slack', value: 0.625, weight: 2 }],
      tests: [{ test: 'response-time', task: TASK, passed: true, value: 1840, limit: 9000, unit: 'us' }],
    },
    {
      mac: '02aa00000003',
      filters: [{ filter: 'capabilities', passed: false, needed: 2, available: 1, unit: '', detail: 'no can0' }],
      scores: [],
      tests: [],
    },
  ],
  chosen: '02aa00000002',
  sentence: 'the only one with can0',
};

export const GOLDEN_BODIES: Readonly<Record<string, readonly unknown[]>> = {
  heartbeat: [{ kind: 'heartbeat', mac: MAC, incarnation: 3, sequence: 1200, uptimeUs: 120_000_000 }],
  goodbye: [{ kind: 'goodbye', mac: MAC, incarnation: 3, reason: 'drained' }],
  'manager-heartbeat': [{ kind: 'manager-heartbeat', manager: 'm1', incarnation: 2, sequence: 77 }],
  command: COMMANDS,
  answer: ANSWERS,
  'pages-pushed': [{ kind: 'pushed', task: TASK, epoch: 7, sequence: 12, pages: new Uint8Array(4096).fill(0x5a) }],
  'supervisor-command': [{ kind: 'query-bridge' }],
  'supervisor-answer': [{ kind: 'bridge-state', mac: MAC, incarnation: 3, alive: false, restarting: true }],
  'checkpoint-notice': NOTICES,
  'page-request': [{ kind: 'pages', task: TASK, epoch: 6, sequence: 42, positions: Uint32Array.of(0, 1, 70_000) }],
  'page-answer': PAGE_ANSWERS,
  'manifest-request': [{ kind: 'manifest', task: TASK, epoch: 6, sequence: 42 }],
  'manifest-answer': [{ kind: 'manifest', manifest: FULL }, REFUSED],
  'manager-call': CALLS,
  'manager-answer': MANAGER_ANSWERS,
  'ecu-description': [ECU, SCHEDULED_ECU, MEASURED_ECU, LIMITED_ECU],
  'job-journal': [JOBS],
  'ecu-sample': [SAMPLE, BLIND_SAMPLE],
  proposal: [OPEN_PROPOSAL, SCORED_PROPOSAL, CALMED_PROPOSAL],
  'outcome-report': [OUTCOMES, NO_OUTCOMES],
  'decision-evidence': [EVIDENCE],
};

export const GOLDEN_RECORD: ActorRecord = {
  actor: `placement/${TASK}`,
  revision: 7,
  chartVersion: 1,
  writer: 'manager.m1',
  writerIncarnation: 2,
  attempt: NONCE,
  atUs: 1_763_683_200_123_456,
  event: { type: 'RESTORE.REQUESTED', id: `restore/${TASK}.6`, json: '{"type":"RESTORE.REQUESTED","epoch":6}' },
  snapshot: '{"status":"active","value":{"assigned":"deploying"},"context":{"reason":"Überlast"}}',
  timers: [{ id: 'answer', eventType: 'ANSWER.LATE', delayUs: 250_000, armedBy: 7 }],
  outbox: [{ id: `placement/${TASK}#7/0`, key: 'deploy', effect: '{"kind":"deploy"}', openedBy: 7 }],
  seen: [`restore/${TASK}.6`, ''],
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};
