import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { decidersOf, type Explanation, explain } from '../../../src/app/explain/decision.ts';
import { type NameOf, told as toldInColour } from '../../../src/app/explain/told.ts';
import { estimateCandidate } from '../../../src/domain/migration/estimate.ts';
import type { ActorRecord } from '../../../src/domain/model/record.ts';
import { assign } from '../../../src/domain/placement/assign.ts';
import type { Candidate } from '../../../src/domain/placement/evidence.ts';
import { candidateOf, macOf, newcomerOf } from '../../support/placement-builders.ts';

const [ECU1, ECU2] = [macOf(1), macOf(2)];
const told = (explanation: Explanation, names: NameOf): string => stripVTControlCharacters(toldInColour(explanation, names));
const nameOf = (mac: string | undefined): string => (mac === ECU1 ? 'ecu1' : mac === ECU2 ? 'ecu2' : (mac ?? 'an ECU'));

interface Step {
  readonly event: { readonly type: string } & Record<string, unknown>;
  readonly value: string;
  readonly context: Record<string, unknown>;
  readonly seen?: readonly string[];
}

const journalOf = (actor: string, steps: readonly Step[], atUs = 1_000_000): ActorRecord[] =>
  steps.map(({ event, value, context, seen = [] }, at) => ({
    actor,
    revision: at + 1,
    chartVersion: 1,
    writer: 'manager.m1',
    writerIncarnation: 1,
    attempt: '',
    atUs: atUs + at * 1_000,
    event: { type: event.type, id: `e${at}`, json: JSON.stringify(event) },
    snapshot: JSON.stringify({ value, context }),
    timers: [],
    outbox: [],
    seen,
    trace: '',
  }));

const planOf = (candidates: readonly Candidate[], excluded: readonly string[] = []) => {
  const { assignments, unplaced, decisions } = assign({ newcomers: [{ ...newcomerOf('t'), excluded }], candidates });
  return {
    assignments: assignments.map(({ task, mac, incarnation }) => ({ task, expectedEpoch: 0, target: { mac, incarnation } })),
    unplaced: unplaced.map(({ task, sentence }) => ({ task, expectedEpoch: 0, reason: sentence, evict: [] })),
    skipped: [],
    evidence: decisions,
  };
};

const cause = { kind: 'request', task: 't', epoch: 0, reason: 'it is new' } as const;
const REQUEST = 'arbiter/request.t.0';

describe('the arbiters of a task', () => {
  test('are those its placement names, those whose word it took, and those its epochs may have had', () => {
    const placement = journalOf('placement/t', [
      { event: { type: 'TASK.DECLARED' }, value: 'unplaced', context: { task: 't', epoch: 0 } },
      { event: { type: 'EPOCH.REQUESTED' }, value: 'assigned', context: { task: 't', epoch: 1, takenBy: REQUEST } },
      {
        event: { type: 'TASK.SHED' },
        value: 'shed',
        context: { task: 't', epoch: 1, takenBy: REQUEST },
        seen: ['declare:t', 'arbiter/failure.02aa00000001.3#7.0'],
      },
    ]);
    const { named, requests } = decidersOf('t', placement);
    expect([...named]).toEqual([REQUEST, 'arbiter/failure.02aa00000001.3']);
    expect(requests).toEqual(['arbiter/request.t.1', REQUEST]);
  });
});

