import { describe, expect, it } from 'vitest';
import { failoversOf, type Kill, summariseFailovers } from '../../../src/app/chaos/failover-times.ts';
import type { PlacementStepSeen, RecordedOutput, Recording } from '../../../src/app/chaos/recording.ts';

const first = { mac: '02aa00000001', incarnation: 1 };
const second = { mac: '02aa00000002', incarnation: 4 };
const kill: Kill = { kind: 'ecu', atUs: 100_000, owner: first, manager: undefined };

const step = (parts: Partial<PlacementStepSeen>): PlacementStepSeen => ({
  revision: 1,
  atUs: 0,
  state: 'owned',
  epoch: 1,
  owner: first,
  takenBy: 'arbiter/request.a.0',
  takeId: undefined,
  reason: undefined,
  event: { type: 'INSTANCE.RAN' },
  ...parts,
});

const output = (parts: Partial<RecordedOutput>): RecordedOutput => ({
  sequence: 1,
  epoch: 1,
  nonce: '',
  marker: false,
  number: 1,
  channel: 0,
  payload: new Uint8Array(0),
  atUs: 0,
  ...parts,
});

const failure = `arbiter/failure.${first.mac}.1`;

function recordingOf(outputs: RecordedOutput[], placements: PlacementStepSeen[]): Recording {
  return {
    tasks: new Map([['a', { inputs: [], outputs, placements }]]),
    claims: new Map([
      ['arbiter/request.a.0', { atUs: 1_000, writer: 'manager.m1' }],
      [failure, { atUs: 105_000, writer: 'manager.m2' }],
    ]),
    unreadable: [],
  };
}

describe('failover times', () => {
  const outputs = [
    output({ epoch: 1, number: 9, atUs: 99_000 }),
    output({ epoch: 2, number: 9, atUs: 117_000, marker: true }),
    output({ epoch: 2, number: 10, atUs: 121_500 }),
    output({ epoch: 2, number: 11, atUs: 131_000 }),
  ];
  const granted = step({ atUs: 108_000, epoch: 2, owner: second, state: 'assigned', takenBy: failure });

  it('split the time from the kill to the first output by the server’s timestamps', () => {
    const [failover, ...more] = failoversOf(recordingOf(outputs, [step({ atUs: 2_000 }), granted]), [kill]);
    expect(more).toEqual([]);
    expect(failover).toMatchObject({
      task: 'a',
      epoch: 2,
      totalUs: 21_500,
      detectUs: 5_000,
      decideUs: 3_000,
      restoreUs: 9_000,
      outputUs: 4_500,
    });
    expect(summariseFailovers([failover as NonNullable<typeof failover>]).failoverMs).toEqual({
      n: 1,
      p50: 21.5,
      p99: 21.5,
      max: 21.5,
    });
  });

  it('count only tasks that the killed incarnation owned at that moment', () => {
    const other: Kill = { ...kill, owner: { ...first, incarnation: 2 } };
    expect(failoversOf(recordingOf(outputs, [step({ atUs: 2_000 }), granted]), [other])).toEqual([]);
    expect(failoversOf(recordingOf(outputs, [step({ atUs: 101_000 }), granted]), [kill])).toEqual([]);
  });

  it('are those of the instance that gave the first output when a second kill came between', () => {
    const third = `arbiter/failure.${second.mac}.4`;
    const recording = recordingOf(
      [
        outputs[0] as RecordedOutput,
        output({ epoch: 2, atUs: 117_000, marker: true }),
        output({ epoch: 3, atUs: 150_000, marker: true }),
        output({ epoch: 3, number: 10, atUs: 151_000 }),
      ],
      [step({ atUs: 2_000 }), granted, step({ atUs: 140_000, epoch: 3, takenBy: third })],
    );
    const claims = new Map([...recording.claims, [third, { atUs: 135_000, writer: 'manager.m1' }]]);
    expect(failoversOf({ ...recording, claims }, [kill])[0]).toMatchObject({
      epoch: 3,
      totalUs: 51_000,
      detectUs: 35_000,
      restoreUs: 10_000,
    });
  });
});
