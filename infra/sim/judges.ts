/**
 * Judges of a simulated run: they hear every message the broker commits and hold the invariants of `src/domain/invariants`
 * against it. The first violation ends the run at the step that broke it, with the story so far.
 */

import { NoLostWork } from '../../src/domain/invariants/no-lost-work.ts';
import { OneRestore, type PlacementStep } from '../../src/domain/invariants/one-restore.ts';
import { RoutedOnce } from '../../src/domain/invariants/routed-once.ts';
import { SingleWriter } from '../../src/domain/invariants/single-writer.ts';
import { TicksIncrease } from '../../src/domain/invariants/ticks-increase.ts';
import type { Violation } from '../../src/domain/invariants/violation.ts';
import type { TaskName } from '../../src/domain/model/ids.ts';
import { header, streams } from '../../src/domain/protocol/subjects.ts';
import type { Headers, StreamMessage } from '../../src/ports/bus.ts';
import type { JobInput } from '../../src/ports/task-runtime.ts';
import type { SimBroker } from './broker.ts';
import { StandInTask } from './stand-in-task.ts';

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly violation: Violation;

  constructor(violation: Violation, story: string) {
    super(`${violation.invariant}: ${violation.sentence}\n${JSON.stringify(violation.details)}\n${story}`);
    this.violation = violation;
  }
}

export class Judges {
  /** What was found, in order; empty in a good run. */
  readonly violations: Violation[] = [];
  outputs = 0;
  inputs = 0;
  markers = 0;
  /** Told by whoever knows the tasks. */
  periodOf: (task: TaskName) => number | undefined = () => undefined;
  private readonly singleWriter = new SingleWriter();
  private readonly oneRestore = new OneRestore();
  private readonly ticks = new TicksIncrease();
  private readonly work: NoLostWork<JobInput>;
  /** Where routes begin is told by whoever reads their records. */
  readonly routed = new RoutedOnce();
  private readonly broker: SimBroker;
  private readonly subjects = new Map<string, SubjectParts>();

  /** `artefactOf` gives the stand-in program of a task, for the run alone. */
  constructor(options: { readonly broker: SimBroker; readonly artefactOf: (task: TaskName) => Uint8Array }) {
    this.work = new NoLostWork((task) => {
      const alone = StandInTask.fresh(options.artefactOf(task));
      return (input) => alone.run(input);
    });
    this.broker = options.broker;
    options.broker.onCommit((message) => this.hear(message));
  }

  /** Placement records are read by whoever knows their format. */
  placement(step: PlacementStep): void {
    this.note(this.oneRestore.step(step));
  }

  /** What another watcher found: of things that only it can read. */
  report(violation: Violation | undefined): void {
    this.note(violation);
  }

  settled(): boolean {
    return this.work.settled();
  }

  /** Throws at the first violation; `story` is asked for only then. */
  check(story: () => string): void {
    const violation = this.violations[0];
    if (violation !== undefined) throw new InvariantError(violation, story());
  }

  /** For the end of the healing phase. */
  checkAtRest(story: () => string): void {
    for (const violation of this.work.atRest()) this.note(violation);
    this.check(story);
  }

  private hear(message: StreamMessage): void {
    const { task, direction, kind } = this.partsOf(message.subject);
    if (task === undefined) return;
    const { headers, sequence, payload } = message;
    if (direction === 'in') {
      const number = numberOf(headers, header.number);
      const skipped = numberOf(headers, header.skipped);
      const tick = kind === 'tick';
      this.inputs++;
      if (tick) {
        const periodUs = this.periodOf(task);
        const timing = periodUs === undefined ? undefined : { atUs: message.atUs, periodUs };
        const epoch = numberOf(headers, header.epoch);
        this.note(this.ticks.accept({ task, sequence, epoch, number, skipped, timing }));
      }
      if (headers[header.from] !== undefined) this.hearRouted(task, message);
      this.work.record(task, { kind: tick ? 'tick' : 'data', number, skipped, payload });
      return;
    }
    const marker = headers[header.marker] === '1';
    const outputNumber = numberOf(headers, header.output);
    this.note(
      this.singleWriter.accept({
        task,
        sequence,
        epoch: numberOf(headers, header.epoch),
        nonce: headers[header.nonce] ?? '',
        marker,
        outputNumber,
      }),
    );
    if (marker) this.markers++;
    else {
      this.outputs++;
      this.routed.accepted(task, outputNumber);
      this.note(this.work.accept(task, { channel: numberOf(headers, header.channel), payload }));
    }
  }

  private hearRouted(task: TaskName, { headers, payload }: StreamMessage): void {
    const output = numberOf(headers, header.fromOutput);
    // Of what was appended by hand in between the headers tell how far the route was.
    if (headers[header.byHand] === '1') return;
    const source = headers[header.from] ?? '';
    const stream = this.broker.stream(streams.outputs(0));
    const at = stream.at(numberOf(headers, header.fromSequence));
    const found =
      at === undefined
        ? undefined
        : { marker: at.headers[header.marker] === '1', number: numberOf(at.headers, header.output), payload: at.payload };
    this.note(this.routed.datum({ task, source, number: numberOf(headers, header.number), output, payload, found }));
  }

  private partsOf(subject: string): SubjectParts {
    let parts = this.subjects.get(subject);
    if (parts === undefined) {
      const [root, , task, direction, kind] = subject.split('.');
      parts = { task: root === 'task' ? task : undefined, direction, kind };
      this.subjects.set(subject, parts);
    }
    return parts;
  }

  private note(violation: Violation | undefined): void {
    if (violation !== undefined) this.violations.push(violation);
  }
}

/** Of a task's subject; `task` is undefined for all others. */
interface SubjectParts {
  readonly task: TaskName | undefined;
  readonly direction: string | undefined;
  readonly kind: string | undefined;
}

const numberOf = (headers: Headers, name: string): number => Number(headers[name] ?? 0);
