/** Who tries whom, and what a trial shows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  afterTrial,
  type ComparedOutput,
  Comparison,
  nextToProve,
  type Proof,
  proverOf,
  type Trial,
} from '../../../src/domain/checkpoint/proof.ts';

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const output = (value: number, channel = 0) => ({ channel, payload: bytes(value, value) });

const trial = (more: Partial<Trial> = {}): Trial => ({
  epoch: 1,
  sequence: 1,
  verdict: 'proven',
  jobs: 3,
  outputs: 4,
  why: undefined,
  by: 'm1',
  triedAtUs: 1_000,
  storedAtUs: 900,
  ...more,
});

const tried = (task: string, more: Partial<Trial>, isLasting = true): Proof =>
  afterTrial(task, undefined, trial(more), isLasting);

describe('a comparison', () => {
  test('proves what gives every accepted output again', () => {
    const comparison = new Comparison([output(1), output(2), output(3)], 11);
    expect(comparison.jobDone([output(1)])).toBeUndefined();
    expect(comparison.jobDone([])).toBeUndefined();
    expect(comparison.jobDone([output(2), output(3), output(4)])).toEqual({
      verdict: 'proven',
      jobs: 3,
      outputs: 3,
      why: undefined,
    });
  });

  test.each([
    ['a byte', { channel: 0, payload: bytes(2, 9) }, 'output 12 differs from byte 1 on (job 2 after it)'],
    ['a length', { channel: 0, payload: bytes(2) }, 'output 12 has 1 bytes, accepted were 2 (job 2 after it)'],
    ['a channel', output(2, 1), 'output 12 goes to channel 1, accepted was channel 0 (job 2 after it)'],
  ])('refutes what differs in %s, and says where', (_, differing, why) => {
    const comparison = new Comparison([output(1), output(2)], 11);
    expect(comparison.jobDone([output(1)])).toBeUndefined();
    expect(comparison.jobDone([differing])).toEqual({ verdict: 'refuted', jobs: 1, outputs: 1, why });
  });

  test('refutes what does not give an accepted output although all inputs were there; short of inputs it says nothing of it', () => {
    const silent = () => {
      const comparison = new Comparison([output(1), output(2)], 1);
      comparison.jobDone([output(1)]);
      comparison.jobDone([]);
      return comparison;
    };
    expect(silent().inputsOver({ isAll: true })).toMatchObject({ verdict: 'refuted', jobs: 1, outputs: 1 });
    expect(silent().inputsOver({ isAll: false })).toMatchObject({ verdict: 'proven', jobs: 1, outputs: 1 });
  });

  test('says nothing where no output could be compared', () => {
    const comparison = new Comparison([output(1)], 1);
    comparison.jobDone([]);
    expect(comparison.inputsOver({ isAll: false })).toMatchObject({ verdict: 'inconclusive', jobs: 0, outputs: 0 });
    const nothing = new Comparison([], 1);
    expect(nothing.jobDone([])).toBeUndefined();
    expect(nothing.inputsOver({ isAll: true })).toMatchObject({ verdict: 'inconclusive' });
  });

  test('a failing job refutes only where the stream has what it should have given', () => {
    expect(new Comparison([output(1)], 1).jobFailed('a trap')).toMatchObject({ verdict: 'refuted' });
    expect(new Comparison([], 1).jobFailed('a trap')).toMatchObject({ verdict: 'inconclusive' });
  });

  test('however outputs are spread over jobs: the same are proven, and one changed byte is refuted', () => {
    const jobs = fc.array(fc.array(fc.uint8Array({ minLength: 1, maxLength: 4 }), { maxLength: 3 }), { minLength: 1 });
    fc.assert(
      fc.property(jobs, fc.nat(), (payloads, pick) => {
        const given = payloads.map((job) => job.map((payload) => ({ channel: payload.length, payload })));
        const all = given.flat();
        if (all.length === 0) return;
        const run = (accepted: readonly ComparedOutput[]) => {
          const comparison = new Comparison(accepted, 1);
          for (const job of given) {
            const judged = comparison.jobDone(job);
            if (judged !== undefined) return judged;
          }
          return comparison.inputsOver({ isAll: true });
        };
        expect(run(all)).toMatchObject({ verdict: 'proven', outputs: all.length });
        const at = pick % all.length;
        const changed = all.map((one, index) => {
          if (index !== at) return one;
          const payload = one.payload.slice();
          payload[pick % payload.length] = (payload[pick % payload.length] as number) ^ 1;
          return { ...one, payload };
        });
        expect(run(changed)).toMatchObject({ verdict: 'refuted', outputs: at });
        expect(run([...all, output(7)])).toMatchObject({ verdict: 'refuted', outputs: all.length });
      }),
    );
  });
});

describe('who is tried next', () => {
  const alone = { self: 'm1', living: ['m1'] };
  const newest = { epoch: 1, sequence: 9 };

  test('one never tried, then the one tried longest ago', () => {
    const old = { task: 'a', newest, proof: tried('a', { triedAtUs: 10 }) };
    const older = { task: 'b', newest, proof: tried('b', { triedAtUs: 5, verdict: 'inconclusive' }) };
    const never = { task: 'c', newest, proof: undefined };
    expect(nextToProve([old, older, never], alone)).toBe(never);
    expect(nextToProve([old, older], alone)).toBe(older);
  });

  test('not one whose newest checkpoint is judged; one that was inconclusive is tried again', () => {
    const judged = (verdict: Trial['verdict'], isLasting = true) =>
      nextToProve([{ task: 'a', newest, proof: tried('a', { ...newest, verdict }, isLasting) }], alone);
    expect(judged('proven')).toBeUndefined();
    expect(judged('refuted')).toBeUndefined();
    expect(judged('refuted', false)).toBeDefined(); // a damaged copy is mended
    expect(judged('inconclusive')).toBeDefined();
  });

  test('every task has exactly one prover, none alone has all, and who stays keeps theirs when another leaves', () => {
    const tasks = Array.from({ length: 64 }, (_, at) => `task-${at}`);
    const of = (managers: string[]) => tasks.map((task) => proverOf(task, managers));
    const three = of(['m1', 'm2', 'm3']);
    expect(new Set(three)).toEqual(new Set(['m1', 'm2', 'm3']));
    expect(of(['m3', 'm1', 'm2'])).toEqual(three);
    const two = of(['m1', 'm3']);
    for (const [at, prover] of three.entries()) if (prover !== 'm2') expect(two[at]).toBe(prover);
    expect(proverOf('a', [])).toBeUndefined();
  });
});

describe('what is kept of the trials', () => {
  const kept = (trials: readonly [Partial<Trial>, boolean?][]): Proof => {
    let proof: Proof | undefined;
    for (const [more, isLasting = true] of trials) proof = afterTrial('a', proof, trial(more), isLasting);
    return proof as Proof;
  };

  test('the newest proven one stays through what does not prove', () => {
    const proof = kept([[{ sequence: 3 }], [{ sequence: 4, verdict: 'inconclusive' }], [{ sequence: 2 }]]);
    expect(proof.proven?.sequence).toBe(3);
    expect(proof.last.sequence).toBe(2);
  });

  test('the newest refuted are kept, damage of one copy is not, and a proof takes a refutation back', () => {
    const refuted = Array.from({ length: 10 }, (_, at): [Partial<Trial>] => [{ sequence: at + 1, verdict: 'refuted' }]);
    expect(kept(refuted).refuted.map(({ sequence }) => sequence)).toEqual([10, 9, 8, 7, 6, 5, 4, 3]);
    expect(kept([[{ verdict: 'refuted' }, false]]).refuted).toEqual([]);
    expect(kept([[{ verdict: 'refuted' }], [{}]]).refuted).toEqual([]);
  });
});
