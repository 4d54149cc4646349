/** Which checkpoint a restore asks for, when managers lag and die. */
import { describe, expect, it } from 'vitest';
import { FleetKnowledge } from '../../../actors/fleet-knowledge.ts';
import type { Shell } from '../../../actors/shell.ts';
import type { CheckpointReference } from '../../../src/domain/model/checkpoint.ts';
import type { PlacementContext } from '../../../statecharts/placement.machine.ts';

const checkpoint = (sequence: number, epoch = 3): CheckpointReference => ({
  task: 'alpha',
  epoch,
  sequence,
  input: { sequence: sequence * 10, dataNumber: sequence, tickNumber: sequence },
  outputNumber: sequence,
  stateDigest: 'ab'.repeat(32),
  holders: [],
});

/** The shells are asked for placements and ECUs only, which this knowledge has none of. */
const knowledge = () => {
  const nothing = { view: () => undefined, views: () => [].values() } as unknown as Shell;
  return new FleetKnowledge({ replicated: nothing, local: nothing });
};

const placement = (trim = 0): PlacementContext => ({
  task: 'alpha',
  epoch: 3,
  trim: { sequence: trim, dataNumber: 0, tickNumber: 0 },
});

describe('the checkpoint a restore asks for', () => {
  it('is the newest that a living manager can rebuild', () => {
    const fleet = knowledge();
    fleet.noteHolder(checkpoint(4), 'm1');
    fleet.noteHolder(checkpoint(4), 'm2');
    fleet.noteHolder(checkpoint(5), 'm2');
    expect(fleet.newestReference(placement())).toMatchObject({ sequence: 5, holders: ['m2'] });
    fleet.deadManagers.add('m2');
    expect(fleet.newestReference(placement())).toMatchObject({ sequence: 4, holders: ['m1'] });
  });

  it('is found at a manager that lagged far behind the one that died', () => {
    const fleet = knowledge();
    fleet.noteHolder(checkpoint(1), 'm1');
    for (let sequence = 1; sequence <= 40; sequence++) fleet.noteHolder(checkpoint(sequence), 'm2');
    fleet.deadManagers.add('m2');
    expect(fleet.newestReference(placement())).toMatchObject({ sequence: 1, holders: ['m1'] });
  });

  it('is any other before one that was refuted, and that one where there is no other', () => {
    const fleet = knowledge();
    for (const sequence of [4, 5, 6]) fleet.noteHolder(checkpoint(sequence), 'm1');
    const refuted = (...sequences: number[]) =>
      fleet.noteRefuted(
        'alpha',
        sequences.map((sequence) => ({ epoch: 3, sequence })),
      );
    refuted(6, 5);
    expect(fleet.newestReference(placement())).toMatchObject({ sequence: 4 });
    expect(fleet.safety({ ...placement() }, 0).checkpoint).toMatchObject({ sequence: 4 });
    refuted(6, 5, 4);
    expect(fleet.newestReference(placement())).toMatchObject({ sequence: 6 });
  });

  it('is none whose next inputs were trimmed, and none of a later epoch than the placement', () => {
    const fleet = knowledge();
    fleet.noteHolder(checkpoint(1), 'm1');
    fleet.noteHolder(checkpoint(2, 4), 'm1');
    expect(fleet.newestReference(placement(11))).toBeUndefined();
    expect(fleet.newestReference(placement(10))).toMatchObject({ epoch: 3, sequence: 1 });
  });
});
