/**
 * Tasks that a migration is about to bring here: room is kept for them, and their states are copied while they run elsewhere.
 *
 * X1. What is expected counts in the final admission as if it ran here, with the blackout that it comes with, so that the room is still there
 *     when the task comes.
 * X2. When the source stands still its program is started here, ahead of the deploy (`program-starts.ts`). Or it is started while the source
 *     runs, and keeps up with it (`follower.ts`).
 * X3. It is expected for a while from each word of its migration on. Whoever is not heard of again is forgotten, and its room with it.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { AcceptedTask } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import { acceptedTaskOf } from '../src/domain/placement/admit.ts';
import type { Answer, PrepareCommand } from '../src/domain/protocol/messages.ts';
import type { Host } from './host.ts';
import type { ProgramStarts } from './program-starts.ts';
import type { StandbyCopies } from './standby.ts';

/** Longer than any step of a migration takes to follow on the one before; while a state is being copied nothing runs out. */
const EXPECTED_US = 8_000_000;

interface Expected {
  readonly accepted: AcceptedTask;
  untilUs: number;
  /** What is on its way: whoever asks for the same again waits with the first. */
  copying?: { readonly sequence: number; readonly answer: Promise<Answer> } | undefined;
}

export class ExpectedTasks {
  private readonly host: Host;
  private readonly standby: StandbyCopies;
  private readonly starts: ProgramStarts;
  private readonly expected = new Map<TaskName, Expected>();

  constructor(parts: { readonly host: Host; readonly standby: StandbyCopies; readonly starts: ProgramStarts }) {
    this.host = parts.host;
    this.starts = parts.starts;
    this.standby = parts.standby;
  }

  *accepted(): IterableIterator<AcceptedTask> {
    const nowUs = this.host.clock.monotonicUs();
    for (const [task, { accepted, untilUs }] of this.expected) {
      if (nowUs < untilUs) yield accepted;
      else this.forget(task);
    }
  }

  has(task: TaskName): boolean {
    return this.expected.has(task);
  }

  /** After its admission, to this core. */
  async prepare(command: PrepareCommand, core: number | undefined): Promise<Answer> {
    const { task, epoch, spec, source, sequence } = command;
    const { clock } = this.host;
    const before = this.expected.get(task);
    const under = before?.copying;
    if (under !== undefined && under.sequence === sequence && source !== undefined) return under.answer;
    // Said with the first word alone.
    const blackoutUs = command.blackoutUs ?? before?.accepted.blackoutUs ?? 0;
    const plain = acceptedTaskOf(spec, epoch, core);
    const accepted = blackoutUs === 0 ? plain : { ...plain, blackoutUs };
    const expected: Expected = { accepted, untilUs: clock.monotonicUs() + EXPECTED_US };
    this.expected.set(task, expected);
    if (source === undefined) return { kind: 'prepared', task, epoch, sequence: 0, bytes: 0, stateBytes: 0, tookUs: 0 };
    this.standby.expect(task);
    expected.untilUs = Number.POSITIVE_INFINITY;
    const answer = this.starts.isAhead(task, { epoch, sequence })
      ? Promise.resolve({ kind: 'prepared', task, epoch, sequence, bytes: 0, stateBytes: 0, tookUs: 0 } as const)
      : this.copy(command, source);
    expected.copying = { sequence, answer };
    try {
      const told = await answer;
      // Another may have come meanwhile, or the task itself.
      const isLast = command.standsStill === true && told.kind === 'prepared' && this.expected.get(task) === expected;
      if (isLast) this.starts.startAhead(spec, { epoch, sequence }, core);
      if (command.follow !== true || told.kind !== 'prepared') return told;
      const state = await this.starts.follow(spec, epoch, core);
      return state === undefined ? told : { ...told, state };
    } finally {
      expected.copying = undefined;
      expected.untilUs = clock.monotonicUs() + EXPECTED_US;
    }
  }

  private async copy({ task, epoch, sequence }: PrepareCommand, source: Mac): Promise<Answer> {
    try {
      return { kind: 'prepared', task, epoch, ...(await this.standby.copyFrom(source, { task, epoch, sequence })) };
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return { kind: 'refused', task, epoch, code: cause.code, sentence: `its state could not be copied: ${cause.message}` };
    }
  }

  /** It has been deployed here. */
  arrived(task: TaskName): void {
    this.expected.delete(task);
    this.standby.unexpect(task);
  }

  /** It goes elsewhere. */
  forget(task: TaskName): void {
    this.arrived(task);
    this.starts.drop(task);
  }
}
