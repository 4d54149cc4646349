/** task.yaml: what is understood, and what is said about what is not. */
import { describe, expect, it } from 'vitest';
import { loadTaskFile, parseTaskFile } from '../../src/app/task-file.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { EXAMPLES } from '../support/wasm.ts';

const minimal = 'name: small\nwcet: 1 ms\n';
const problem = (text: string): string => {
  try {
    parseTaskFile(text, 'task.yaml');
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_SPEC_INVALID' });
    return (error as Error).message;
  }
  return 'it was accepted';
};

describe('a task file', () => {
  it('needs little more than a name', () => {
    const { draft, modulePath, constants } = parseTaskFile(minimal, '/somewhere/task.yaml');
    expect(draft).toMatchObject({
      name: 'small',
      runtime: 'wasm',
      periodUs: 0,
      wcetUs: 1000,
      deadlineUs: 10_000,
      criticality: 0,
      memoryBytesMax: 1_048_576,
    });
    expect([modulePath, constants]).toEqual(['/somewhere/index.ts', {}]);
  });

  it('is read in the units people write', () => {
    const { draft } = parseTaskFile(
      `name: full
module: build/full.wasm
period: 12.5 ms
wcet: 250 µs
deadline: 0.01 s
priority: 40
criticality: ASIL D
hard: true
memory: 8 MiB
fuel: 5000
capabilities: [can0, fpu]
affinity:
  requiredEcus: ["02:AA:00:00:00:01"]
  preferredLabels: { zone: front, row: 2 }
  resourceKind: gpu
  apart: [other]
reservation: { cpu: 12.5 %, memory: 16 KiB }
checkpoint: { interval: 1 s, chain: 8, quorum: 1 }
inputs: { backlog: 50, catchUpTicks: true }
`,
      'task.yaml',
    );
    expect(draft).toEqual({
      name: 'full',
      runtime: 'wasm',
      periodUs: 12_500,
      wcetUs: 250,
      deadlineUs: 10_000,
      priority: 40,
      criticality: 4,
      hardDeadline: true,
      memoryBytesMax: 8_388_608,
      capabilities: ['can0', 'fpu'],
      affinity: {
        requiredEcus: ['02aa00000001'],
        preferredEcus: [],
        requiredLabels: {},
        preferredLabels: { zone: 'front', row: '2' },
        resourceKind: 'gpu',
        together: [],
        apart: ['other'],
      },
      reservation: { cpuPpm: 125_000, memoryBytes: 16_384 },
      checkpoint: { intervalUs: 1_000_000, chainMax: 8, quorum: 1, standbys: 1 },
      inputs: { backlogMax: 50, catchUpTicks: true },
      fuelPerJob: 5000,
    });
  });

  it.each([
    ['name: Über\nwcet: 1 ms', 'name: "Über" is not valid; use lower-case letters'],
    ['wcet: 1 ms', 'name: nothing is not valid'],
    ['name: a', 'wcet: nothing is not understood; give a number with a unit'],
    [`${minimal}period: 10`, 'period: 10 is not understood; give a number with a unit (us, µs, ms, s, min), e.g. 10 ms'],
    [`${minimal}period: 0.3 us`, 'period: "0.3 us" is not understood'],
    [`${minimal}memory: 8 MB`, 'memory: "8 MB" is not understood; give a number with a unit (B, KiB, MiB, GiB)'],
    [`${minimal}memory: 4 KiB`, 'memory: 4096 bytes is not between 64 KiB and 4 GiB'],
    [`${minimal}criticality: E`, 'criticality: "E" is not understood; write QM, A, B, C or D'],
    [`${minimal}hard: maybe`, 'hard: "maybe" is neither true nor false'],
    [`${minimal}runtime: docker`, 'runtime: "docker" is no runtime'],
    [`${minimal}fuel: 0`, 'fuel: 0 is no whole number between 1'],
    [`${minimal}priorty: 3`, 'priorty: there is no such field'],
    [`${minimal}checkpoint: { every: 1 s }`, 'checkpoint.every: there is no such field'],
    [`${minimal}checkpoint: { quorum: 0 }`, 'checkpoint.quorum: 0 is no whole number between 1 and 16'],
    [`${minimal}affinity: { requiredEcus: [ecu1] }`, 'affinity.requiredEcus.0: "ecu1" is not valid; write an ECU as its MAC'],
    [`${minimal}affinity: { together: [b], apart: [b] }`, 'affinity: b cannot be both together and apart'],
    [`${minimal}reservation: { cpu: 200 %, memory: 1 MiB }`, 'reservation.cpu: "200 %" is not understood; give a share'],
    ['name: a\nwcet: 20 ms\nperiod: 10 ms', 'wcet: 20000 µs is longer than the deadline of 10000 µs'],
    [`${minimal}period: 10 ms\ndeadline: 20 ms`, 'deadline: 20000 µs is later than the next period'],
    ['name: [', 'is no YAML'],
    ['just words', 'a task file is a list of fields'],
  ])('says what is wrong in %j', (text, words) => {
    expect(problem(text)).toContain(words);
  });

  it('that is not there is said to be so', async () => {
    await expect(loadTaskFile('/nowhere/at/all')).rejects.toMatchObject({ code: 'ERR_ARTEFACT_UNREADABLE' });
  });

  it.each(EXAMPLES)('of the example %s is in order', async (name) => {
    const { draft } = await loadTaskFile(exampleFolder(name));
    expect(draft.name).toBe(name);
  });
});
