import { describe, expect, it } from 'vitest';
import { NO_AFFINITY } from '../../src/domain/model/task.ts';
import { acceptedTaskOf, admits } from '../../src/domain/placement/admit.ts';
import { assign, SHORTLIST } from '../../src/domain/placement/assign.ts';
import type { Refusal } from '../../src/domain/placement/evidence.ts';
import { errorCodeOf, sentenceOf } from '../../src/domain/placement/evidence.ts';
import { fitsOneCore } from '../../src/domain/realtime/utilisation.ts';
import { candidateOf, ecuOf, MIB, macOf, newcomerOf, specOf } from '../support/placement-builders.ts';

const ecu = (overrides: Parameters<typeof ecuOf>[1] = {}) => ({ ...ecuOf(macOf(1), overrides), draining: false });
const refusalOf = (answer: ReturnType<typeof admits>): Refusal | undefined => (answer.ok ? undefined : answer.error);

describe('utilisation', () => {
  const third = { periodUs: 3, wcetUs: 1, reservedPpm: 0 };
  it('decides exactly at 1', () => {
    expect(fitsOneCore([third, third, third])).toBe(true);
    expect(fitsOneCore([third, third, third, { periodUs: 86_400_000_000, wcetUs: 1, reservedPpm: 0 }])).toBe(false);
    expect(fitsOneCore([third, { periodUs: 0, wcetUs: 0, reservedPpm: 666_666 }])).toBe(true);
    expect(fitsOneCore([third, { periodUs: 0, wcetUs: 0, reservedPpm: 666_667 }])).toBe(false);
  });
});

