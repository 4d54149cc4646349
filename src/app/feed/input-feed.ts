/**
 * Appends inputs to a task, each with the next number of that task, by compare-and-set: whoever else feeds the same task, and
 * whatever happens to an answer, numbers stay without gap and nothing is written twice. (A foreign publisher's messages would
 * have no number; instances pass them over.)
 */

import { type Host, pause } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { shardOf, type TaskName } from '../../domain/model/ids.ts';
import { header, streams, taskSubject } from '../../domain/protocol/subjects.ts';
import { repeatedOf } from '../../domain/task/routing.ts';
import type { Headers } from '../../ports/bus.ts';

const APPEND_TIMEOUT_US = 2_000_000;
const RETRY_US = 20_000;

interface LastInput {
  readonly sequence: number;
  readonly number: number;
  /** Of a task that is fed by another too: how far that was. */
  readonly routed: Headers;
}

export class InputFeed {
  private readonly host: Host;
  private readonly subject: string;
  private readonly stream: string;
  /** What stands last, as far as we know; undefined: to be read. */
  private last: LastInput | undefined;

  constructor(host: Host, task: TaskName) {
    this.host = host;
    this.subject = taskSubject.data(host.names, task);
    this.stream = streams.inputs(shardOf(task, host.names.shardCount));
  }

  /** Resolves with the input's number when it is in the stream. Waits through broker restarts; fails with ERR_BUS_STREAM_FULL. */
  async append(payload: Uint8Array): Promise<number> {
    let attempted: { readonly number: number; readonly afterSequence: number } | undefined;
    for (;;) {
      const last = this.last ?? (await this.readLast());
      // Ours if it stands where we put it, with what we put there: the answer alone was lost.
      if (attempted !== undefined && last.number >= attempted.number && (await this.isOurs(attempted.afterSequence, payload)))
        return attempted.number;
      const number = last.number + 1;
      attempted = { number, afterSequence: last.sequence };
      const written = await this.tryAppend(payload, number, last);
      if (written) return number;
    }
  }

  private async tryAppend(payload: Uint8Array, number: number, last: LastInput): Promise<boolean> {
    const { bus, clock } = this.host;
    const { sequence: expectedSequence, routed } = last;
    const headers = { ...routed, [header.number]: String(number) };
    const options = { expectedSequence, headers, timeoutUs: APPEND_TIMEOUT_US };
    const answer = await bus.append(this.subject, payload, options);
    switch (answer.kind) {
      case 'appended':
        this.last = { sequence: answer.sequence, number, routed };
        return true;
      case 'full':
        throw new DroverError(
          'ERR_BUS_STREAM_FULL',
          'the stream of inputs is at its bound: the task lags behind, or no checkpoint lets old inputs go; "drover status" shows which',
        );
      case 'busy':
        await pause(clock, RETRY_US);
        return false;
      case 'refused':
      case 'duplicate':
      case 'unknown':
        this.last = undefined;
        return false;
    }
  }

  private async readLast(): Promise<LastInput> {
    for (;;) {
      try {
        const message = await this.host.bus.readLast(this.subject);
        this.last =
          message === undefined
            ? { sequence: 0, number: 0, routed: repeatedOf(undefined) }
            : {
                sequence: message.sequence,
                number: Number(message.headers[header.number] ?? 0),
                routed: repeatedOf(message.headers),
              };
        return this.last;
      } catch (error) {
        if (!(error instanceof DroverError) || !error.retryable) throw error;
        await pause(this.host.clock, RETRY_US);
      }
    }
  }

  private async isOurs(afterSequence: number, payload: Uint8Array): Promise<boolean> {
    const message = await this.host.bus.readNext(this.stream, this.subject, afterSequence + 1);
    if (message === undefined || Buffer.compare(message.payload, payload) !== 0) return false;
    // A router's may be the same by chance.
    return message.headers[header.from] === undefined || message.headers[header.byHand] === '1';
  }
}
