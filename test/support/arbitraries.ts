/**
 * Generators of every value on the wire, within what the decoders accept. Values are biased to the edges that encodings have:
 * 0, one byte, 32 bits, 2^53 - 1, texts of one and of several bytes a character.
 */
import fc from 'fast-check';
import { ERROR_CODES } from '../../src/domain/kernel/error-codes.ts';
import type { CheckpointManifest, CheckpointReference, InputCursor } from '../../src/domain/model/checkpoint.ts';
import type { CheckpointNeeds, RuntimeOffer } from '../../src/domain/model/compatibility.ts';
import type { AcceptedTask, EcuDescription, EcuLoad, EcuScheduling, ProcessIdentity } from '../../src/domain/model/ecu.ts';
import type { Candidate, DecisionEvidence } from '../../src/domain/model/evidence.ts';
import type { JobJournal, JobRecord } from '../../src/domain/model/job.ts';
import type { ActorRecord } from '../../src/domain/model/record.ts';
import type { Affinity, ResourceKind, RuntimeKind, TaskSpec } from '../../src/domain/model/task.ts';
import type {
  Answer,
  CheckpointNotice,
  Command,
  CommandHeader,
  Envelope,
  FleetView,
  Goodbye,
  Heartbeat,
  InstanceReport,
  ManagerAnswer,
  ManagerCall,
  ManagerHeartbeat,
  ManifestAnswer,
  ManifestRequest,
  PageAnswer,
  PageRequest,
  PagesPushed,
  SupervisorAnswer,
  SupervisorCommand,
} from '../../src/domain/protocol/messages.ts';
import { ecuForesight, foresightQuery } from './foresight-arbitraries.ts';
import { ecuPower, powerAnswer, powerCommand } from './power-arbitraries.ts';

// ——— words ———

export const count = (): fc.Arbitrary<number> =>
  fc.oneof(
    fc.nat({ max: 300 }),
    fc.nat({ max: 0xffffffff }),
    fc.maxSafeNat(),
    fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER),
  );
const u32 = (): fc.Arbitrary<number> =>
  fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 0xffffffff }), fc.constantFrom(0, 0xffffffff));
const signed32 = (): fc.Arbitrary<number> => fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
/** -0 is not told from 0 on the wire. */
const finite = (): fc.Arbitrary<number> => fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);

const hex = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((digits) => digits.join(''));
const lettersOf = (alphabet: string, minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet), { minLength, maxLength }).map((letters) => letters.join(''));
const PLAIN = 'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789_-';

export const mac = (): fc.Arbitrary<string> => hex(12);
export const digest = (): fc.Arbitrary<string> => hex(64);
export const taskName = (): fc.Arbitrary<string> => fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
export const managerId = (): fc.Arbitrary<string> => lettersOf(PLAIN, 1, 20);
export const nonce = (): fc.Arbitrary<string> => fc.oneof(hex(32), lettersOf(PLAIN, 1, 64));
export const hostId = (): fc.Arbitrary<string> =>
  fc.oneof(
    managerId().map((id) => `manager.${id}`),
    mac().map((id) => `bridge.${id}`),
  );
export const actor = (): fc.Arbitrary<string> =>
  fc
    .tuple(lettersOf(PLAIN, 1, 12), fc.array(lettersOf(PLAIN, 1, 20), { minLength: 1, maxLength: 3 }))
    .map(([kind, id]) => `${kind}/${id.join('.')}`);
export const printableId = (): fc.Arbitrary<string> =>
  fc.oneof(fc.string({ unit: fc.constantFrom(...'!#/.:~-_09azAZ'), minLength: 1, maxLength: 256 }), actor());
/** A leading byte order mark is dropped by the generated code's text decoder, as the Encoding standard has it by default. */
const unicode = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'grapheme', minLength, maxLength: Math.floor(maxLength / 4) })
    .filter((text) => text.length >= minLength && !text.startsWith('\ufeff'));
