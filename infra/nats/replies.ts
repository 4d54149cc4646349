/**
 * One subscription for all answers. Every request, append and broker call goes out with a reply subject of its own under one
 * inbox; what comes back is matched by the last token.
 *
 * The client's own `request` does the same with a timer, an error with a stack and three promises for each call; here a call
 * costs one map entry and one callback, because appends are counted in tens of thousands a second. Deadlines are kept by one
 * timer for all of them.
 *
 * Q1. A callback is called exactly once: with an answer, `no-responder`, `timeout`, or `disconnected` as soon as the link is
 *     seen to be down. In the last case what was sent may still be carried out.
 */
import type { Msg } from '@nats-io/nats-core';
import { createInbox } from '@nats-io/nats-core';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import { readyHeaders } from './headers.ts';
import type { Link } from './link.ts';

export type Reply =
  | { readonly kind: 'answer'; readonly message: Msg }
  | { readonly kind: 'no-responder' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'disconnected' };

export interface Replies {
  /** Sends now; the link must be up. Throws only what the client throws for a message it cannot send. */
  ask(question: Question, onReply: (reply: Reply) => void): void;
}

export interface Question {
  readonly subject: string;
  readonly payload: Uint8Array;
  /** Encoded. */
  readonly headers?: Uint8Array | undefined;
  readonly timeoutUs: number;
}

interface Waiting {
  readonly deadlineUs: number;
  readonly onReply: (reply: Reply) => void;
}

const NO_RESPONDER: Reply = { kind: 'no-responder' };
const TIMEOUT: Reply = { kind: 'timeout' };
const DISCONNECTED: Reply = { kind: 'disconnected' };

/** Deadlines are looked at together, so an answer may be missed this much later than asked for. */
const SWEEP_GRAIN_US = 2_000;

export function createReplies(link: Link, clock: Clock): Replies {
  const { connection } = link;
  const prefix = `${createInbox()}.`;
  const waiting = new Map<string, Waiting>();
  let counter = 0;
  let sweepAtUs = Number.POSITIVE_INFINITY;
  let cancelSweep: Cancel = () => undefined;

  const finish = (token: string, reply: Reply): void => {
    const entry = waiting.get(token);
    if (entry === undefined) return;
    waiting.delete(token);
    entry.onReply(reply);
  };

  connection.subscribe(`${prefix}*`, {
    callback: (error, message) => {
      if (error !== null) return;
      const token = message.subject.slice(prefix.length);
      const noResponder = message.data.length === 0 && message.headers?.code === 503;
      finish(token, noResponder ? NO_RESPONDER : { kind: 'answer', message });
    },
  });

  link.onChange((up) => {
    if (up) return;
    for (const token of [...waiting.keys()]) finish(token, DISCONNECTED);
    // Nobody waits any more: a process that is done must not live on for a deadline that was met.
    cancelSweep();
    sweepAtUs = Number.POSITIVE_INFINITY;
  });

  const sweep = (): void => {
    const nowUs = clock.monotonicUs();
    let nextUs = Number.POSITIVE_INFINITY;
    const late: string[] = [];
    for (const [token, entry] of waiting) {
      if (entry.deadlineUs <= nowUs) late.push(token);
      else if (entry.deadlineUs < nextUs) nextUs = entry.deadlineUs;
    }
    sweepAtUs = Number.POSITIVE_INFINITY;
    if (nextUs !== Number.POSITIVE_INFINITY) sweepAt(nextUs, nowUs);
    for (const token of late) finish(token, TIMEOUT);
  };

  const sweepAt = (atUs: number, nowUs: number): void => {
    if (atUs >= sweepAtUs) return;
    cancelSweep();
    sweepAtUs = atUs;
    cancelSweep = clock.after(atUs - nowUs + SWEEP_GRAIN_US, sweep);
  };

  return {
    ask(question, onReply) {
      const token = (counter++).toString(36);
      const reply = prefix + token;
      const { subject, payload, headers } = question;
      connection.publish(subject, payload, headers === undefined ? { reply } : { reply, headers: readyHeaders(headers) });
      const nowUs = clock.monotonicUs();
      const deadlineUs = nowUs + question.timeoutUs;
      waiting.set(token, { deadlineUs, onReply });
      sweepAt(deadlineUs, nowUs);
    },
  };
}
