/**
 * no-lost-work (DESIGN 2): a deterministic task's accepted outputs, after any failures and moves, are byte for byte what the
 * task gives when it is run alone, once, over its recorded input stream.
 *
 *   L1. At every moment the accepted outputs are a prefix of the run-alone outputs over the inputs recorded so far.
 *   L2. When the world has healed and come to rest they are all of them.
 *
 * The run alone goes along with the inputs, so that a check costs one job and one comparison.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

/** An output as the stream has it, or as the run alone gives it. */
export interface WorkOutput {
  readonly channel: number;
  readonly payload: Uint8Array;
}

/** A task run alone: gives the outputs of one input after the other. */
export type RunAlone<Input> = (input: Input) => readonly WorkOutput[];

interface Ledger<Input> {
  readonly run: RunAlone<Input>;
  /** Those that are not accepted yet. */
  readonly expected: WorkOutput[];
  /** So many of these were accepted meanwhile, and go together. */
  head: number;
  /** How many outputs there are to be in all. */
  given: number;
  accepted: number;
  inputs: number;
}

export class NoLostWork<Input> {
  private readonly begin: (task: TaskName) => RunAlone<Input>;
  private readonly ledgers = new Map<TaskName, Ledger<Input>>();

  /** `begin` starts a fresh run alone of the task. */
  constructor(begin: (task: TaskName) => RunAlone<Input>) {
    this.begin = begin;
  }

  /** The next input of the task was recorded. */
  record(task: TaskName, input: Input): void {
    const ledger = this.ledger(task);
    ledger.inputs++;
    for (const output of ledger.run(input)) {
      ledger.expected.push(output);
      ledger.given++;
    }
  }

  /** The next output of the task (no marker) was accepted. */
  accept(task: TaskName, output: WorkOutput): Violation | undefined {
    const ledger = this.ledger(task);
    const number = ++ledger.accepted;
    const expected = takeNext(ledger);
    const report = (sentence: string): Violation => ({
      invariant: 'no-lost-work',
      sentence,
      details: {
        task,
        outputNumber: number,
        inputs: ledger.inputs,
        expectedOutputs: ledger.given,
        channel: output.channel,
        payload: hex(output.payload),
        expectedChannel: expected?.channel,
        expectedPayload: expected === undefined ? undefined : hex(expected.payload),
      },
    });
    if (expected === undefined)
      return report(
        `${task}: output ${number} was accepted, but the task run alone over its ${ledger.inputs} inputs gives ${ledger.given} (L1)`,
      );
    if (expected.channel !== output.channel || !sameBytes(expected.payload, output.payload))
      return report(`${task}: output ${number} is not what the task run alone gives (L1)`);
    return undefined;
  }

  /** Call when the world is at rest. */
  atRest(): readonly Violation[] {
    const violations: Violation[] = [];
    for (const [task, { accepted, given, inputs }] of this.ledgers) {
      if (accepted >= given) continue;
      violations.push({
        invariant: 'no-lost-work',
        sentence: `${task}: at rest ${accepted} outputs were accepted, but the task run alone over its ${inputs} inputs gives ${given} (L2)`,
        details: { task, inputs, accepted, expectedOutputs: given },
      });
    }
    return violations;
  }

  /** Whether every output that the recorded inputs give was accepted: what a healing phase waits for. */
  settled(): boolean {
    for (const { accepted, given } of this.ledgers.values()) if (accepted < given) return false;
    return true;
  }

  private ledger(task: TaskName): Ledger<Input> {
    let ledger = this.ledgers.get(task);
    if (ledger === undefined) {
      ledger = { run: this.begin(task), expected: [], head: 0, given: 0, accepted: 0, inputs: 0 };
      this.ledgers.set(task, ledger);
    }
    return ledger;
  }
}

const TAKEN_TOGETHER = 256;

/** An output that was accepted is of no use any more. */
function takeNext<Input>(ledger: Ledger<Input>): WorkOutput | undefined {
  const next = ledger.expected[ledger.head];
  if (next === undefined) return undefined;
  if (++ledger.head === TAKEN_TOGETHER) {
    ledger.expected.splice(0, TAKEN_TOGETHER);
    ledger.head = 0;
  }
  return next;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const HEX_BYTES_MAX = 64;
const hex = (bytes: Uint8Array): string =>
  Array.from(bytes.subarray(0, HEX_BYTES_MAX), (byte) => byte.toString(16).padStart(2, '0')).join('');