const name = (): fc.Arbitrary<string> => unicode(128, 1);
const sentence = (): fc.Arbitrary<string> => unicode(400);
const trace = (): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constant(''),
    fc.tuple(hex(32), hex(16)).map(([traceId, spanId]) => `00-${traceId}-${spanId}-01`),
  );
const code = () => fc.constantFrom(...ERROR_CODES);
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength });
const list = <T>(entry: fc.Arbitrary<T>, maxLength = 4): fc.Arbitrary<T[]> => fc.array(entry, { maxLength });
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const labels = (): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(lettersOf(PLAIN, 1, 12), unicode(100), { maxKeys: 4, noNullPrototype: true });

// ——— tasks and ECUs ———

export const runtimeKind = (): fc.Arbitrary<RuntimeKind> => fc.constantFrom('wasm', 'worker', 'process', 'container');
export const resourceKind = (): fc.Arbitrary<ResourceKind> => fc.constantFrom('cpu', 'gpu', 'fpga', 'asic');

export const affinity = (): fc.Arbitrary<Affinity> =>
  fc.record({
    requiredEcus: list(mac()),
    preferredEcus: list(mac()),
    requiredLabels: labels(),
    preferredLabels: labels(),
    resourceKind: optional(resourceKind()),
    together: list(taskName()),
    apart: list(taskName()),
  });

export const taskSpec = (task: fc.Arbitrary<string> = taskName()): fc.Arbitrary<TaskSpec> =>
  fc.record({
    name: task,
    runtime: runtimeKind(),
    artefact: digest(),
    artefactBytes: count(),
    periodUs: count(),
    wcetUs: count(),
    deadlineUs: count(),
    priority: signed32(),
    criticality: fc.integer({ min: 0, max: 4 }),
    hardDeadline: fc.boolean(),
    memoryBytesMax: count(),
    capabilities: list(name()),
    affinity: affinity(),
    reservation: optional(fc.record({ cpuPpm: count(), memoryBytes: count() })),
    checkpoint: fc.record({ intervalUs: count(), chainMax: u32(), quorum: u32(), standbys: fc.integer({ min: 0, max: 4 }) }),
    inputs: fc.record(
      { backlogMax: count(), catchUpTicks: fc.boolean(), from: taskName() },
      { requiredKeys: ['backlogMax', 'catchUpTicks'] },
    ),
    fuelPerJob: count(),
  });

const processIdentity = (): fc.Arbitrary<ProcessIdentity> => fc.record({ bootId: name(), pid: u32(), startTicks: count() });

const version = (): fc.Arbitrary<number> => fc.integer({ min: 1, max: 65_535 });
const subject = (): fc.Arbitrary<string> => fc.constantFrom('task.>', 'task.0.*.out', 'task.0.a.in.>', 'x');
const runtimeOffer = (): fc.Arbitrary<RuntimeOffer> =>
  fc.record({ runtime: runtimeKind(), version: version(), hostFunctions: list(name()) });
export const checkpointNeeds = (): fc.Arbitrary<CheckpointNeeds> =>
  fc.record({
    runtime: runtimeKind(),
    runtimeVersion: version(),
    memoryBytes: count(),
    hostFunctions: list(name()),
    subjects: list(subject()),
    capabilities: list(name()),
  });

const ecuScheduling = (): fc.Arbitrary<EcuScheduling> => {
  const positive = count().map((us) => Math.max(1, us));
  return fc.record(
    {
      scheduler: fc.constantFrom('fp', 'edf', 'rr', 'other'),
      nonPreemptive: fc.constant(true),
      global: fc.constant(true),
      sliceUs: positive,
      checkpointCostUs: positive,
      contextSwitchUs: positive,
      blackoutUs: positive,
      blackoutEveryUs: positive,
    },
    { requiredKeys: ['scheduler'] },
  );
};

