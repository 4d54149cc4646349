import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_AFFINITY } from '../../src/domain/model/task.ts';
import { TASK_DEFAULTS, validateTaskSpec } from '../../src/domain/model/task-spec.ts';
import { specOf } from '../support/placement-builders.ts';

const minimal = { name: 'kalman', artefact: 'ab'.repeat(32), artefactBytes: 1234 };
const problemsOf = (draft: unknown, options = {}): string[] => {
  const result = validateTaskSpec(draft, options);
  return result.ok ? [] : result.error.map(({ field, sentence }) => `${field} ${sentence}`);
};

describe('task specification', () => {
  it('fills in the documented defaults', () => {
    expect(validateTaskSpec({ ...minimal, periodUs: 10_000 })).toEqual({
      ok: true,
      value: {
        ...minimal,
        ...TASK_DEFAULTS,
        periodUs: 10_000,
        deadlineUs: 10_000,
        hardDeadline: false,
        capabilities: [],
        affinity: NO_AFFINITY,
        reservation: undefined,
      },
    });
  });

  it('accepts what it produced, and a whole specification as it is', () => {
    const spec = specOf('whole', {
      affinity: { ...NO_AFFINITY, requiredEcus: ['02aa00000001'], resourceKind: 'gpu' },
      reservation: { cpuPpm: 1, memoryBytes: 2 },
    });
    expect(validateTaskSpec(spec)).toEqual({ ok: true, value: spec });
  });

  it('reads MACs in any usual form', () => {
    const result = validateTaskSpec({ ...minimal, affinity: { preferredEcus: ['02:AA:00:00:00:01'] } });
    expect(result.ok && result.value.affinity.preferredEcus).toEqual(['02aa00000001']);
  });

  it.each([
    [{ periodUs: -1 }, 'periodUs is -1 µs, outside 0 to 86400000000 µs'],
    [{ periodUs: 10.5 }, 'periodUs is 10.5, not a whole number of µs'],
    [{ periodUs: 1e15 }, 'periodUs is 1000000000000000 µs, outside 0 to 86400000000 µs'],
    [{ periodUs: 50 }, 'periodUs is 50 µs; a period is at least 100 µs, or 0 for none'],
    [{ periodUs: Number.NaN }, 'periodUs is null, not a number'],
    [{ periodUs: '10ms' }, 'periodUs is "10ms", not a number'],
    [{ criticality: 5 }, 'criticality is 5, outside 0 to 4'],
    [{ runtime: 'java' }, 'runtime is "java", not one of wasm, worker, process, container'],
    [{ name: 'Has Space' }, 'name is "Has Space", not a name of lower-case letters, digits and inner hyphens, at most 63'],
    [{ hardDeadline: 'yes' }, 'hardDeadline is "yes", not true or false'],
    [{ capabilities: 'can0' }, 'capabilities is "can0", not a list'],
    [{ capabilities: ['can0', 'can0'] }, 'capabilities names can0 twice'],
    [{ capabilities: ['a b'] }, 'capabilities holds "a b", not a capability'],
    [{ affinity: { requiredEcus: ['nonsense'] } }, 'affinity.requiredEcus holds "nonsense", not a MAC'],
    [{ affinity: [] }, 'affinity is [], not an object with fields'],
    [
      { affinity: { requiredLabels: { zone: 3 } } },
      'affinity.requiredLabels has zone = 3, not a text of at most 253 characters',
    ],
    [{ checkpoint: { quorum: 0 } }, 'checkpoint.quorum is 0, outside 1 to 16'],
    [
      { checkpoint: { quorm: 1 } },
      'checkpoint.quorm is no field of a task; known here are intervalUs, chainMax, quorum, standbys',
    ],
    [{ memoryBytesMax: 100_000 }, 'memoryBytesMax is 100000 bytes, not a whole number of WebAssembly pages of 65536'],
    [{ periodUs: 1000, wcetUs: 900, deadlineUs: 800 }, 'wcetUs is 900 µs, longer than the deadline of 800 µs'],
    [{ periodUs: 1000, deadlineUs: 2000 }, 'deadlineUs is 2000 µs, beyond the period of 1000 µs, which has to be asked for'],
    [
      { hardDeadline: true, wcetUs: 5, deadlineUs: 10 },
      'hardDeadline needs a period: without one nothing bounds how often the task runs',
    ],
    [
      { hardDeadline: true, periodUs: 1000 },
      'hardDeadline needs wcetUs: a deadline cannot be promised for an unknown execution time',
    ],
    [{ affinity: { together: ['x'], apart: ['x'] } }, 'affinity wants x both together and apart'],
    [{ affinity: { apart: ['kalman'] } }, 'affinity.apart names the task itself'],
  ])('refuses %o', (change, problem) => {
    expect(problemsOf({ ...minimal, ...change })).toEqual([problem]);
  });

  it('allows a deadline beyond the period when asked to', () => {
    expect(problemsOf({ ...minimal, periodUs: 1000, deadlineUs: 2000 }, { deadlineBeyondPeriod: true })).toEqual([]);
  });

  it('tells everything that is wrong at once', () => {
    expect(problemsOf({ periodUs: -1, colour: 'red' }).map((line) => line.split(' ')[0])).toEqual([
      'name',
      'periodUs',
      'artefact',
      'artefactBytes',
      'colour',
    ]);
    expect(problemsOf(null)[0]).toBe('(all) is null, not an object with fields');
  });

  it('never throws, and what it accepts it accepts again unchanged', () => {
    const values = fc.oneof(fc.anything(), fc.integer(), fc.constantFrom('wasm', 'gpu', 0, 1000, 65536));
    const drafts = fc.record(
      {
        name: values,
        runtime: values,
        periodUs: values,
        wcetUs: values,
        affinity: fc.oneof(values, fc.record({ together: values, requiredLabels: values }, { requiredKeys: [] })),
        checkpoint: values,
        inputs: values,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything({ withBigInt: false }),
          drafts.map((draft) => ({ ...minimal, ...draft })),
        ),
        (draft) => {
          const result = validateTaskSpec(draft);
          if (result.ok) expect(validateTaskSpec(result.value)).toEqual(result);
          else expect(result.error.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