describe('admission', () => {
  it('names what is missing, with numbers', () => {
    expect(refusalOf(admits([], [specOf('a')], { ...ecu(), draining: true }))).toEqual({ kind: 'draining' });
    expect(refusalOf(admits([], [specOf('a', { runtime: 'process' })], ecu()))).toEqual({
      kind: 'runtime',
      wanted: 'process',
      offered: ['wasm'],
    });
    expect(refusalOf(admits([], [specOf('a', { capabilities: ['fpu', 'can0'] })], ecu({ capabilities: ['fpu'] })))).toEqual({
      kind: 'capability',
      missing: ['can0'],
    });
    const held = acceptedTaskOf(specOf('held', { memoryBytesMax: 200 * MIB }), 1);
    expect(refusalOf(admits([held], [specOf('a', { memoryBytesMax: 64 * MIB })], ecu()))).toEqual({
      kind: 'memory',
      neededBytes: 64 * MIB,
      freeBytes: 56 * MIB,
      capacityBytes: 256 * MIB,
    });
    expect(refusalOf(admits([], [specOf('a', { periodUs: 0, wcetUs: 1 })], ecu()))).toEqual({ kind: 'untestable', task: 'a' });
  });

  it('refuses a newcomer that would make an accepted task miss, and names that task', () => {
    const low = acceptedTaskOf(specOf('low', { wcetUs: 6_000, priority: 1 }), 1);
    expect(refusalOf(admits([low], [specOf('high', { wcetUs: 5_000, priority: 9 })], ecu()))).toEqual({
      kind: 'schedule',
      task: 'low',
      responseUsMin: 11_000,
      deadlineUs: 10_000,
      cores: 1,
      unpacked: 'high',
    });
  });

  it('lets a soft task be late but not overload the core', () => {
    const low = { ...acceptedTaskOf(specOf('low', { wcetUs: 6_000, priority: 1 }), 1), hardDeadline: false };
    expect(admits([low], [specOf('high', { wcetUs: 4_000, priority: 9, deadlineUs: 4_000 })], ecu()).ok).toBe(true);
    expect(refusalOf(admits([low], [specOf('high', { wcetUs: 4_001, priority: 9 })], ecu()))).toMatchObject({
      kind: 'utilisation',
    });
  });

  it('lets an ECU that measures be overloaded, by soft tasks that ask for that alone', () => {
    const measuring = ecu({ capabilities: ['measuring'] });
    const wish = { capabilities: ['measuring'], hardDeadline: false, wcetUs: 0 };
    const held = ['a', 'b', 'c'].map((name) => acceptedTaskOf(specOf(name, wish), 1));
    expect(admits(held, [specOf('d', wish)], measuring).ok).toBe(true);
    expect(admits([], [specOf('d', wish)], ecu()).ok).toBe(false);
    for (const other of [{ hardDeadline: false }, { capabilities: ['measuring'] }]) {
      const refusal = refusalOf(admits([], [specOf('e', other)], measuring));
      expect(refusal).toEqual({ kind: 'measuring' });
      // The planner says so before the test.
      const plan = assign({
        candidates: [candidateOf(1, { description: { capabilities: ['measuring'] } })],
        newcomers: [newcomerOf('e', other)],
      });
      expect(plan.unplaced[0]?.refusedByKind).toEqual({ measuring: 1 });
    }
  });

  it('takes an accepted task without a word about its deadline as hard', () => {
    const { hardDeadline: _, ...older } = acceptedTaskOf(specOf('low', { wcetUs: 6_000, priority: 1 }), 1);
    expect(admits([older], [specOf('high', { wcetUs: 5_000, priority: 9 })], ecu()).ok).toBe(false);
    // One that cannot be tested was never promised anything, and must not block its ECU.
    expect(admits([{ ...older, wcetUs: 0 }], [specOf('high', { wcetUs: 5_000, priority: 9 })], ecu()).ok).toBe(true);
  });

  it('replaces the task of the same name, and charges reservations', () => {
    const before = acceptedTaskOf(specOf('a', { wcetUs: 9_000, memoryBytesMax: 200 * MIB }), 1);
    expect(admits([before], [specOf('a', { wcetUs: 9_500, memoryBytesMax: 200 * MIB })], ecu()).ok).toBe(true);
    const reserved = specOf('b', { hardDeadline: false, reservation: { cpuPpm: 600_000, memoryBytes: 250 * MIB } });
    expect(refusalOf(admits([], [reserved, specOf('c', { memoryBytesMax: 7 * MIB })], ecu()))).toMatchObject({
      kind: 'memory',
    });
    expect(refusalOf(admits([], [reserved, specOf('c', { wcetUs: 4_001 })], ecu()))).toMatchObject({ kind: 'utilisation' });
  });

  it('packs with the exact test, where utilisation alone would be fooled', () => {
    // ½ + ½ fills a core by utilisation, but periods 4 and 6 with this order of priority cannot share one.
    const a = specOf('a', { periodUs: 4, wcetUs: 2, deadlineUs: 4, priority: 2 });
    const b = specOf('b', { periodUs: 6, wcetUs: 3, deadlineUs: 6, priority: 1 });
    expect(admits([], [a, b], ecu({ cores: 1 })).ok).toBe(false);
    const two = admits([], [a, b], ecu({ cores: 2 }));
    expect(two.ok && two.value.cores.map(({ tasks }) => tasks)).toEqual([
      [{ task: 'a', responseUs: 2, deadlineUs: 4 }],
      [{ task: 'b', responseUs: 3, deadlineUs: 6 }],
    ]);
    expect(two.ok && two.value.tightest).toEqual({ task: 'a', responseUs: 2, deadlineUs: 4 });
  });

  it('gives every refusal a code and a sentence', () => {
    const refusal = refusalOf(admits([], [specOf('a', { capabilities: ['can0'] })], ecu())) as Refusal;
    expect([errorCodeOf(refusal), sentenceOf(refusal)]).toEqual(['ERR_ADMIT_CAPABILITY', 'lacks can0']);
  });
});

