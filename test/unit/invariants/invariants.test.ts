/** Each checker passes what is right, and fails for each way in which it can be wrong: a judge that never convicts is none. */
import { describe, expect, test } from 'vitest';
import {
  droppedEarly,
  type MigrationThen,
  tornMigration,
  unansweredEpoch,
  writesUngiven,
} from '../../../src/domain/invariants/atomic-migration.ts';
import { keptForNobody, leftOver, tooMany } from '../../../src/domain/invariants/conservation.ts';
import { DurableBeforeFree, unstored } from '../../../src/domain/invariants/durable-before-free.ts';
import { NoLostWork } from '../../../src/domain/invariants/no-lost-work.ts';
import { OneRestore, type PlacementStep } from '../../../src/domain/invariants/one-restore.ts';
import { Replayable } from '../../../src/domain/invariants/replayable.ts';
import { shedBeforeLower, unsaid } from '../../../src/domain/invariants/restore-or-say-why.ts';
import { overfilled } from '../../../src/domain/invariants/schedulable.ts';
import { type AcceptedMessage, SingleWriter } from '../../../src/domain/invariants/single-writer.ts';
import { type AcceptedTick, TicksIncrease } from '../../../src/domain/invariants/ticks-increase.ts';
import type { Violation } from '../../../src/domain/invariants/violation.ts';
import type { ActorRecord } from '../../../src/domain/model/record.ts';
import { validateTaskSpec } from '../../../src/domain/model/task-spec.ts';
import { acceptedTaskOf } from '../../../src/domain/placement/admit.ts';

const first = (violations: readonly (Violation | undefined)[]): string | undefined =>
  violations.find((violation) => violation !== undefined)?.sentence;

describe('single-writer', () => {
  let sequence = 0;
  const message = (
    kind: 'marker' | 'output',
    epoch: number,
    nonce: string,
    outputNumber: number,
    task = 'pid',
  ): AcceptedMessage => ({ task, sequence: ++sequence, epoch, nonce, marker: kind === 'marker', outputNumber });
  const judge = (...messages: readonly AcceptedMessage[]): string | undefined => {
    const checker = new SingleWriter();
    return first(messages.map((entry) => checker.accept(entry)));
  };
  const start = [message('marker', 1, 'a', 0), message('output', 1, 'a', 1), message('output', 1, 'a', 2)];

  test('one instance after the other passes, tasks apart', () => {
    expect(
      judge(...start, message('marker', 3, 'b', 2), message('output', 3, 'b', 3), message('marker', 2, 'x', 0, 'other')),
    ).toBeUndefined();
  });
  test('W1: an output before its marker fails', () => {
    expect(judge(...start, message('output', 2, 'b', 3))).toContain('W1');
    expect(judge(message('output', 1, 'a', 1))).toContain('W1');
  });
  test('W1: a second marker of one instance fails', () => {
    expect(judge(...start, message('marker', 1, 'a', 2))).toContain('W1');
  });
  test('W2: a stale output, and a stale marker, after a later epoch fail', () => {
    expect(judge(...start, message('marker', 2, 'b', 2), message('output', 1, 'a', 3))).toContain('W2');
    expect(judge(...start, message('marker', 3, 'b', 2), message('marker', 2, 'c', 2))).toContain('W2');
  });
  test('W3: a second nonce in one epoch fails', () => {
    expect(judge(...start, message('marker', 1, 'b', 2))).toContain('W3');
    expect(judge(...start, message('output', 1, 'b', 3))).toContain('W3');
  });
  test('W4: a gap, a repetition and a marker that forgot an output fail', () => {
    expect(judge(...start, message('output', 1, 'a', 4))).toContain('W4');
    expect(judge(...start, message('output', 1, 'a', 2))).toContain('W4');
    expect(judge(...start, message('marker', 2, 'b', 1))).toContain('W4');
  });
});