export const ecuDescription = (): fc.Arbitrary<EcuDescription> =>
  fc.record(
    {
      mac: mac(),
      incarnation: count(),
      name: name(),
      ecuClass: name(),
      resourceKind: resourceKind(),
      cores: fc.integer({ min: 1, max: 65_536 }),
      memoryBytes: count(),
      capabilities: list(name()),
      labels: labels(),
      runtimes: list(runtimeKind()),
      bridge: processIdentity(),
      supervisor: optional(processIdentity()),
      heartbeatIntervalUs: count().map((us) => Math.max(1, us)),
      version: unicode(128),
      offers: fc.array(runtimeOffer(), { minLength: 1, maxLength: 3 }),
      subjects: fc.array(subject(), { minLength: 1, maxLength: 3 }),
      scheduling: ecuScheduling(),
      metrics: fc.record({ everyUs: count().map((us) => us || 1), keptEveryUs: count() }),
      power: ecuPower(),
      followsReservations: fc.constant(true as const),
    },
    {
      requiredKeys: [
        'mac',
        'incarnation',
        'name',
        'ecuClass',
        'resourceKind',
        'cores',
        'memoryBytes',
        'capabilities',
        'labels',
        'runtimes',
        'bridge',
        'supervisor',
        'heartbeatIntervalUs',
        'version',
      ],
    },
  );

const acceptedTask = (): fc.Arbitrary<AcceptedTask> =>
  fc.record(
    {
      task: taskName(),
      epoch: count(),
      periodUs: count(),
      wcetUs: count(),
      deadlineUs: count(),
      priority: signed32(),
      memoryBytesMax: count(),
      hardDeadline: fc.boolean(),
      cpuPpm: count(),
      apart: fc.array(taskName(), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['task', 'epoch', 'periodUs', 'wcetUs', 'deadlineUs', 'priority', 'memoryBytesMax'] },
  );

const counters = (): fc.Arbitrary<Record<string, number>> =>
  fc.dictionary(lettersOf(PLAIN, 1, 12), count(), { maxKeys: 4, noNullPrototype: true });

export const ecuLoad = (): fc.Arbitrary<EcuLoad> =>
  fc
    .record({ mac: mac(), incarnation: count(), draining: fc.boolean(), tasks: list(acceptedTask()), counters: counters() })
    .map(({ counters: counted, ...load }) => (Object.keys(counted).length === 0 ? load : { ...load, counters: counted }))
    .chain((load) => fc.boolean().map((asleep) => (asleep ? { ...load, asleep } : load)));

// ——— checkpoints ———

const cursor = (): fc.Arbitrary<InputCursor> => fc.record({ sequence: count(), dataNumber: count(), tickNumber: count() });

export const checkpointReference = (task: fc.Arbitrary<string> = taskName()): fc.Arbitrary<CheckpointReference> =>
  fc.record(
    {
      task,
      epoch: count(),
      sequence: count(),
      input: cursor(),
      outputNumber: count(),
      stateDigest: digest(),
      holders: list(managerId()),
      needs: checkpointNeeds(),
    },
    { requiredKeys: ['task', 'epoch', 'sequence', 'input', 'outputNumber', 'stateDigest', 'holders'] },
  );

/** Full ones carry every page; increments some of them, on an earlier base. */
export const checkpointManifest = (): fc.Arbitrary<CheckpointManifest> =>
  fc
    .record({
      full: fc.boolean(),
      pageCount: fc.nat({ max: 12 }),
      picks: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      sequence: count(),
    })
    .chain(({ full, pageCount, picks, sequence }) => {
      const increment = !full && sequence > 0;
      const pageIndexes = Uint32Array.from(
        Array.from({ length: pageCount }, (_, i) => i).filter((i) => !increment || picks[i] === true),
      );
      const digestLength = pageIndexes.length * 32;
      return fc.record({
        task: taskName(),
        epoch: count(),
        sequence: fc.constant(sequence),
        mac: mac(),
        incarnation: count(),
        programId: u32(),
        nonce: nonce(),
        baseSequence: increment ? fc.nat({ max: Math.min(sequence - 1, 0x7fffffff) }) : fc.constant(undefined),
        pageCount: fc.constant(pageCount),
        pageIndexes: fc.constant(pageIndexes),
        pageDigests: fc.uint8Array({ minLength: digestLength, maxLength: digestLength }),
        globals: bytes(64),
        stateDigest: digest(),
        input: cursor(),
        outputNumber: count(),
        artefact: digest(),
        needs: optional(checkpointNeeds()),
      });
    })
    .map(({ needs, ...manifest }) => (needs === undefined ? manifest : { ...manifest, needs }));

export const checkpointNotice = (): fc.Arbitrary<CheckpointNotice> => {
  const key = { task: taskName(), mac: mac(), programId: u32(), epoch: count(), sequence: count() };
  return fc.oneof(
    fc.record({
      kind: fc.constant('announced' as const),
      manifest: checkpointManifest(),
      standbys: fc.array(mac(), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant('stored' as const), manager: managerId(), ...key, reference: checkpointReference() }),
    fc.record({ kind: fc.constant('freed' as const), ...key }),
  );
};

const refused = () => fc.record({ kind: fc.constant('refused' as const), code: code(), sentence: sentence() });

export const pageRequest = (): fc.Arbitrary<PageRequest> =>
  fc
    .record({
      kind: fc.constant('pages' as const),
      task: taskName(),
      epoch: count(),
      sequence: count(),
      positions: fc.uint32Array({ minLength: 1, maxLength: 20 }),
    })
    .chain((request) =>
      fc.constantFrom<PageRequest>(
        request,
        { ...request, accepts: ['deflate'] },
        { ...request, accepts: ['brotli', 'deflate'] },
      ),
    );

export const pagesPushed = (): fc.Arbitrary<PagesPushed> =>
  fc.record({
    kind: fc.constant('pushed' as const),
    task: taskName(),
    epoch: count(),
    sequence: count(),
    pages: fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.nat({ max: 255 }))
      .map(([pages, byte]) => new Uint8Array(pages * 4096).fill(byte)),
  });

export const pageAnswer = (): fc.Arbitrary<PageAnswer> =>
  fc.oneof(
    fc.record({
      kind: fc.constant('pages' as const),
      pages: fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 255 })).map(([n, byte]) => new Uint8Array(n * 4096).fill(byte)),
    }),
    fc.record({
      kind: fc.constant('pages' as const),
      pages: bytes(64),
      encoding: fc.constantFrom('deflate' as const, 'brotli' as const),
    }),
    fc.record({ kind: fc.constant('superseded' as const), epoch: count(), sequence: count() }),
    refused(),
  );

