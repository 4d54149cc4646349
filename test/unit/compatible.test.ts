import { describe, expect, it } from 'vitest';
import type { CheckpointNeeds } from '../../src/domain/model/compatibility.ts';
import { assign } from '../../src/domain/placement/assign.ts';
import { covers, lackOf } from '../../src/domain/placement/compatible.ts';
import { errorCodeOf, sentenceOf } from '../../src/domain/placement/evidence.ts';
import { needsRefusal } from '../../src/domain/placement/feasible.ts';
import { candidateOf, ecuOf, MIB, macOf, newcomerOf } from '../support/placement-builders.ts';

const needs: CheckpointNeeds = {
  runtime: 'wasm',
  runtimeVersion: 2,
  memoryBytes: MIB,
  hostFunctions: ['drover.output', 'drover.camera'],
  subjects: ['task.0.a.in.>', 'task.0.a.out'],
  capabilities: ['can0'],
};
const able = {
  capabilities: ['can0', 'fpu'],
  offers: [{ runtime: 'wasm', version: 3, hostFunctions: ['drover.output', 'drover.log', 'drover.camera'] }],
  subjects: ['task.>'],
} as const;

describe('what a checkpoint needs', () => {
  it('is there where everything is offered, in this version or a later one', () => {
    expect(lackOf(needs, ecuOf(macOf(1), able))).toEqual([]);
    expect(lackOf({ ...needs, runtimeVersion: 3 }, ecuOf(macOf(1), able))).toEqual([]);
  });

  it('is named, all of it at once, where it lacks', () => {
    const ecu = ecuOf(macOf(1), {
      memoryBytes: 1000,
      offers: [{ runtime: 'wasm', version: 1, hostFunctions: ['drover.output'] }],
      subjects: ['task.*.*.out'],
    });
    expect(lackOf(needs, ecu)).toEqual([
      'runtime wasm ≥ 2',
      'host function drover.camera',
      '1048576 bytes of memory',
      'capability can0',
      'subject task.0.a.in.>',
    ]);
    expect(lackOf({ ...needs, runtime: 'worker' }, ecuOf(macOf(1), able))).toEqual(['runtime worker']);
  });

  it('of an ECU that says nothing is version 1 of what it has, and any subject', () => {
    const first = {
      ...needs,
      runtimeVersion: 1,
      hostFunctions: ['drover.output', 'drover.log', 'env.abort'],
      capabilities: [],
    };
    expect(lackOf(first, ecuOf(macOf(1)))).toEqual([]);
    expect(lackOf({ ...first, runtimeVersion: 2 }, ecuOf(macOf(1)))).toEqual(['runtime wasm ≥ 2']);
    expect(lackOf({ ...first, runtime: 'worker' }, ecuOf(macOf(1)))).toEqual(['runtime worker']);
  });

  it('refuses with the name of the ECU, for the planner as for the bridge', () => {
    const refusal = needsRefusal(needs, ecuOf(macOf(2), { ...able, name: 'ecu2', offers: [] }));
    expect(refusal).toEqual({ kind: 'needs', ecu: 'ecu2', lacks: ['runtime wasm ≥ 2', 'host function drover.camera'] });
    expect(refusal && [errorCodeOf(refusal), sentenceOf(refusal)]).toEqual([
      'ERR_ADMIT_CAPABILITY',
      'ecu2 lacks: runtime wasm ≥ 2, host function drover.camera',
    ]);
    expect(needsRefusal(undefined, ecuOf(macOf(2)))).toBeUndefined();
  });

  it('decides where a task goes, and says why nowhere', () => {
    const newcomer = { ...newcomerOf('a'), needs: { ...needs, capabilities: [] } };
    const poor = candidateOf(1, { description: { name: 'ecu1' } });
    const plan = assign({ newcomers: [newcomer], candidates: [poor, candidateOf(2, { description: able })] });
    expect(plan.assignments.map(({ mac }) => mac)).toEqual([macOf(2)]);
    const none = assign({ newcomers: [newcomer], candidates: [poor] });
    expect(none.unplaced[0]?.sentence).toBe(
      'none of 1 ECUs can take it: 1 needs (ecu1 lacks: runtime wasm ≥ 2, host function drover.camera)',
    );
    // Of the same requirements but for its checkpoint: not the same answer.
    const both = assign({ newcomers: [newcomer, newcomerOf('b')], candidates: [poor] });
    expect(both.assignments.map(({ task }) => task)).toEqual(['b']);
  });
});

describe('a pattern of subjects', () => {
  it.each([
    ['task.>', 'task.0.a.in.>', true],
    ['task.*.a.out', 'task.7.a.out', true],
    ['task.0.a.in.tick', 'task.0.a.in.>', false],
    ['task.*', 'task.>', false],
    ['task.0', 'task.0.a', false],
    ['task.0.a', 'task.0', false],
    ['>', 'task.0.a.out', true],
  ])('%s for %s: %s', (pattern, subject, answer) => {
    expect(covers(pattern, subject)).toBe(answer);
  });
});