describe('one-restore', () => {
  let revision = 0;
  const step = (
    epoch: number,
    takenBy: string,
    options: { owner?: string; expectedEpoch?: number; task?: string } = {},
  ): PlacementStep => ({
    task: options.task ?? 'pid',
    revision: ++revision,
    epoch,
    takenBy,
    expectedEpoch: options.expectedEpoch,
    owner: options.owner,
  });
  const judge = (...steps: readonly PlacementStep[]): string | undefined => {
    const checker = new OneRestore();
    return first(steps.map((entry) => checker.step(entry)));
  };

  test('epochs that follow one another pass, each with its owner', () => {
    expect(
      judge(
        step(0, ''),
        step(1, 'deploy', { expectedEpoch: 0 }),
        step(1, 'deploy', { owner: 'e1#1' }),
        step(2, 'arbiter/e1.1', { expectedEpoch: 1 }),
        step(2, 'arbiter/e1.1', { owner: 'e2#1' }),
      ),
    ).toBeUndefined();
  });
  test('O1: an epoch that goes back fails', () => {
    expect(judge(step(1, 'x'), step(2, 'y'), step(1, 'x'))).toContain('O1');
  });
  test('O2: one expected epoch that is granted twice fails', () => {
    expect(
      judge(step(1, 'x', { expectedEpoch: 0 }), step(2, 'm1', { expectedEpoch: 1 }), step(3, 'm2', { expectedEpoch: 1 })),
    ).toContain('O2');
  });
  test('O2: a taker that followed another epoch than the one there fails', () => {
    expect(judge(step(2, 'x', { expectedEpoch: 0 }), step(5, 'm1', { expectedEpoch: 4 }))).toContain('O2');
  });
  test('O3: an epoch with two takers, or two owners, fails', () => {
    expect(judge(step(1, 'm1'), step(1, 'm2'))).toContain('O3');
    expect(judge(step(1, 'm1', { owner: 'e1#1' }), step(1, 'm1', { owner: 'e1#2' }))).toContain('O3');
  });
});

describe('no-lost-work', () => {
  /** A task that gives as many outputs as its input says, each the running sum. */
  const checker = (): NoLostWork<number> =>
    new NoLostWork(() => {
      let sum = 0;
      return (input) => Array.from({ length: input }, (_, index) => ({ channel: index, payload: Uint8Array.of(++sum) }));
    });
  const fed = (): NoLostWork<number> => {
    const work = checker();
    for (const input of [2, 0, 1]) work.record('pid', input);
    return work;
  };

  test('all outputs in order pass, and leave nothing owed', () => {
    const work = fed();
    expect([
      work.accept('pid', { channel: 0, payload: Uint8Array.of(1) }),
      work.accept('pid', { channel: 1, payload: Uint8Array.of(2) }),
      work.accept('pid', { channel: 0, payload: Uint8Array.of(3) }),
    ]).toEqual([undefined, undefined, undefined]);
    expect(work.settled()).toBe(true);
    expect(work.atRest()).toEqual([]);
  });
  test('L1: a changed byte, length or channel fails', () => {
    expect(fed().accept('pid', { channel: 0, payload: Uint8Array.of(9) })?.sentence).toContain('L1');
    expect(fed().accept('pid', { channel: 0, payload: Uint8Array.of(1, 0) })?.sentence).toContain('L1');
    expect(fed().accept('pid', { channel: 1, payload: Uint8Array.of(1) })?.sentence).toContain('L1');
  });
  test('L1: a doubled and a skipped output fail', () => {
    const work = fed();
    work.accept('pid', { channel: 0, payload: Uint8Array.of(1) });
    expect(work.accept('pid', { channel: 0, payload: Uint8Array.of(1) })?.sentence).toContain('L1');
    expect(fed().accept('pid', { channel: 1, payload: Uint8Array.of(2) })?.sentence).toContain('L1');
  });
  test('L1: an output that no recorded input gives fails', () => {
    expect(checker().accept('pid', { channel: 0, payload: Uint8Array.of(1) })?.sentence).toContain('L1');
  });
  test('L2: an output that never came is owed at rest', () => {
    const work = fed();
    work.accept('pid', { channel: 0, payload: Uint8Array.of(1) });
    expect(work.settled()).toBe(false);
    expect(work.atRest().map((violation) => violation.sentence)).toEqual([expect.stringContaining('L2')]);
  });
});

describe('ticks that run ahead of the clock', () => {
  const PERIOD_US = 10_000;
  const tick = (number: number, skipped: number, atUs: number, periodUs = PERIOD_US): AcceptedTick => ({
    task: 'pid',
    sequence: number,
    epoch: 1,
    number,
    skipped,
    timing: { atUs, periodUs },
  });
  const judge = (...ticks: readonly AcceptedTick[]): string | undefined => {
    const checker = new TicksIncrease();
    return first(ticks.map((entry) => checker.accept(entry)));
  };
  test('as many as periods have passed, and fewer, pass; so does another period', () => {
    expect(judge(tick(1, 0, 0), tick(2, 0, PERIOD_US), tick(5_000, 4_997, 60_000_000))).toBeUndefined();
    expect(judge(tick(1, 0, 0), tick(2, 0, PERIOD_US), tick(5_000, 4_997, 6_000_000, 1_000))).toBeUndefined();
  });
  test('T4: more than have passed fail', () => {
    expect(judge(tick(1, 0, 0), tick(2, 0, PERIOD_US), tick(5_000, 4_997, 20_000_000))).toContain('T4');
  });
});