export const manifestRequest = (): fc.Arbitrary<ManifestRequest> =>
  fc.record({ kind: fc.constant('manifest' as const), task: taskName(), epoch: count(), sequence: count() });

export const manifestAnswer = (): fc.Arbitrary<ManifestAnswer> =>
  fc.oneof(fc.record({ kind: fc.constant('manifest' as const), manifest: checkpointManifest() }), refused());

// ——— core messages, commands, calls ———

export const heartbeat = (): fc.Arbitrary<Heartbeat> =>
  fc.record({
    kind: fc.constant('heartbeat' as const),
    mac: mac(),
    incarnation: count(),
    sequence: count(),
    uptimeUs: count(),
  });

export const goodbye = (): fc.Arbitrary<Goodbye> =>
  fc.record({ kind: fc.constant('goodbye' as const), mac: mac(), incarnation: count(), reason: sentence() });

export const managerHeartbeat = (): fc.Arbitrary<ManagerHeartbeat> =>
  fc.record({ kind: fc.constant('manager-heartbeat' as const), manager: managerId(), incarnation: count(), sequence: count() });

const commandHeader = (): fc.Arbitrary<CommandHeader> =>
  fc.record({ task: taskName(), epoch: count(), effectId: printableId(), actor: actor(), actorRevision: count() });

