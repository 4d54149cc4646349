/**
 * single-writer (DESIGN 2, 5): at every moment the outputs of at most one instance of a task are accepted.
 *
 * Watches a task's output stream as it is accepted, in order:
 *
 *   W1. An instance's first message is its marker, and it has one.
 *   W2. Epochs never go back: after the marker of a later epoch nothing of an earlier one is accepted.
 *   W3. An epoch has one nonce: two instances of one epoch never both get in.
 *   W4. Output numbers are consecutive, over all instances; a marker names the last one accepted before it.
 */
import type { TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface AcceptedMessage {
  readonly task: TaskName;
  /** Place in the stream, for the report. */
  readonly sequence: number;
  readonly epoch: number;
  readonly nonce: string;
  readonly marker: boolean;
  /** An output's number; on a marker the last one accepted before it. */
  readonly outputNumber: number;
}

interface Writer {
  readonly epoch: number;
  readonly nonce: string;
  readonly outputNumber: number;
}

export class SingleWriter {
  private readonly writers = new Map<TaskName, Writer>();

  accept(message: AcceptedMessage): Violation | undefined {
    const { task, epoch, nonce, marker, outputNumber } = message;
    const writer = this.writers.get(task);
    const last = writer?.outputNumber ?? 0;
    const report = (sentence: string): Violation => ({
      invariant: 'single-writer',
      sentence,
      details: {
        task,
        sequence: message.sequence,
        epoch,
        nonce,
        marker,
        outputNumber,
        epochBefore: writer?.epoch,
        nonceBefore: writer?.nonce,
        outputNumberBefore: last,
      },
    });
    if (writer !== undefined && epoch < writer.epoch)
      return report(`${task}: a message of epoch ${epoch} was accepted after epoch ${writer.epoch} had begun (W2)`);
    if (writer !== undefined && epoch === writer.epoch && nonce !== writer.nonce)
      return report(`${task}: two instances of epoch ${epoch} were accepted (W3)`);
    const known = writer !== undefined && epoch === writer.epoch;
    if (marker && known) return report(`${task}: the instance of epoch ${epoch} was given a second marker (W1)`);
    if (!marker && !known) return report(`${task}: an output of epoch ${epoch} was accepted before its marker (W1)`);
    if (outputNumber !== (marker ? last : last + 1)) {
      return report(
        `${task}: ${marker ? 'the marker names' : 'an output has'} number ${outputNumber} after output ${last} (W4)`,
      );
    }
    this.writers.set(task, { epoch, nonce, outputNumber });
    return undefined;
  }
}