describe('ticks-increase', () => {
  let sequence = 0;
  const tick = (number: number, epoch = 1, skipped = 0): AcceptedTick => ({
    task: 'pid',
    sequence: ++sequence,
    epoch,
    number,
    skipped,
  });
  const judge = (...ticks: readonly AcceptedTick[]): string | undefined => {
    const checker = new TicksIncrease();
    return first(ticks.map((entry) => checker.accept(entry)));
  };

  test('a sequence with counted skips passes, over epochs', () => {
    expect(judge(tick(1), tick(2), tick(6, 2, 3), tick(7, 2))).toBeUndefined();
  });
  test('T1: a number that repeats or goes back fails', () => {
    expect(judge(tick(1), tick(1))).toContain('T1');
    expect(judge(tick(1), tick(2), tick(1))).toContain('T1');
  });
  test('T2: a gap that is not said, or said wrongly, fails', () => {
    expect(judge(tick(1), tick(3))).toContain('T2');
    expect(judge(tick(1), tick(3, 1, 2))).toContain('T2');
  });
  test('T3: a tick of an older epoch fails', () => {
    expect(judge(tick(1, 2), tick(2, 1))).toContain('T3');
  });
});

describe('durable-before-free', () => {
  const word = { task: 'pid', epoch: 3, sequence: 7 };
  const freed = (holders: readonly [string, number, number?][], coLocated: readonly string[] = []): string | undefined => {
    const checker = new DurableBeforeFree();
    for (const [manager, sequence, epoch = 3] of holders) checker.stored({ task: 'pid', epoch, sequence, manager });
    return checker.freed({ ...word, quorum: 2, coLocated: new Set(coLocated) })?.sentence;
  };

  test('a quorum that has it, or a later one, passes', () => {
    expect(
      freed([
        ['m1', 7],
        ['m2', 9],
      ]),
    ).toBeUndefined();
    expect(
      freed([
        ['m1', 9],
        ['m1', 2],
        ['m2', 7],
      ]),
    ).toBeUndefined();
  });

  test.each([
    ['one manager is no quorum', [['m1', 7]], []],
    [
      'an earlier state is not this one',
      [
        ['m1', 7],
        ['m2', 6],
      ],
      [],
    ],
    [
      'nor one of another epoch',
      [
        ['m1', 7],
        ['m2', 8, 2],
      ],
      [],
    ],
    [
      'a copy on the same ECU does not count',
      [
        ['m1', 7],
        ['m2', 7],
      ],
      ['m2'],
    ],
  ] as const)('%s', (_, holders, coLocated) => {
    expect(freed(holders as unknown as [string, number, number?][], coLocated)).toMatch(/was freed when 1 of 2/);
  });
});

describe('schedulable', () => {
  const ecu = { cores: 1, memoryBytes: 100, capabilities: [], runtimes: ['wasm'] as const, draining: false };
  const task = (name: string, memoryBytesMax: number, wcetUs: number) => ({
    task: name,
    epoch: 1,
    periodUs: 1_000,
    wcetUs,
    deadlineUs: 1_000,
    priority: 1,
    memoryBytesMax,
    hardDeadline: true,
  });

  test('what fits passes; what lacks memory, or time, is named', () => {
    expect(overfilled('02', [task('a', 50, 500), task('b', 50, 500)], ecu)).toBeUndefined();
    expect(overfilled('02', [task('a', 60, 1), task('b', 50, 1)], ecu)?.sentence).toMatch(/has accepted a, b/);
    expect(overfilled('02', [task('a', 1, 600), task('b', 1, 600)], ecu)?.sentence).toMatch(/has accepted a, b/);
  });
});

describe('restore-or-say-why', () => {
  const word = { task: 'pid', revision: 4 };

  test.each(['shed', 'lost', 'crashed'])('who is %s says why', (state) => {
    expect(unsaid({ ...word, state, reason: 'no memory' })).toBeUndefined();
    expect(unsaid({ ...word, state, reason: undefined })?.sentence).toMatch(/nobody says why/);
    expect(unsaid({ ...word, state: 'owned', reason: undefined })).toBeUndefined();
  });
});

