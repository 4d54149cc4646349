/** Preferences that weigh and do not bind: the kind of unit, and data gravity. */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { parseTaskFile } from '../../src/app/task-file.ts';
import { NO_AFFINITY } from '../../src/domain/model/task.ts';
import { validateTaskSpec } from '../../src/domain/model/task-spec.ts';
import { acceptedTaskOf } from '../../src/domain/placement/admit.ts';
import { assign } from '../../src/domain/placement/assign.ts';
import { readTaskSpec, writeTaskSpec } from '../../src/domain/protocol/codec-task.ts';
import { TaskSpecSchema } from '../../src/domain/protocol/generated/drover/v1/task_pb.ts';
import { candidateOf, macOf, specOf } from '../support/placement-builders.ts';

const light = { hardDeadline: false, periodUs: 10_000, wcetUs: 100 };
const running = (name: string) => acceptedTaskOf(specOf(name, light), 1);
const placed = (affinity: object, candidates: Parameters<typeof assign>[0]['candidates']) =>
  assign({ newcomers: [{ spec: specOf('me', { ...light, affinity: { ...NO_AFFINITY, ...affinity } }) }], candidates });

test('a preferred kind is chosen where it is as good, and given up where it has no room', () => {
  const gpu = candidateOf(2, { description: { resourceKind: 'gpu' } });
  expect(placed({}, [candidateOf(1), gpu]).assignments[0]?.mac).toBe(macOf(1));
  expect(placed({ preferredKind: 'gpu' }, [candidateOf(1), gpu]).assignments[0]?.mac).toBe(macOf(2));
  const full = candidateOf(2, { description: { resourceKind: 'gpu', memoryBytes: 1024 } });
  expect(placed({ preferredKind: 'gpu' }, [candidateOf(1), full]).assignments[0]?.mac).toBe(macOf(1));
});

test('the kind and the labels share what is preferred', () => {
  const zone = { labels: { zone: 'front' } };
  const of = (description: object) =>
    placed({ preferredKind: 'gpu', preferredLabels: { zone: 'front' } }, [candidateOf(1, { description })]).assignments[0]
      ?.score.preferred;
  expect([of({}), of(zone), of({ ...zone, resourceKind: 'gpu' })]).toEqual([0, 0.5, 1]);
});

test('it is drawn to where most of those run that it exchanges data with, and says so in its score', () => {
  const there = [candidateOf(1, { accepted: [running('a')] }), candidateOf(2, { accepted: [running('b'), running('c')] })];
  const near = ['a', 'b', 'c'];
  expect(placed({}, there).assignments[0]?.score.near).toBeUndefined();
  const plan = placed({ near }, there);
  expect(plan.assignments[0]).toMatchObject({ mac: macOf(2), score: { near: 2 / 3 } });
  const shown = plan.decisions[0]?.candidates.map((one) => one.verdict === 'feasible' && one.score.near);
  expect(shown).toEqual([2 / 3, 1 / 3]);
  // A weight, not a condition: where there is no room it goes elsewhere.
  const full = candidateOf(2, { accepted: [running('b'), running('c')], description: { memoryBytes: 3 * 1024 * 1024 - 1 } });
  expect(placed({ near }, [there[0] as (typeof there)[0], full]).assignments[0]?.mac).toBe(macOf(1));
});

test('those of the same plan draw each other as well', () => {
  const spec = (name: string, near: readonly string[]) => specOf(name, { ...light, affinity: { ...NO_AFFINITY, near } });
  const newcomers = [spec('x', ['y']), spec('y', ['x'])].map((one) => ({ spec: one }));
  const [first, second] = assign({ newcomers, candidates: [candidateOf(1), candidateOf(2)] }).assignments;
  expect(second?.mac).toBe(first?.mac);
});

test('they go over the wire, into task files, and are checked', () => {
  const spec = specOf('me', { affinity: { ...NO_AFFINITY, preferredKind: 'fpga', near: ['a'] } });
  const bytes = toBinary(TaskSpecSchema, create(TaskSpecSchema, writeTaskSpec(spec)));
  expect(readTaskSpec(fromBinary(TaskSpecSchema, bytes)).affinity).toEqual(spec.affinity);
  const plain = toBinary(TaskSpecSchema, create(TaskSpecSchema, writeTaskSpec(specOf('me'))));
  expect(readTaskSpec(fromBinary(TaskSpecSchema, plain)).affinity).toEqual(NO_AFFINITY);
  const file = (affinity: string) =>
    parseTaskFile(`name: me\nperiod: 10 ms\nwcet: 1 ms\naffinity: ${affinity}`, 'task.yaml').draft.affinity;
  expect(file('{ preferredKind: gpu, near: [a] }')).toMatchObject({ preferredKind: 'gpu', near: ['a'] });
  expect(Object.keys(file('{}'))).not.toContain('near');
  expect(() => file('{ near: [a], apart: [a] }')).toThrow(/both near and apart/);
  const checked = (affinity: object) => validateTaskSpec({ ...spec, affinity: { ...affinity } });
  expect(checked({ near: ['me'] })).toMatchObject({ ok: false, error: [{ field: 'affinity.near' }] });
  expect(checked({ resourceKind: 'cpu', preferredKind: 'gpu' })).toMatchObject({
    ok: false,
    error: [{ field: 'affinity.preferredKind' }],
  });
});
