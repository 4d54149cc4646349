/** A state that keeps up with its task (F1–F4), and an instance that goes on from it. */
import { describe, expect, test } from 'vitest';
import { FollowerCore } from '../../../src/domain/instance/follower-core.ts';
import { InstanceCore } from '../../../src/domain/instance/instance-core.ts';
import type { InstanceInput, InstanceRequest } from '../../../src/domain/instance/requests.ts';
import { START_OF_INPUTS } from '../../../src/domain/model/checkpoint.ts';

const START = { input: START_OF_INPUTS, outputNumber: 0 };
const tick = (number: number, bytes = 1): InstanceInput => {
  return { sequence: number, kind: 'tick', number, skipped: 0, payload: new Uint8Array(bytes) };
};
const outputOf = ({ payload }: InstanceInput) => [{ channel: 0, payload }];

/** Runs whatever may be run. */
function run(follower: FollowerCore): void {
  for (let jobs = follower.begin(); jobs.length > 0; jobs = follower.begin()) follower.jobsDone(jobs.map(outputOf));
}

const numbers = (follower: FollowerCore): readonly number[] => (follower.restored.unaccepted ?? []).map(({ number }) => number);

describe('a follower', () => {
  test('F1, F2: consumes what comes and keeps the outputs of which nobody has told it', () => {
    const follower = new FollowerCore(START);
    for (const number of [1, 2, 3]) follower.inputArrived(tick(number));
    follower.startInputsArrived();
    expect(follower.hasCaughtUp).toBe(false);
    run(follower);
    expect(follower.hasCaughtUp).toBe(true);
    expect(follower.restored).toMatchObject({ input: { sequence: 3, tickNumber: 3 }, outputNumber: 3 });
    follower.accepted(2);
    expect(numbers(follower)).toEqual([3]);
  });

  test('F3: begins no job while too much is kept, by number or by bytes, until it has heard', () => {
    for (const bytes of [1, 10_000]) {
      const follower = new FollowerCore(START);
      for (let number = 1; number <= 1000; number++) follower.inputArrived(tick(number, bytes));
      run(follower);
      expect(follower.isFull).toBe(true);
      const { outputNumber } = follower.restored;
      expect(outputNumber).toBeLessThan(1000);
      follower.accepted(outputNumber);
      expect(follower.begin().length).toBeGreaterThan(0);
    }
  });

  test('F4: a gap in its inputs and a job that fails end it', () => {
    const gap = new FollowerCore(START);
    gap.inputArrived(tick(2));
    expect([gap.begin(), gap.failure?.code]).toEqual([[], 'ERR_INPUT_GAP']);
    const trap = new FollowerCore(START);
    for (const number of [1, 2]) trap.inputArrived(tick(number));
    trap.begin();
    trap.jobsDone([[]], { code: 'ERR_JOB_TRAP', sentence: 'unreachable' });
    expect([trap.begin(), trap.failure?.code]).toEqual([[], 'ERR_JOB_TRAP']);
  });

  test('what was not run of a request is the next again, and what is left goes to whoever takes it', () => {
    const follower = new FollowerCore(START);
    for (const number of [1, 2, 3]) follower.inputArrived(tick(number));
    follower.begin();
    follower.jobsDone([[]]);
    expect(follower.rest().map(({ number }) => number)).toEqual([2, 3]);
    expect(follower.rest()).toEqual([]);
  });
});

describe('an instance that goes on from it', () => {
  const checkpoint = { intervalUs: 1_000_000, chainMax: 8, quorum: 1, standbys: 0 };

  /** Followed up to tick 3, with outputs 1 to 3; `last` is the source's last accepted one. */
  function claimed(last: number): { readonly core: InstanceCore; readonly appended: () => readonly number[] } {
    const follower = new FollowerCore(START);
    for (const number of [1, 2, 3]) follower.inputArrived(tick(number));
    run(follower);
    const core = new InstanceCore({ epoch: 2, nonce: 'n', restored: follower.restored, checkpoint, leaseUs: 1e6, nowUs: 0 });
    const take = <Kind extends InstanceRequest['kind']>(kind: Kind) =>
      core.take().filter((request): request is Extract<InstanceRequest, { kind: Kind }> => request.kind === kind);
    core.begin();
    core.inputArrived(tick(4), 0);
    // I10, I1: the job is asked for, and its output waits for the marker.
    const [jobs] = take('run-jobs');
    expect(jobs?.inputs.map(({ number }) => number)).toEqual([4]);
    core.lastOutputRead({ sequence: 40, epoch: 1, nonce: 's', number: last }, 0);
    expect(take('append-outputs').map(({ batch }) => batch[0]?.marker)).toEqual([true]);
    core.jobsDone([outputOf(tick(4))], 0);
    expect(take('append-outputs')).toEqual([]);
    core.outputsAnswered({ kind: 'appended', sequence: 41 }, 0);
    return { core, appended: () => take('append-outputs').flatMap(({ batch }) => batch.map(({ number }) => number)) };
  }

  test('appends what its source had not, and nothing that it had', () => {
    expect(claimed(1).appended()).toEqual([2, 3, 4]);
    expect(claimed(3).appended()).toEqual([4]);
    expect(claimed(4).appended()).toEqual([]);
  });
});