describe('conservation', () => {
  test('a record at its end holds no timer and no open entry', () => {
    const timer = { id: 'lease', eventType: 'LEASE', delayUs: 1, armedBy: 2 };
    const entry = { id: 'e', key: 'plan', effect: '{}', openedBy: 2 };
    expect(leftOver('arbiter/a', { revision: 3, timers: [], outbox: [] })).toBeUndefined();
    expect(leftOver('arbiter/a', { revision: 3, timers: [timer], outbox: [] })?.sentence).toMatch(/timers lease/);
    expect(leftOver('arbiter/a', { revision: 3, timers: [], outbox: [entry] })?.sentence).toMatch(/entries plan/);
  });
});

describe('atomic-migration', () => {
  const actor = 'migration/pid.3.0';
  const then = (more: Partial<MigrationThen>): MigrationThen => ({
    actor,
    task: 'pid',
    expectedEpoch: 3,
    state: 'duplicating.full',
    tookEpoch: undefined,
    handedOver: false,
    following: false,
    placement: { state: 'owned', epoch: 3, takenBy: 'arbiter/failure.a.1' },
    source: 'runs',
    ...more,
  });
  const took = (state: string, epoch = 4, takenBy = actor): Partial<MigrationThen> => ({
    tookEpoch: 4,
    handedOver: true,
    source: 'stands-still',
    placement: { state, epoch, takenBy },
  });
  test('one under way passes, one that was given up, and one that went through, or on to another', () => {
    for (const more of [
      {},
      { state: 'aborted' },
      { state: 'aborted', source: 'is-dead' } as const,
      { state: 'rejected' },
      { state: 'rollingBack.resuming', handedOver: true },
      { state: 'switching.starting', ...took('assigned') },
      { state: 'done', ...took('owned') },
      { state: 'superseded', ...took('assigned', 5, 'arbiter/x') },
    ])
      expect(tornMigration(then(more))).toBeUndefined();
  });
  test('A1: a source that was left standing still, or stopped, for nothing fails', () => {
    expect(tornMigration(then({ state: 'aborted', source: 'stands-still' }))?.sentence).toContain('A1');
    expect(tornMigration(then({ state: 'rejected', source: 'has-it-not' }))?.sentence).toContain('A1');
  });
  test('A2: an epoch that nobody answers for fails, of a migration and of a restore', () => {
    expect(tornMigration(then({ state: 'done', ...took('assigned') }))?.sentence).toContain('A2');
    const placement = { state: 'assigned', epoch: 4, takenBy: 'arbiter/x' };
    expect(unansweredEpoch({ actor: 'arbiter/x', task: 'pid', tookEpoch: 4, placement })?.sentence).toContain('A2');
    expect(unansweredEpoch({ actor: 'arbiter/x', task: 'pid', tookEpoch: undefined, placement })).toBeUndefined();
  });
  test('A3: a commit that is not on the placement’s record fails', () => {
    expect(tornMigration(then({ state: 'switching.starting', ...took('moving', 3) }))?.sentence).toContain('A3');
    expect(tornMigration(then({ state: 'switching.starting', ...took('assigned', 4, 'arbiter/x') }))?.sentence).toContain('A3');
  });
  test('A4: a source that goes on before the abort is on record fails', () => {
    const placement = { state: 'moving', epoch: 3, takenBy: 'arbiter/failure.a.1' };
    expect(tornMigration(then({ state: 'rollingBack.aborting', handedOver: true, placement }))?.sentence).toContain('A4');
    expect(tornMigration(then({ state: 'switching.committing', handedOver: true, placement }))?.sentence).toContain('A4');
  });
  test('A5: a state that is let go before the target’s is durable fails', () => {
    const said = { actor, task: 'pid', tookEpoch: 4, quorum: 2 };
    expect(droppedEarly({ ...said, storedBy: 2 })).toBeUndefined();
    expect(droppedEarly({ ...said, storedBy: 1 })?.sentence).toContain('A5');
  });
  test('A6: an instance that writes in an epoch that nobody gave fails', () => {
    expect(writesUngiven('pid', 4, 4)).toBeUndefined();
    expect(writesUngiven('pid', 5, 4)?.sentence).toContain('A6');
  });
});

