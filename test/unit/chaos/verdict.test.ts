/** Every finding of the verdict can be found: each test plants one fault in a run that is otherwise clean. */
import { describe, expect, it } from 'vitest';
import type {
  PlacementStepSeen,
  RecordedInput,
  RecordedOutput,
  Recording,
  TaskRecording,
} from '../../../src/app/chaos/recording.ts';
import { type AloneOutput, judge, type Verdict } from '../../../src/app/chaos/verdict.ts';

const TASK = 'counter-1';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const owner = (ecu: number) => ({ mac: `02aa0000000${ecu}`, incarnation: 1 });

/** Ten ticks, ten outputs, the ECU replaced after the fifth. */
function cleanRun(): { -readonly [Field in keyof TaskRecording]: TaskRecording[Field][number][] } {
  const inputs: RecordedInput[] = [];
  const outputs: RecordedOutput[] = [];
  for (let number = 1; number <= 10; number++) {
    const epoch = number <= 5 ? 1 : 2;
    inputs.push({ sequence: number, kind: 'tick', number, skipped: 0, epoch, payload: bytes(''), atUs: number * 10_000 });
    if (number === 1 || number === 6) outputs.push(output({ epoch, number: number - 1, marker: true }));
    outputs.push(output({ epoch, number }));
  }
  const placements = [step(1, 0, undefined), step(2, 1, 0), step(3, 2, 1)];
  return { inputs, outputs, placements };
}

function output(parts: {
  epoch: number;
  number: number;
  marker?: boolean;
  text?: string;
  channel?: number;
  nonce?: string;
}): RecordedOutput {
  const { epoch, number, marker = false, text = marker ? '' : String(number), channel = 0, nonce = `n${epoch}` } = parts;
  return { sequence: number, epoch, nonce, marker, number, channel, payload: bytes(text), atUs: number * 10_000 + 500 };
}

function step(
  revision: number,
  epoch: number,
  expectedEpoch: number | undefined,
  event = 'EPOCH.REQUESTED',
): PlacementStepSeen {
  return {
    revision,
    atUs: revision * 1_000,
    state: epoch === 0 ? 'unplaced' : 'assigned',
    epoch,
    owner: epoch === 0 ? undefined : owner(epoch),
    takenBy: epoch === 0 ? undefined : `arbiter/request.${TASK}.${epoch - 1}`,
    takeId: epoch === 0 ? undefined : `take/${epoch}`,
    reason: undefined,
    event: expectedEpoch === undefined ? { type: 'TASK.DECLARED' } : { type: event, expectedEpoch },
  };
}

const alone = (count: number): Map<string, AloneOutput[]> =>
  new Map([[TASK, Array.from({ length: count }, (_, at) => ({ channel: 0, payload: bytes(String(at + 1)) }))]]);

function verdictOf(change: (run: ReturnType<typeof cleanRun>) => void, expected = 10): Verdict {
  const run = cleanRun();
  change(run);
  const recording: Recording = { tasks: new Map([[TASK, run]]), claims: new Map(), unreadable: [] };
  return judge(recording, alone(expected));
}

