/** What of a source's outputs comes next, and where a route goes on, by the last datum alone. */
import { describe, expect, test } from 'vitest';
import { movedAlone, tornChain } from '../../../src/domain/invariants/moves-as-one.ts';
import { RoutedOnce } from '../../../src/domain/invariants/routed-once.ts';
import { header } from '../../../src/domain/protocol/subjects.ts';
import {
  beginningOf,
  chainOf,
  type LastDatum,
  nextOutput,
  positionAfter,
  repeatedOf,
  upstreamOf,
} from '../../../src/domain/task/routing.ts';

const datum = (number: number, more: Partial<LastDatum> = {}): LastDatum => ({
  number,
  sequence: 100 + number,
  routed: undefined,
  byHand: false,
  ...more,
});
const routed = (output: number, source = 'sensor') => ({ source, output, sequence: output * 10 });
const output = (number: number, marker = false) => ({ number, marker, sequence: number * 10 });

describe('a route begins', () => {
  test('with the first output that is there', () => {
    expect(beginningOf('sensor', undefined, undefined)).toEqual({ datum: 0, datumSequence: 0, output: 0, sequence: 0 });
    expect(beginningOf('sensor', datum(3), output(5))).toEqual({ datum: 3, datumSequence: 103, output: 4, sequence: 49 });
  });

  test('after the last one before a marker that stands first', () => {
    expect(beginningOf('sensor', undefined, output(7, true))).toMatchObject({ output: 7, sequence: 69 });
  });

  test('where it was, if the same source was routed before; where the outputs begin, if those are trimmed or another was', () => {
    expect(beginningOf('sensor', datum(9, { routed: routed(6) }), output(2))).toMatchObject({ output: 6, sequence: 60 });
    expect(beginningOf('sensor', datum(9, { routed: routed(6) }), output(9))).toMatchObject({ output: 8 });
    expect(beginningOf('sensor', datum(9, { routed: routed(6, 'camera') }), output(2))).toMatchObject({ output: 1 });
  });
});

describe('a route goes on', () => {
  const begun = { output: 4, sequence: 49, datum: 3, datumSequence: 103 };

  test('after what the last datum names', () => {
    expect(positionAfter('sensor', begun, datum(8, { routed: routed(6) }))).toMatchObject({ output: 6 });
    expect(positionAfter('sensor', begun, datum(8, { routed: routed(2) }))).toBe(begun);
  });

  test('where it began, while nothing came since or what came says so', () => {
    expect(positionAfter('sensor', begun, undefined)).toBe(begun);
    expect(positionAfter('sensor', begun, datum(3))).toBe(begun);
    expect(positionAfter('sensor', begun, datum(4, { byHand: true }))).toBe(begun);
  });

  test('nowhere, if somebody has appended who does not say', () => {
    expect(positionAfter('sensor', begun, datum(4))).toBe('unsure');
  });

  test('with the next output only: markers and what was routed are let go, a hole is told', () => {
    const position = { output: 4, sequence: 40 };
    expect(nextOutput(position, output(5))).toBe('next');
    expect(nextOutput(position, output(4))).toBe('drop');
    expect(nextOutput(position, output(4, true))).toBe('drop');
    expect(nextOutput(position, output(6))).toBe('missing');
    expect(nextOutput(position, output(5, true))).toBe('missing');
  });
});

test('who appends by hand repeats what the datum before said, and claims nothing after one that says nothing', () => {
  expect(repeatedOf(undefined)).toEqual({ [header.byHand]: '1' });
  expect(repeatedOf({ [header.number]: '4' })).toEqual({});
  const of = { [header.from]: 'sensor', [header.fromOutput]: '6', [header.fromSequence]: '60' };
  expect(repeatedOf({ ...of, [header.number]: '4' })).toEqual({ ...of, [header.byHand]: '1' });
  expect(repeatedOf({ [header.byHand]: '1' })).toEqual({ [header.byHand]: '1' });
});

test('a chain is all that is joined, those before before those after', () => {
  const edges = new Map([
    ['filter', 'sensor'],
    ['actuator', 'filter'],
    ['log', 'filter'],
    ['other', 'nothing'],
  ]);
  expect(chainOf('actuator', edges)).toEqual(['sensor', 'filter', 'actuator', 'log']);
  expect(chainOf('alone', edges)).toEqual(['alone']);
  const loop = new Map([
    ['a', 'b'],
    ['b', 'a'],
  ]);
  expect(upstreamOf('a', (task) => loop.get(task))).toEqual(['a', 'b']);
});

describe('routed-once tells of', () => {
  const payload = Uint8Array.of(1);
  const found = { marker: false, number: 1, payload };
  const one = { task: 'filter', source: 'sensor', number: 1, output: 1, payload, found };
  const begun = (): RoutedOnce => {
    const judge = new RoutedOnce();
    judge.accepted('sensor', 2);
    expect(judge.begun('filter', 'sensor', 0, 1)).toBeUndefined();
    return judge;
  };

  test('nothing, in a good run', () => {
    const judge = begun();
    expect(judge.datum(one)).toBeUndefined();
    expect(judge.datum({ ...one, number: 2, output: 2, found: undefined })).toBeUndefined();
    expect(judge.unrouted([['filter', 'sensor']])).toBeUndefined();
    expect(judge.begun('filter', 'sensor', 2, undefined)).toBeUndefined();
  });

  test.each([
    ['a marker', { ...one, found: { ...found, marker: true } }],
    ['other bytes', { ...one, payload: Uint8Array.of(2) }],
    ['one that is left out', { ...one, output: 2, found: undefined }],
    ['another source', { ...one, source: 'camera' }],
  ])('%s', (_, bad) => {
    expect(begun().datum(bad)?.invariant).toBe('routed-once');
  });

  test('one twice, one that never came, and a beginning that passes some over', () => {
    const judge = begun();
    judge.datum(one);
    expect(judge.datum({ ...one, number: 2 })?.sentence).toMatch(/the next one was 2/);
    expect(judge.unrouted([['filter', 'sensor']])?.sentence).toMatch(/of 2 outputs of sensor, 1 are data/);
    expect(judge.begun('filter', 'sensor', 2, 2)?.sentence).toMatch(/begins after output 2/);
  });
});

test('moves-as-one tells of one that goes alone, and of a chain that is torn', () => {
  const chain = 'chain/a.1.0';
  expect(movedAlone({ chain, state: 'committed' }, 'a', 'migration/a.1.0')).toBeUndefined();
  expect(movedAlone({ chain, state: 'pausing' }, 'a', 'migration/a.1.0')?.sentence).toMatch(/M1/);
  const moved = { task: 'a', epoch: 1, placementEpoch: 2, moved: true };
  const stayed = { task: 'b', epoch: 1, placementEpoch: 1, moved: false };
  expect(tornChain({ chain, state: 'done' }, [moved])).toBeUndefined();
  expect(tornChain({ chain, state: 'aborted' }, [stayed])).toBeUndefined();
  expect(tornChain({ chain, state: 'done' }, [moved, stayed])?.sentence).toMatch(/M3/);
  expect(tornChain({ chain, state: 'aborted' }, [moved, stayed])?.sentence).toMatch(/M2/);
});