describe('the last decision', () => {
  const both = [candidateOf(1), candidateOf(2)];
  const owned = journalOf('placement/t', [
    { event: { type: 'TASK.DECLARED' }, value: 'unplaced', context: { task: 't', epoch: 0 } },
    { event: { type: 'INPUTS.TRIMMABLE' }, value: 'unplaced', context: { task: 't', epoch: 0 } },
    { event: { type: 'INSTANCE.RAN' }, value: 'owned', context: { task: 't', epoch: 2, owner: { mac: ECU2, incarnation: 1 } } },
  ]);

  test('is the newest plan, with who refused the ones before and how far it has come', () => {
    const tasks = { t: { phase: 'done' } };
    const arbiter = journalOf(REQUEST, [
      { event: { type: 'RESTORE.NEEDED', cause }, value: 'claimed', context: { cause, tasks: {}, rounds: 0 } },
      { event: { type: 'PLAN.MADE', plan: planOf(both) }, value: 'claimed', context: { cause, tasks, rounds: 1 } },
      {
        event: { type: 'DEPLOY.REFUSED', task: 't', epoch: 1, reason: 'ERR_ADMIT_SCHEDULE: it would be late' },
        value: 'claimed',
        context: { cause, tasks, rounds: 1 },
      },
      {
        event: { type: 'DEPLOY.REFUSED', task: 'other', epoch: 1, reason: 'no' },
        value: 'claimed',
        context: { cause, tasks, rounds: 1 },
      },
      { event: { type: 'PLAN.MADE', plan: planOf(both, [ECU1]) }, value: 'claimed', context: { cause, tasks, rounds: 2 } },
      { event: { type: 'INSTANCE.CAUGHT_UP' }, value: 'settled', context: { cause, tasks, rounds: 2 } },
    ]);
    const older = journalOf(
      'arbiter/failure.x.1',
      arbiter.map((_, at) => ({
        event: { type: 'PLAN.MADE', plan: planOf([candidateOf(1)]) },
        value: 'settled',
        context: { cause, tasks, rounds: at },
      })),
      0,
    );
    const explanation = explain('t', {
      placement: owned,
      arbiters: new Map([
        ['arbiter/failure.x.1', older],
        [REQUEST, arbiter],
      ]),
    });
    expect(explanation).toMatchObject({
      state: 'owned',
      epoch: 2,
      owner: ECU2,
      decision: {
        by: REQUEST,
        round: 2,
        verdict: 'placed',
        target: ECU2,
        phase: 'done',
        refusedBefore: [{ target: ECU1, reason: 'ERR_ADMIT_SCHEDULE: it would be late' }],
        evidence: { candidateCount: 2, refusedByKind: { excluded: 1 } },
      },
    });
    expect(explanation.history.map(({ event }) => event)).toEqual(['TASK.DECLARED', 'INSTANCE.RAN']);
    const text = told(explanation, nameOf);
    expect(text).toMatch(/t runs on ecu2 \(epoch 2\)/);
    expect(text).toContain(
      'because it was new: it is new\necu1 refused it: ERR_ADMIT_SCHEDULE: it would be late\nplaced on ecu2, from its beginning',
    );
    expect(text).toMatch(/ecu2 +chosen +0\.\d{3} +0\.0 % → 10\.0 % +0 B → 1\.0 MiB of 256 MiB +1000 of 10000 µs/);
    expect(text).toMatch(/ecu1 +refused .* was excluded for this attempt/);
  });

  test('may be that there is no place, with the reason of every ECU', () => {
    const shed = journalOf('placement/t', [
      { event: { type: 'TASK.SHED' }, value: 'shed', context: { task: 't', epoch: 0, reason: 'none of 2 ECUs can take it' } },
    ]);
    const nowhere = planOf([candidateOf(1, { draining: true }), candidateOf(2, { description: { memoryBytes: 1 } })]);
    const arbiter = journalOf(REQUEST, [
      { event: { type: 'PLAN.MADE', plan: nowhere }, value: 'claimed', context: { cause, tasks: {}, rounds: 1 } },
    ]);
    const explanation = explain('t', { placement: shed, arbiters: new Map([[REQUEST, arbiter]]) });
    expect(explanation.decision).toMatchObject({ verdict: 'unplaced', target: undefined });
    const text = told(explanation, nameOf);
    expect(text).toMatch(/t is shed \(epoch 0\): none of 2 ECUs can take it/);
    expect(text).toMatch(/no ECU could take it\nnone of 2 ECUs[\s\S]*ecu1 +refused .* is draining\n/);
    expect(text).toContain('refused: 1 draining, 1 memory');
  });

  test('may be no longer kept; a plan that left the task to another is none', () => {
    const left = { assignments: [], unplaced: [], skipped: [{ task: 't', reason: 'epoch 2 was taken by x' }], evidence: [] };
    const arbiter = journalOf(REQUEST, [
      { event: { type: 'PLAN.MADE', plan: left }, value: 'settled', context: { cause, tasks: {}, rounds: 1 } },
    ]);
    const explanation = explain('t', { placement: owned, arbiters: new Map([[REQUEST, arbiter]]) });
    expect(explanation.decision).toBeUndefined();
    expect(told(explanation, nameOf)).toContain('No decision about it is kept in the journal.');
  });

  test('may be a migration: what it would cost, how its state came over, and how it ended', () => {
    const { decisions } = assign({ newcomers: [newcomerOf('t')], candidates: [candidateOf(1)] });
    const by = 'migration/t.2.0';
    const moveCause = {
      task: 't',
      epoch: 2,
      attempt: 0,
      source: { mac: ECU2, incarnation: 1 },
      opcode: 'operator',
      reason: 'hot',
    };
    const context = { cause: moveCause, excluded: [], rounds: [], superseded: false };
    const facts = {
      ...{ periodUs: 10_000, deadlineUs: 10_000, wcetUs: 100, jobsPerSecond: 100 },
      ...{ stateBytes: 1_048_576, dirtyBytesPerSecond: 40_960, checkpointUs: 100_000 },
    };
    const speed = { bytesPerSecond: 100_000_000, switchUs: 9_000, followedUs: 5_000, keepUpUs: 40_000 };
    const busy = { jobsPerSecond: 100, utilisation: 0.1 };
    const about = { facts, speed, source: busy, gain: 0, mode: undefined };
    const candidate = { mac: ECU1, incarnation: 1, score: 0.5, responseUs: undefined, busy, bytesAtHand: 0 };
    const chosen = estimateCandidate(candidate, about);
    const estimate = {
      ...{ task: 't', epoch: 2, from: ECU2, candidates: [chosen], chosen, reason: undefined, costMax: undefined, facts, speed },
      ...{ predictedBy: undefined, decision: decisions[0] },
    };
    const target = { mac: ECU1, incarnation: 1 };
    const rounds = [{ sequence: 4, bytes: 1_048_576, tookUs: 8_000 }];
    const reference = { task: 't', epoch: 2, sequence: 5, holders: [] };
    const standsStillFor = 'it did not keep up';
    const moved = { ...context, target, mode: 'live', rounds, reference, epoch: 3, nonce: 'n', standsStillFor };
    const journal = journalOf(by, [
      { event: { type: 'MIGRATION.COSTED', estimate }, value: 'costed', context: { ...context, target, mode: 'live' } },
      {
        event: { type: 'STATE.HANDED_OVER', pauseUs: 900, copyUs: 0 },
        value: 'switching',
        context: { ...moved, epoch: undefined },
      },
      { event: { type: 'INSTANCE.RAN' }, value: 'decommissioning', context: moved },
      { event: { type: 'SOURCE.STOPPED' }, value: 'done', context: moved },
    ]);
    const explanation = explain('t', { placement: owned, arbiters: new Map([[by, journal]]) });
    expect(explanation.decision).toMatchObject({ verdict: 'placed', target: ECU1, from: ECU2, migration: { state: 'done' } });
    const text = told(explanation, nameOf);
    expect(text).toMatch(/because it was to move: operator: hot\nplaced on ecu1, away from ecu2, from checkpoint 2.5/);
    expect(text).toMatch(
      /migration: done, live\ncopied while it ran: 1024 KiB in 8.0 ms\nits target did not keep up with it: it did not/,
    );
    expect(text).toMatch(/ecu1, live: followed, nobody stands still; if it did not keep up, 9\.\d ms of standing still/);
    expect(text).toMatch(/costs in late jobs, borne whatever it is; nobody predicts/);

    const stays = { ...estimate, candidates: [], chosen: undefined, reason: 'it stays where it runs: no' };
    const refused = journalOf(by, [
      {
        event: { type: 'MIGRATION.COSTED', estimate: stays },
        value: 'rejected',
        context: { ...context, reason: stays.reason },
      },
    ]);
    const stayed = told(explain('t', { placement: owned, arbiters: new Map([[by, refused]]) }), nameOf);
    expect(stayed).toMatch(/it was left where it is\nit stays where it runs: no\n/);
  });
});