describe('verdict', () => {
  it('finds nothing in a clean run', () => {
    const verdict = verdictOf(() => {});
    expect(verdict).toMatchObject({
      ok: true,
      outputs: 10,
      lostOutputs: 0,
      duplicateOutputs: 0,
      mismatchedTasks: 0,
      doubleRestores: 0,
      violations: [],
    });
    expect(verdict.tasks[0]?.epochs).toEqual([1, 2]);
  });

  it('V1: finds one output that is missing in the middle, and counts one', () => {
    const verdict = verdictOf(({ outputs }) => void outputs.splice(3, 1));
    expect(verdict).toMatchObject({ ok: false, lostOutputs: 1, duplicateOutputs: 0, mismatchedTasks: 0 });
    expect(verdict.tasks[0]?.firstDifference).toMatchObject({ kind: 'lost', number: 3, expected: 'channel 0: "3"' });
  });

  it('V1: finds that the last outputs never came', () => {
    const verdict = verdictOf(() => {}, 12);
    expect(verdict).toMatchObject({ ok: false, lostOutputs: 2 });
    expect(verdict.tasks[0]?.firstDifference).toMatchObject({ kind: 'lost', number: 11 });
  });

  it('V1: finds an output that was accepted twice, even with the same bytes', () => {
    const verdict = verdictOf(({ outputs }) => void outputs.splice(8, 0, output({ epoch: 2, number: 6 })));
    expect(verdict).toMatchObject({ ok: false, duplicateOutputs: 1, lostOutputs: 0, mismatchedTasks: 0 });
    expect(verdict.violations.join()).toContain('(W4)');
  });

  it('V1: finds one changed byte, another channel, and an output that no input explains', () => {
    const changed = verdictOf(({ outputs }) => void outputs.splice(4, 1, output({ epoch: 1, number: 4, text: '5' })));
    expect(changed).toMatchObject({ ok: false, mismatchedTasks: 1, lostOutputs: 0 });
    expect(changed.tasks[0]?.firstDifference).toMatchObject({
      kind: 'changed',
      number: 4,
      expected: 'channel 0: "4"',
      accepted: 'channel 0: "5"',
      epoch: 1,
    });
    expect(verdictOf(({ outputs }) => void outputs.splice(4, 1, output({ epoch: 1, number: 4, channel: 1 })))).toMatchObject({
      ok: false,
      mismatchedTasks: 1,
    });
    const extra = verdictOf(() => {}, 9);
    expect(extra).toMatchObject({ ok: false, mismatchedTasks: 1 });
    expect(extra.tasks[0]?.firstDifference).toMatchObject({ kind: 'unexplained', number: 10 });
  });

  it('V2: finds a zombie whose output was accepted after its successor had begun', () => {
    const verdict = verdictOf(({ outputs }) => {
      outputs.splice(8, 1, output({ epoch: 1, number: 7 }));
    });
    expect(verdict.ok).toBe(false);
    expect(verdict.violations.join()).toContain('(W2)');
  });

  it('V2: finds an instance without a marker', () => {
    const verdict = verdictOf(({ outputs }) => void outputs.splice(6, 1));
    expect(verdict.ok).toBe(false);
    expect(verdict.violations.join()).toContain('(W1)');
  });

  it('V3: finds ticks that repeat, and a hole in the recorded inputs', () => {
    const repeated = verdictOf(({ inputs }) => void inputs.splice(3, 0, { ...(inputs[2] as RecordedInput) }));
    expect(repeated.violations.join()).toContain('(T1)');
    const hole = verdictOf(({ inputs }) => void inputs.splice(3, 1));
    expect(hole.violations.join()).toContain('(T2)');
    expect(hole.ok).toBe(false);
    const data = verdictOf(({ inputs }) => {
      inputs.push({ sequence: 11, kind: 'data', number: 2, skipped: 0, epoch: 0, payload: bytes(''), atUs: 0 });
    });
    expect(data.violations.join()).toContain('data input 2 was recorded after 0');
  });

  it('V4: finds one epoch that was granted to two attempts', () => {
    const verdict = verdictOf(({ placements }) => void placements.push(step(4, 3, 1)));
    expect(verdict).toMatchObject({ ok: false, doubleRestores: 1 });
  });

  it('fails when something could not be read', () => {
    const recording: Recording = {
      tasks: new Map([[TASK, cleanRun()]]),
      claims: new Map(),
      unreadable: ['the recording ended: gone'],
    };
    expect(judge(recording, alone(10)).ok).toBe(false);
  });

  it('counts fenced instances by whether they had tried to append, and tasks that are shed', () => {
    const ended = (reason: string): PlacementStepSeen => ({
      ...step(9, 2, undefined),
      event: { type: 'INSTANCE.ENDED', epoch: 1, reason },
    });
    const verdict = verdictOf(({ placements }) => {
      placements.push(ended('ERR_FENCED: epoch 2 owns the outputs; this instance is of epoch 1'));
      placements.push(ended('ERR_FENCED: the placement is at epoch 2; this instance is of epoch 1'));
      placements.push(ended('ERR_JOB_TRAP: unreachable'));
      placements.push({ ...step(12, 2, undefined), state: 'shed' });
    });
    expect(verdict).toMatchObject({ ok: true, fencedAppends: 1, fencedBeforeAppend: 1, shed: 1 });
  });
});
