import fc from 'fast-check';
import type { AcceptedTask, EcuDescription } from '../../src/domain/model/ecu.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import { NO_AFFINITY } from '../../src/domain/model/task.ts';
import type { Candidate, Newcomer } from '../../src/domain/placement/evidence.ts';

export const MIB = 1024 * 1024;

export const macOf = (number: number): string => (0x02aa00000000 + number).toString(16).padStart(12, '0');

export function ecuOf(mac: string, overrides: Partial<EcuDescription> = {}): EcuDescription {
  return {
    mac,
    incarnation: 1,
    name: mac,
    ecuClass: 'default',
    resourceKind: 'cpu',
    cores: 1,
    memoryBytes: 256 * MIB,
    capabilities: [],
    labels: {},
    runtimes: ['wasm'],
    bridge: { bootId: 'boot', pid: 1, startTicks: 1 },
    supervisor: undefined,
    heartbeatIntervalUs: 100_000,
    version: 'test',
    scheduling: { scheduler: 'fp' },
    ...overrides,
  };
}

export function candidateOf(
  number: number,
  overrides: Partial<Omit<Candidate, 'mac' | 'description'>> & { description?: Partial<EcuDescription> } = {},
): Candidate {
  const { description, ...rest } = overrides;
  const mac = macOf(number);
  return { mac, incarnation: 1, accepted: [], alive: true, draining: false, ...rest, description: ecuOf(mac, description) };
}

export function specOf(name: string, overrides: Partial<TaskSpec> = {}): TaskSpec {
  return {
    name,
    runtime: 'wasm',
    artefact: 'a'.repeat(64),
    artefactBytes: 1000,
    periodUs: 10_000,
    wcetUs: 1_000,
    deadlineUs: 10_000,
    priority: 10,
    criticality: 1,
    hardDeadline: true,
    memoryBytesMax: MIB,
    capabilities: [],
    affinity: NO_AFFINITY,
    reservation: undefined,
    checkpoint: { intervalUs: 100_000, chainMax: 32, quorum: 1, standbys: 1 },
    inputs: { backlogMax: 1000, catchUpTicks: false },
    fuelPerJob: 1_000_000,
    ...overrides,
  };
}

export const newcomerOf = (name: string, overrides: Partial<TaskSpec> = {}): Newcomer => ({ spec: specOf(name, overrides) });

/** Small numbers, so that a tick-by-tick scheduler can follow. Periods divide 24. */
const arbitraryDemand = fc
  .record({
    periodUs: fc.constantFrom(2, 3, 4, 6, 8, 12, 24),
    wcetShare: fc.integer({ min: 1, max: 100 }),
    deadlineShare: fc.integer({ min: 40, max: 100 }),
    priority: fc.integer({ min: 1, max: 5 }),
    memoryBytesMax: fc.integer({ min: 1, max: 6 }),
    hardDeadline: fc.boolean(),
  })
  .map(({ periodUs, wcetShare, deadlineShare, ...rest }) => {
    const wcetUs = Math.max(1, Math.floor((periodUs * wcetShare) / 160));
    return { periodUs, wcetUs, deadlineUs: Math.max(wcetUs, Math.ceil((periodUs * deadlineShare) / 100)), ...rest };
  });

export const arbitraryNewcomers = (max: number): fc.Arbitrary<Newcomer[]> =>
  fc
    .array(
      fc.tuple(
        arbitraryDemand,
        fc.integer({ min: 0, max: 4 }),
        fc.subarray(['can0', 'fpu'], { maxLength: 1 }),
        fc.subarray([0, 1, 2, 3], { maxLength: 1 }),
      ),
      {
        maxLength: max,
      },
    )
    .map((drawn) =>
      drawn.map(([demand, criticality, capabilities, apart], index) =>
        newcomerOf(`n${index}`, {
          ...demand,
          criticality,
          capabilities,
          affinity: { ...NO_AFFINITY, apart: apart.filter((other) => other !== index).map((other) => `n${other}`) },
        }),
      ),
    );

export const arbitraryCandidates = (max: number, coresMax: number): fc.Arbitrary<Candidate[]> =>
  fc
    .array(
      fc.record({
        demands: fc.array(arbitraryDemand, { maxLength: 3 }),
        cores: fc.integer({ min: 1, max: coresMax }),
        memoryBytes: fc.integer({ min: 4, max: 20 }),
        capabilities: fc.subarray(['can0', 'fpu']),
        alive: fc.boolean(),
        awake: fc.boolean(),
        draining: fc.constantFrom(false, false, false, true),
        holdsPages: fc.boolean(),
      }),
      { maxLength: max },
    )
    .map((drawn) =>
      drawn.map(({ demands, cores, memoryBytes, capabilities, alive, awake, draining, holdsPages }, index) =>
        candidateOf(index, {
          accepted: demands.map((demand, at): AcceptedTask => ({ task: `r${index}-${at}`, epoch: 1, ...demand })),
          alive: alive || awake,
          draining,
          holdsPages,
          description: { cores, memoryBytes, capabilities },
        }),
      ),
    );
