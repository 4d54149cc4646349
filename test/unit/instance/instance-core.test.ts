/** The instance core's invariants I1–I7, one by one. The world is a list of requests; the test plays the driver. */
import { describe, expect, it } from 'vitest';
import { InstanceCore, type InstanceOptions } from '../../../src/domain/instance/instance-core.ts';
import type { InstanceInput, InstanceRequest, LastOutput } from '../../../src/domain/instance/requests.ts';

const BYTE = new Uint8Array([1]);
const POLICY = { intervalUs: 1_000_000, chainMax: 2, quorum: 2, standbys: 1 };

const coreOf = (options: Partial<InstanceOptions> = {}) =>
  new InstanceCore({
    epoch: 5,
    nonce: 'n5',
    restored: undefined,
    checkpoint: POLICY,
    leaseUs: 1_000_000,
    nowUs: 0,
    ...options,
  });

const data = (number: number, sequence = number): InstanceInput => ({
  sequence,
  kind: 'data',
  number,
  skipped: 0,
  payload: BYTE,
});
const last = (change: Partial<LastOutput> = {}): LastOutput => ({ sequence: 7, epoch: 4, nonce: 'n4', number: 3, ...change });
const kinds = (requests: readonly InstanceRequest[]) => requests.map(({ kind }) => kind);

/** A core whose marker stands after output 3 of an earlier instance. */
function started(options: Partial<InstanceOptions> = {}): InstanceCore {
  const core = coreOf(options);
  core.begin();
  core.lastOutputRead(last(), 0);
  core.take();
  core.outputsAnswered({ kind: 'appended', sequence: 8 }, 0);
  return core;
}

describe('I1: nothing is appended before the marker', () => {
  it('the marker follows what was last there, and repeats its output number', () => {
    const core = coreOf();
    core.begin();
    expect(kinds(core.take())).toEqual(['read-last-output', 'consume-inputs']);
    core.lastOutputRead(last(), 0);
    expect(core.take()).toMatchObject([{ kind: 'append-outputs', expectedSequence: 7, batch: [{ marker: true, number: 3 }] }]);
    core.inputArrived(data(1), 0);
    expect(core.take()).toEqual([]);
  });

  it('inputs are asked for at once, from behind the restored cursor, and wait until it stands', () => {
    const core = coreOf({ restored: { input: { sequence: 40, dataNumber: 4, tickNumber: 0 }, outputNumber: 2 } });
    core.begin();
    expect(core.take()).toEqual([{ kind: 'read-last-output' }, { kind: 'consume-inputs', fromSequence: 41 }]);
    core.inputArrived({ ...data(5), sequence: 41 }, 0);
    core.lastOutputRead(last(), 0);
    expect(kinds(core.take())).toEqual(['append-outputs']);
    core.outputsAnswered({ kind: 'appended', sequence: 8 }, 0);
    expect(kinds(core.take())).toEqual(['started', 'run-jobs']);
  });
});

describe('I2: after any answer but `appended`, (epoch, nonce, number) alone decide', () => {
  it.each([
    ['a higher epoch', { epoch: 6, nonce: 'other' }],
    ["this epoch with another's nonce", { epoch: 5, nonce: 'other' }],
  ])('%s means fenced', (_, change) => {
    const core = coreOf();
    core.begin();
    core.take();
    core.lastOutputRead(last(change), 0);
    expect(core.take()).toMatchObject([{ kind: 'ended', code: 'ERR_FENCED' }]);
  });

  it('a lost answer to the marker is found by reading: it is not written twice', () => {
    const core = coreOf();
    core.begin();
    core.lastOutputRead(last(), 0);
    core.outputsAnswered({ kind: 'unsure' }, 0);
    core.take();
    core.lastOutputRead(last({ epoch: 5, nonce: 'n5', sequence: 8 }), 0);
    expect(kinds(core.take())).toEqual(['started']);
  });

  it('of a batch whose answer was lost, only what is not there is sent again', () => {
    const core = started();
    core.take();
    core.inputArrived(data(1), 0);
    core.take();
    core.jobsDone([[1, 2, 3, 4, 5].map(() => ({ channel: 0, payload: BYTE }))], 0);
    // Outputs 1–3 were accepted before (I4); 4 and 5 are new.
    expect(core.take()).toMatchObject([{ kind: 'append-outputs', expectedSequence: 8, batch: [{ number: 4 }, { number: 5 }] }]);
    core.outputsAnswered({ kind: 'unsure' }, 0);
    expect(kinds(core.take())).toEqual(['read-last-output']);
    core.lastOutputRead(last({ epoch: 5, nonce: 'n5', sequence: 9, number: 4 }), 0);
    expect(core.take()).toMatchObject([{ kind: 'append-outputs', expectedSequence: 9, batch: [{ number: 5 }] }]);
  });
});

/** With input 1 on its way through the program. */
function withOneJobRunning(): InstanceCore {
  const core = started();
  core.take();
  core.inputArrived(data(1), 0);
  core.take();
  return core;
}