describe('assign', () => {
  it('says for each ECU why it was refused', () => {
    const wanted = newcomerOf('t', {
      capabilities: ['can0'],
      memoryBytesMax: 100 * MIB,
      affinity: { ...NO_AFFINITY, resourceKind: 'cpu', requiredLabels: { zone: 'left' } },
    });
    const good = { capabilities: ['can0'], labels: { zone: 'left' } };
    const plan = assign({
      newcomers: [{ ...wanted, excluded: [macOf(2)] }],
      excluded: [macOf(1)],
      candidates: [
        candidateOf(1, { description: good }),
        candidateOf(2, { description: good }),
        candidateOf(3, { description: good, alive: false }),
        candidateOf(4, { description: good, draining: true }),
        candidateOf(5, { description: { ...good, resourceKind: 'gpu' } }),
        candidateOf(6, { description: { ...good, capabilities: [] } }),
        candidateOf(7, { description: { ...good, labels: { zone: 'right' } } }),
        candidateOf(8, { description: { ...good, memoryBytes: 99 * MIB } }),
      ],
    });
    expect(plan.assignments).toEqual([]);
    expect(plan.unplaced[0]?.sentence).toBe(
      'none of 8 ECUs can take it: 1 capability (lacks can0), 1 draining, 2 excluded, ' +
        '1 memory (has 103809024 of 103809024 bytes free, needed are 104857600), 1 not-alive, ' +
        '1 required-label (has label zone=right, required is left), 1 resource-kind (is of kind gpu, wanted is cpu)',
    );
    expect(plan.decisions[0]?.candidates.map((one) => one.verdict === 'refused' && one.refusal)).toEqual([
      { kind: 'excluded' },
      { kind: 'excluded' },
      { kind: 'not-alive' },
      { kind: 'draining' },
      { kind: 'resource-kind', wanted: 'cpu', offered: 'gpu' },
      { kind: 'capability', missing: ['can0'] },
      { kind: 'required-label', label: 'zone', wanted: 'left', offered: 'right' },
      { kind: 'memory', neededBytes: 100 * MIB, freeBytes: 99 * MIB, capacityBytes: 99 * MIB },
    ]);
  });

  it('counts each placed task at once, and sheds the least critical', () => {
    const half = { wcetUs: 5_000, deadlineUs: 10_000, priority: 5 };
    const plan = assign({
      newcomers: [
        newcomerOf('low', { ...half, criticality: 0 }),
        newcomerOf('mid', { ...half, criticality: 2 }),
        newcomerOf('top', { ...half, criticality: 4 }),
      ],
      candidates: [candidateOf(1)],
    });
    expect(plan.assignments.map(({ task }) => task)).toEqual(['top', 'mid']);
    expect(plan.unplaced).toMatchObject([{ task: 'low', refusedByKind: { utilisation: 1 }, roomBy: undefined }]);
    expect(plan.assignments[1]?.admission.cores[0]?.tasks.length).toBe(2);
  });

  it('names the running tasks of lower criticality that would make room, and only those in the way', () => {
    const running = [
      acceptedTaskOf(specOf('small', { wcetUs: 1_000, memoryBytesMax: MIB }), 1),
      acceptedTaskOf(specOf('big', { wcetUs: 6_000, memoryBytesMax: 2 * MIB }), 1),
      acceptedTaskOf(specOf('vital', { wcetUs: 1_000 }), 1),
    ];
    const plan = assign({
      newcomers: [newcomerOf('top', { wcetUs: 7_000, criticality: 3 })],
      candidates: [candidateOf(1, { accepted: running }), candidateOf(2, { alive: false })],
      criticalityOfRunning: (task) => ({ small: 0, big: 1, vital: 4 })[task],
    });
    expect(plan.unplaced[0]?.roomBy).toEqual({ mac: macOf(1), tasks: ['big'] });
  });

  it('keeps apart whoever asked for it, and together while it can', () => {
    const base = { candidates: [candidateOf(1, { accepted: [acceptedTaskOf(specOf('x'), 1)] }), candidateOf(2)] };
    const apart = newcomerOf('a', { affinity: { ...NO_AFFINITY, apart: ['x'] } });
    expect(assign({ ...base, newcomers: [apart] }).assignments[0]?.mac).toBe(macOf(2));
    expect(assign({ ...base, newcomers: [newcomerOf('b')], apartOfRunning: { x: ['b'] } }).assignments[0]?.mac).toBe(macOf(2));
    expect(assign({ ...base, newcomers: [newcomerOf('b')] }).assignments[0]?.mac).toBe(macOf(2));
    const together = newcomerOf('c', { affinity: { ...NO_AFFINITY, together: ['x'] } });
    expect(assign({ ...base, newcomers: [together] }).assignments[0]?.mac).toBe(macOf(1));
    const tooLarge = newcomerOf('c', { wcetUs: 9_500, affinity: { ...NO_AFFINITY, together: ['x'] } });
    const plan = assign({ ...base, newcomers: [tooLarge] });
    expect(plan.assignments[0]?.mac).toBe(macOf(2));
    expect(plan.decisions[0]?.gaveUpTogether).toBe(true);
  });

  it('does not stay with a partner on the ECU that failed', () => {
    const failed = candidateOf(1, { accepted: [acceptedTaskOf(specOf('x'), 1)], alive: false });
    const plan = assign({
      newcomers: [newcomerOf('c', { affinity: { ...NO_AFFINITY, together: ['x'] } })],
      candidates: [failed, candidateOf(2)],
    });
    expect(plan.assignments[0]?.mac).toBe(macOf(2));
    expect(plan.decisions[0]?.gaveUpTogether).toBe(false);
  });

  it('prefers data, preferred ECUs and labels, spread; and the smaller MAC when all is equal', () => {
    const two = [candidateOf(2), candidateOf(1)];
    expect(assign({ newcomers: [newcomerOf('a')], candidates: two }).assignments[0]?.mac).toBe(macOf(1));
    expect(assign({ newcomers: [{ ...newcomerOf('a'), dataAt: [macOf(2)] }], candidates: two }).assignments[0]?.mac).toBe(
      macOf(2),
    );
    const preferring = newcomerOf('a', { affinity: { ...NO_AFFINITY, preferredEcus: [macOf(2)] } });
    expect(assign({ newcomers: [preferring], candidates: two }).assignments[0]?.mac).toBe(macOf(2));
    const four = assign({ newcomers: ['a', 'b', 'c', 'd'].map((name) => newcomerOf(name)), candidates: two });
    expect(four.assignments.map(({ mac }) => mac)).toEqual([macOf(1), macOf(2), macOf(1), macOf(2)]);
  });

  it('may go back to the ECU that still counts it, since it takes its own place', () => {
    const there = acceptedTaskOf(specOf('a', { wcetUs: 9_000, memoryBytesMax: 200 * MIB }), 1);
    const plan = assign({
      newcomers: [newcomerOf('a', { wcetUs: 9_000, memoryBytesMax: 200 * MIB })],
      candidates: [candidateOf(1, { accepted: [there] })],
    });
    expect(plan.assignments[0]?.mac).toBe(macOf(1));
  });

  it('looks beyond the shortlist until somebody passes the exact test', () => {
    // All but the last look better (more room), yet a tight deadline of theirs forbids the newcomer.
    const touchy = Array.from({ length: 3 * SHORTLIST }, (_, i) =>
      candidateOf(i + 1, { accepted: [acceptedTaskOf(specOf(`r${i}`, { wcetUs: 100, deadlineUs: 150, priority: 1 }), 1)] }),
    );
    const busy = candidateOf(9_999, { accepted: [acceptedTaskOf(specOf('busy', { wcetUs: 5_000, priority: 1 }), 1)] });
    const plan = assign({ newcomers: [newcomerOf('a')], candidates: [...touchy, busy] });
    expect(plan.assignments[0]?.mac).toBe(macOf(9_999));
    expect(plan.decisions[0]).toMatchObject({ refusedByKind: { schedule: 3 * SHORTLIST }, untested: 0 });
  });
});
