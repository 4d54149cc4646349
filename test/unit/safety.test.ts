/** What `status` says of a task's state: it follows what living managers hold, not how far the fastest of them is. */
import { expect, test } from 'vitest';
import { FleetKnowledge } from '../../actors/fleet-knowledge.ts';
import type { Shell } from '../../actors/shell.ts';
import type { TaskSpec } from '../../src/domain/model/task.ts';
import type { PlacementContext } from '../../statecharts/placement.machine.ts';

/** Nothing asked here reads a record. */
const NO_RECORDS = { view: () => undefined, views: () => [].values() } as unknown as Shell;
const PLACEMENT: PlacementContext = { task: 'pid', epoch: 3, spec: { checkpoint: { quorum: 2 } } as TaskSpec };

const knowing = (): FleetKnowledge => new FleetKnowledge({ replicated: NO_RECORDS, local: NO_RECORDS });
const at = (sequence: number, epoch = 3) => ({
  task: 'pid',
  epoch,
  sequence,
  input: { sequence: 10 * sequence, dataNumber: 0, tickNumber: sequence },
  outputNumber: sequence,
  stateDigest: '00',
  holders: [],
});

test('one manager that is ahead of the other degrades nothing', () => {
  const knowledge = knowing();
  expect(knowledge.safety(PLACEMENT, 0)).toEqual({ checkpoint: undefined, ageUs: undefined, durability: 'none' });
  knowledge.noteHolder(at(1), 'm1', 100);
  expect(knowledge.safety(PLACEMENT, 250)).toMatchObject({ checkpoint: { sequence: 1 }, ageUs: 150, durability: 'degraded' });
  knowledge.noteHolder(at(1), 'm2', 130);
  expect(knowledge.safety(PLACEMENT, 250)).toMatchObject({ checkpoint: { sequence: 1 }, ageUs: 150, durability: 'durable' });
  for (let sequence = 2; sequence < 30; sequence++) {
    knowledge.noteHolder(at(sequence), 'm1', 100 * sequence);
    expect(knowledge.safety(PLACEMENT, 3_000).durability).toBe('durable');
  }
  knowledge.noteHolder(at(28), 'm2', 2_900);
  expect(knowledge.safety(PLACEMENT, 3_000)).toMatchObject({ checkpoint: { sequence: 28, holders: ['m1', 'm2'] }, ageUs: 200 });
});

test('a manager that is gone holds nothing, and its return brings its copies back', () => {
  const knowledge = knowing();
  for (const manager of ['m1', 'm2']) knowledge.noteHolder(at(1), manager);
  knowledge.deadManagers.add('m2');
  expect(knowledge.safety(PLACEMENT, 0)).toMatchObject({ checkpoint: { holders: ['m1'] }, durability: 'degraded' });
  knowledge.deadManagers.add('m1');
  expect(knowledge.safety(PLACEMENT, 0).durability).toBe('none');
  knowledge.deadManagers.clear();
  expect(knowledge.safety(PLACEMENT, 0).durability).toBe('durable');
});

test('a checkpoint whose next inputs were trimmed, or of an epoch that is not the placement’s yet, counts for nothing', () => {
  const knowledge = knowing();
  for (const manager of ['m1', 'm2']) knowledge.noteHolder(at(1), manager);
  const trimmed = { ...PLACEMENT, trim: { sequence: 11, dataNumber: 0, tickNumber: 1 } };
  expect(knowledge.safety(trimmed, 0).durability).toBe('none');
  expect(knowledge.safety({ ...PLACEMENT, epoch: 2 }, 0).durability).toBe('none');
});