const askedFor = (requests: readonly InstanceRequest[]): readonly InstanceInput[] =>
  requests.flatMap((request) => (request.kind === 'run-jobs' ? request.inputs : []));

describe('I3: jobs one after the other, each input exactly the one after the cursor', () => {
  it('a second input waits for the first job', () => {
    const core = started();
    core.take();
    core.inputArrived(data(1), 0);
    core.inputArrived(data(2), 0);
    expect(core.take()).toMatchObject([{ kind: 'run-jobs', inputs: [{ number: 1 }] }]);
    core.jobsDone([[]], 0);
    expect(core.take()).toMatchObject([{ kind: 'run-jobs', inputs: [{ number: 2 }] }]);
  });

  it('a gap ends the instance and says which number was expected', () => {
    const core = started();
    core.take();
    core.inputArrived(data(2), 0);
    expect(core.take()).toMatchObject([
      { kind: 'ended', code: 'ERR_INPUT_GAP', sentence: expect.stringContaining('expected was 1') },
    ]);
  });

  it('an input consumed already is dropped', () => {
    const core = started({ restored: { input: { sequence: 1, dataNumber: 1, tickNumber: 0 }, outputNumber: 0 } });
    core.take();
    core.inputArrived(data(1), 0);
    core.inputArrived(data(2), 0);
    expect(core.take()).toMatchObject([{ kind: 'run-jobs', inputs: [{ number: 2 }] }]);
  });

  it('more inputs than the queue is compacted at are taken in order', () => {
    const core = started();
    core.take();
    for (let number = 1; number <= 3000; number++) core.inputArrived(data(number), 0);
    let next = 1;
    while (next <= 3000) {
      const inputs = askedFor(core.take());
      expect(inputs.map(({ number }) => number)).toEqual(inputs.map((_, at) => next + at));
      // One of them at least, and seldom all, is run.
      const run = Math.max(1, inputs.length - (next % 3));
      core.jobsDone(
        inputs.slice(0, run).map(() => []),
        0,
      );
      next += run;
    }
    expect(core.state.cursor).toMatchObject({ dataNumber: 3000 });
  });

  it('inputs that wait are asked for together, up to a bound, and what was not run of them is the next', () => {
    const core = withOneJobRunning();
    for (let number = 2; number <= 50; number++) core.inputArrived(data(number), 0);
    core.jobsDone([[]], 0);
    const inputs = askedFor(core.take());
    expect(inputs.length).toBeGreaterThan(10);
    expect(inputs.length).toBeLessThan(49);
    core.jobsDone([[], []], 0);
    expect(askedFor(core.take())[0]).toMatchObject({ number: 4 });
  });

  it('what comes before a gap is run, and then the gap ends the instance', () => {
    const core = withOneJobRunning();
    for (const number of [2, 3, 5]) core.inputArrived(data(number), 0);
    core.jobsDone([[]], 0);
    expect(askedFor(core.take())).toMatchObject([{ number: 2 }, { number: 3 }]);
    core.jobsDone([[], []], 0);
    expect(core.take()).toMatchObject([{ kind: 'ended', code: 'ERR_INPUT_GAP' }]);
  });

  it('a job that fails ends the instance, and the outputs of those before it are sent first', () => {
    const core = withOneJobRunning();
    for (const number of [2, 3, 4]) core.inputArrived(data(number), 0);
    core.jobsDone([[]], 0);
    core.take();
    const outputs = [1, 2, 3, 4].map(() => ({ channel: 0, payload: BYTE }));
    core.jobsDone([outputs], 0, { code: 'ERR_JOB_TRAP', sentence: 'unreachable' });
    expect(core.take()).toMatchObject([
      { kind: 'append-outputs', batch: [{ number: 4 }] },
      { kind: 'ended', code: 'ERR_JOB_TRAP', sentence: 'unreachable' },
    ]);
  });
});

describe('I5: a boundary state is announced only when all its outputs are accepted', () => {
  it('waits for the answer to the outputs before it', () => {
    const core = started();
    core.take();
    core.inputArrived(data(1), 0);
    core.take();
    core.wantCheckpoint('delta', 0);
    core.jobsDone([[1, 2, 3, 4].map(() => ({ channel: 0, payload: BYTE }))], 0);
    const [append, capture] = core.take();
    expect(append).toMatchObject({ kind: 'append-outputs', batch: [{ number: 4 }] });
    // The first one of an instance is always full, whatever was asked for.
    expect(capture).toMatchObject({
      kind: 'capture',
      mode: 'full',
      boundary: { sequence: 1, outputNumber: 4, input: { dataNumber: 1 } },
    });
    core.captured(0);
    expect(core.take()).toEqual([]);
    core.outputsAnswered({ kind: 'appended', sequence: 9 }, 0);
    expect(core.take()).toMatchObject([{ kind: 'announce', boundary: { sequence: 1 } }]);
  });

  it('increments follow a full one, and a full one comes again when the chain is long', () => {
    const core = started();
    core.take();
    const modes: string[] = [];
    for (let number = 1; number <= 6; number++) {
      core.inputArrived(data(number), 0);
      core.take();
      core.wantCheckpoint('delta', 0);
      core.jobsDone([[]], 0);
      for (const request of core.take()) if (request.kind === 'capture') modes.push(request.mode);
      core.captured(0);
      core.take();
    }
    expect(modes).toEqual(['full', 'delta', 'delta', 'full', 'delta', 'delta']);
  });

  it('no job runs while a state is captured', () => {
    const core = started();
    core.take();
    core.wantCheckpoint('full', 0);
    expect(kinds(core.take())).toEqual(['capture']);
    core.inputArrived(data(1), 0);
    expect(core.take()).toEqual([]);
    core.captured(0);
    expect(kinds(core.take())).toEqual(['announce', 'run-jobs']);
  });
});