export const command = (): fc.Arbitrary<Command> =>
  fc.oneof(
    commandHeader().chain((header) => {
      const task = fc.constant(header.task);
      return fc
        .record({
          spec: taskSpec(task),
          incarnation: count(),
          checkpoint: optional(checkpointReference(task)),
          trimmed: optional(cursor()),
        })
        .map(({ trimmed, ...deploy }) => ({
          kind: 'deploy' as const,
          ...header,
          ...deploy,
          ...(trimmed === undefined ? {} : { trimmed }),
        }));
    }),
    commandHeader().map((header) => ({ kind: 'pause' as const, ...header })),
    commandHeader().map((header) => ({ kind: 'resume' as const, ...header })),
    fc.tuple(commandHeader(), sentence()).map(([header, reason]) => ({ kind: 'stop' as const, ...header, reason })),
    fc
      .tuple(commandHeader(), fc.constantFrom('full' as const, 'delta' as const))
      .map(([header, mode]) => ({ kind: 'checkpoint' as const, ...header, mode })),
    fc.constant({ kind: 'query-load' as const }),
    commandHeader().chain((header) =>
      fc
        .record({ spec: taskSpec(fc.constant(header.task)), incarnation: count(), source: optional(mac()), sequence: count() })
        .chain((prepare) =>
          fc
            .record({ blackoutUs: fc.integer({ min: 1, max: 1_000_000 }) }, { requiredKeys: [] })
            .map((more) => ({ kind: 'prepare' as const, ...header, ...prepare, ...more })),
        ),
    ),
    powerCommand(),
  );

export const answer = (): fc.Arbitrary<Answer> => {
  const subject = { task: taskName(), epoch: count() };
  return fc.oneof(
    fc.record({ kind: fc.constant('running' as const), ...subject, incarnation: count(), nonce: nonce(), programId: u32() }),
    fc.record({ kind: fc.constantFrom('stopped' as const, 'paused' as const, 'resumed' as const), ...subject }),
    fc.record({ kind: fc.constant('checkpointed' as const), ...subject, sequence: count() }),
    fc.record({ kind: fc.constant('load' as const), load: ecuLoad() }),
    powerAnswer(),
    fc.record({ kind: fc.constant('refused' as const), ...subject, code: code(), sentence: sentence() }),
  );
};

export const supervisorCommand = (): fc.Arbitrary<SupervisorCommand> => fc.constant({ kind: 'query-bridge' as const });
export const supervisorAnswer = (): fc.Arbitrary<SupervisorAnswer> =>
  fc.record({
    kind: fc.constant('bridge-state' as const),
    mac: mac(),
    incarnation: count(),
    alive: fc.boolean(),
    restarting: fc.boolean(),
  });

export const instanceReport = (): fc.Arbitrary<InstanceReport> =>
  fc.record({
    kind: fc.constant('instance-report' as const),
    task: taskName(),
    epoch: count(),
    mac: mac(),
    incarnation: count(),
    nonce: nonce(),
    what: fc.constantFrom('caught-up' as const, 'ended' as const),
    code: optional(code()),
    sentence: sentence(),
  });

export const managerCall = (): fc.Arbitrary<ManagerCall> =>
  fc.oneof(
    fc.record({ kind: fc.constant('declare-task' as const), spec: taskSpec() }),
    fc.record({ kind: fc.constant('remove-task' as const), task: taskName() }),
    instanceReport(),
    fc.constant({ kind: 'query-fleet' as const }),
    fc.record({
      kind: fc.constant('migrate-chain' as const),
      task: taskName(),
      target: optional(mac()),
      dryRun: fc.boolean(),
      reason: sentence(),
    }),
    fc.record({ kind: fc.constant('query-checkpoints' as const), tasks: list(taskName()) }),
    foresightQuery(),
  );

export const fleetView = (): fc.Arbitrary<FleetView> =>
  fc.record({
    manager: managerId(),
    ecus: list(
      fc.record({
        mac: mac(),
        name: name(),
        incarnation: count(),
        state: name(),
        description: optional(ecuDescription()),
        tasks: list(taskName()),
      }),
    ),
    tasks: list(
      fc.record({
        task: taskName(),
        state: name(),
        epoch: count(),
        owner: optional(mac()),
        reason: optional(sentence()),
        checkpoint: optional(fc.record({ epoch: count(), sequence: count(), holders: list(managerId()) })),
        durability: fc.constantFrom('durable' as const, 'degraded' as const, 'none' as const),
      }),
    ),
    managers: list(fc.record({ id: managerId(), alive: fc.boolean() })),
    counters: counters(),
  });