describe('replayable', () => {
  const record = (revision: number, more: Partial<ActorRecord> = {}): ActorRecord => ({
    actor: 'placement/pid',
    revision,
    chartVersion: 1,
    writer: 'manager.m1',
    writerIncarnation: 1,
    attempt: `m1.${revision}`,
    atUs: revision,
    event: { type: 'TASK.DECLARED', id: `e${revision}`, json: JSON.stringify({ type: 'TASK.DECLARED', id: `e${revision}` }) },
    snapshot: '{}',
    timers: [],
    outbox: [],
    seen: [],
    trace: '',
    ...more,
  });
  const event = (fields: object): ActorRecord['event'] => ({
    type: 'X',
    id: 'x',
    json: JSON.stringify({ type: 'X', id: 'x', ...fields }),
  });
  const entry = (id: string): ActorRecord['outbox'][number] => ({ id, key: 'k', effect: '{}', openedBy: 1 });
  const timer = { id: 't', eventType: 'due', delayUs: 1, armedBy: 1 };
  /** `made`: what the chart makes of the second record; by default what it says itself. */
  const judge = (second: ActorRecord, firstOne = record(1), made: Partial<ActorRecord> = {}): string | undefined => {
    const checker = new Replayable((_, one) => (one.revision === 1 ? one : { ...one, ...made }));
    return first([checker.record(firstOne), checker.record(second)]);
  };
  test('a journal that its chart makes again passes, also where done entries are left out', () => {
    expect(judge(record(2), record(1), { outbox: [entry('a')] })).toBeUndefined();
    const opened = record(1, { outbox: [entry('a')], timers: [timer] });
    expect(judge(record(2, { event: event({ closes: 'a' }) }), opened)).toBeUndefined();
    expect(judge(record(2, { event: event({ timer: 't', armedBy: 1 }) }), opened)).toBeUndefined();
  });
  test('P1: a gap, and time that goes back, fail', () => {
    expect(judge(record(3))).toContain('P1');
    expect(judge(record(2, { atUs: 0 }))).toContain('P1');
  });
  test('P2: another snapshot, and no chart, fail', () => {
    expect(judge(record(2), record(1), { snapshot: '{"value":"other"}' })).toContain('P2');
    expect(new Replayable(() => undefined).record(record(1))?.sentence).toContain('P2');
  });
  test('P3: other timers, and an entry from nowhere, fail', () => {
    expect(judge(record(2), record(1), { timers: [timer] })).toContain('P3');
    expect(judge(record(2, { outbox: [entry('a')] }), record(1), { outbox: [] })).toContain('P3');
  });
  test('P4: an event taken twice, a stale answer and a stale timer fail', () => {
    expect(judge(record(2, { event: event({}) }), record(1, { seen: ['x'] }))).toContain('P4');
    expect(judge(record(2, { event: event({ closes: 'a' }) }))).toContain('P4');
    expect(judge(record(2, { event: event({ timer: 't', armedBy: 1 }) }))).toContain('P4');
  });
});

describe('what a manager says it stored', () => {
  const word = { task: 'pid', epoch: 1, sequence: 4, manager: 'm1' };
  test('F3: passes when it can rebuild it, and fails when it cannot', () => {
    expect(unstored(word, true)).toBeUndefined();
    expect(unstored(word, false)?.sentence).toContain('F3');
  });
});

describe('conservation at rest', () => {
  test('V3: a place kept for a task that is not owned fails', () => {
    expect(keptForNobody('02aa00000001', ['a', 'b'], () => true)).toBeUndefined();
    expect(keptForNobody('02aa00000001', ['a', 'b'], (task) => task === 'a')?.sentence).toContain('keeps a place for b,');
  });
  test('V4, V5: more than there may be fails', () => {
    expect(tooMany('pages', 3, 3)).toBeUndefined();
    expect(tooMany('pages', 4, 3)?.sentence).toContain('V5');
  });
});

describe('shed in order', () => {
  const spec = (name: string, criticality: number) => {
    const draft = { name, criticality, artefact: 'a'.repeat(64), artefactBytes: 1, memoryBytesMax: 65_536 };
    const valid = validateTaskSpec(draft);
    if (!valid.ok) throw new Error(JSON.stringify(valid.error));
    return valid.value;
  };
  const ecu = { cores: 1, memoryBytes: 2 * 65_536, capabilities: [], runtimes: ['wasm'], draining: false } as const;
  const judge = (shed: number, running: readonly number[], suits = true): string | undefined => {
    const accepted = running.map((criticality, at) => acceptedTaskOf(spec(`r${at}`, criticality), 1));
    const criticalityOf = (task: string): number => running[Number(task.slice(1))] ?? 0;
    return shedBeforeLower(spec('shed', shed), [{ mac: '02aa00000001', ecu, accepted, suits }], criticalityOf)?.sentence;
  };
  test('a task whose place is taken by tasks as critical, or that may not run there, passes', () => {
    expect(judge(2, [2, 4])).toBeUndefined();
    expect(judge(2, [], false)).toBeUndefined();
  });
  test('R2: a task that would fit, or in the place of a less critical one, fails', () => {
    expect(judge(0, [4])).toContain('has room for it');
    expect(judge(3, [4, 2])).toContain('runs r1 of lower criticality');
  });
});