describe('I6: jobs run ahead of accepted outputs, by a bound', () => {
  it('stops at the bound and goes on when outputs are accepted', () => {
    const core = started();
    core.take();
    let jobs = 0;
    for (let number = 1; number <= 400; number++) core.inputArrived(data(number), 0);
    for (;;) {
      const inputs = askedFor(core.take());
      if (inputs.length === 0) break;
      jobs += inputs.length;
      core.jobsDone(
        inputs.map(() => [{ channel: 0, payload: BYTE }]),
        0,
      );
    }
    expect(jobs).toBeGreaterThan(200);
    expect(jobs).toBeLessThan(400);
    core.outputsAnswered({ kind: 'appended', sequence: 9 }, 0);
    core.outputsAnswered({ kind: 'appended', sequence: 73 }, 0);
    expect(kinds(core.take())).toContain('run-jobs');
  });
});

describe('I7: after a silence longer than the lease the placement is asked before the next job', () => {
  it('runs on when the epoch is still its own, and ends when it is not', () => {
    for (const [epoch, then] of [
      [5, 'run-jobs'],
      [6, 'ended'],
    ] as const) {
      const core = started({ checkpoint: { ...POLICY, intervalUs: 60_000_000 } });
      core.take();
      core.inputArrived(data(1), 5_000_000);
      expect(kinds(core.take())).toEqual(['check-placement']);
      core.placementRead(undefined, 5_000_000);
      expect(kinds(core.take())).toEqual(['check-placement']);
      core.placementRead(epoch, 5_000_000);
      expect(kinds(core.take())).toEqual([then]);
    }
  });
});

describe('pause', () => {
  it('is reached at a job boundary with every output accepted, and left by resume', () => {
    const core = started();
    core.take();
    core.inputArrived(data(1), 0);
    core.inputArrived(data(2), 0);
    core.take();
    core.pause(0);
    core.jobsDone([[1, 2, 3, 4].map(() => ({ channel: 0, payload: BYTE }))], 0);
    expect(kinds(core.take())).toEqual(['append-outputs']);
    core.outputsAnswered({ kind: 'appended', sequence: 9 }, 0);
    expect(kinds(core.take())).toEqual(['paused']);
    core.resume(0);
    expect(core.take()).toMatchObject([{ kind: 'run-jobs', inputs: [{ number: 2 }] }]);
  });
});

it('says once that it has caught up, when everything that was there at the start is consumed', () => {
  const core = started();
  core.take();
  core.inputArrived(data(1), 0);
  core.inputArrived(data(2), 0);
  core.startInputsArrived(0);
  core.take();
  core.jobsDone([[]], 0);
  expect(kinds(core.take())).toEqual(['run-jobs']);
  core.jobsDone([[]], 0);
  expect(kinds(core.take())).toEqual(['caught-up']);
});

describe('a clean leave', () => {
  /** Paused after one job, its outputs accepted. */
  function pausedAfterOneJob(): InstanceCore {
    const core = started();
    core.take();
    core.inputArrived(data(1), 0);
    core.inputArrived(data(2), 0);
    core.pause(0);
    core.jobsDone([[]], 0);
    expect(kinds(core.take())).toEqual(['run-jobs', 'paused']);
    return core;
  }

  it('carries what was consumed since the last checkpoint into one more, and only then says that it is paused', () => {
    const core = pausedAfterOneJob();
    core.saveBoundary(0);
    expect(core.take()).toMatchObject([{ kind: 'capture', mode: 'full', boundary: { sequence: 1, input: { dataNumber: 1 } } }]);
    core.pause(0);
    expect(core.take()).toEqual([]);
    core.captured(0);
    expect(kinds(core.take())).toEqual(['announce', 'paused']);
  });

  it('takes none where nothing was consumed since', () => {
    const core = pausedAfterOneJob();
    core.saveBoundary(0);
    core.captured(0);
    core.take();
    core.saveBoundary(0);
    core.pause(0);
    expect(kinds(core.take())).toEqual(['paused']);
  });

  it('a checkpoint that is asked for during a pause is taken then, and no job begins', () => {
    const core = pausedAfterOneJob();
    core.wantCheckpoint('full', 0);
    expect(kinds(core.take())).toEqual(['capture']);
    core.captured(0);
    expect(kinds(core.take())).toEqual(['announce']);
  });
});