export const managerAnswer = (): fc.Arbitrary<ManagerAnswer> =>
  fc.oneof(
    fc.constant({ kind: 'accepted' as const }),
    refused(),
    fc.record({ kind: fc.constant('fleet' as const), fleet: fleetView() }),
    fc.record({ kind: fc.constant('foresight' as const), ecus: list(ecuForesight()) }),
    fc.record({ kind: fc.constant('checkpoints' as const), references: list(checkpointReference()) }),
  );

// ——— journals, evidence, records ———

const jobRecord = (): fc.Arbitrary<JobRecord> => {
  const key = { task: taskName(), epoch: count(), jobNumber: count() };
  const stopped = {
    kind: fc.constant('stopped' as const),
    ...key,
    stoppedAtUs: count(),
    failure: optional(code()),
    fuelUsed: count(),
    outputs: u32(),
  };
  return fc.oneof(
    fc.record({
      kind: fc.constant('started' as const),
      ...key,
      inputKind: fc.constantFrom('data' as const, 'tick' as const),
      inputNumber: count(),
      releasedAtUs: count(),
      startedAtUs: count(),
    }),
    fc.record(stopped),
    fc.record({ ...stopped, executionUs: count() }),
  );
};

export const jobJournal = (): fc.Arbitrary<JobJournal> =>
  fc.record({ mac: mac(), incarnation: count(), records: list(jobRecord(), 8) });

const candidate = (): fc.Arbitrary<Candidate> =>
  fc.record({
    mac: mac(),
    filters: list(
      fc.record({
        filter: unicode(60, 1),
        passed: fc.boolean(),
        needed: finite(),
        available: finite(),
        unit: unicode(60),
        detail: sentence(),
      }),
    ),
    scores: list(fc.record({ term: unicode(60, 1), value: finite(), weight: finite() })),
    tests: list(
      fc.record({
        test: unicode(60, 1),
        task: taskName(),
        passed: fc.boolean(),
        value: finite(),
        limit: finite(),
        unit: unicode(60),
      }),
    ),
  });

export const decisionEvidence = (): fc.Arbitrary<DecisionEvidence> =>
  fc.record({
    decision: printableId(),
    task: taskName(),
    epoch: count(),
    actor: actor(),
    decidedAtUs: count(),
    candidates: list(candidate()),
    chosen: optional(mac()),
    sentence: sentence(),
  });

/** Records take any text, of any length: what is in them is drover's own. */
const anyText = (): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 140 }),
    fc.string({ unit: 'grapheme', minLength: 100, maxLength: 700 }),
    fc.constantFrom('', '\ufeffmark', 'é'.repeat(42), 'é'.repeat(64), 'x'.repeat(127), 'x'.repeat(128), '€'.repeat(5461)),
  );

export const actorRecord = (): fc.Arbitrary<ActorRecord> =>
  fc.record({
    actor: actor(),
    revision: count().map((revision) => Math.max(1, revision)),
    chartVersion: count(),
    writer: hostId(),
    writerIncarnation: count(),
    attempt: nonce(),
    atUs: count(),
    event: fc.record({ type: anyText(), id: anyText(), json: anyText() }),
    snapshot: anyText(),
    timers: list(fc.record({ id: anyText(), eventType: anyText(), delayUs: count(), armedBy: count() })),
    outbox: list(fc.record({ id: anyText(), key: anyText(), effect: anyText(), openedBy: count() })),
    seen: list(anyText(), 20),
    trace: trace(),
  });

export const envelope = <Body>(body: fc.Arbitrary<Body>): fc.Arbitrary<Envelope<Body>> =>
  fc.record({ id: printableId(), sender: hostId(), trace: trace(), sentAtUs: count(), body });
