/**
 * Requests and their answers. Each endpoint is a NATS micro service, so that `nats micro ls` and any other tool can see who
 * serves what. A handler's failure travels in the service's error headers plus drover's own code, and comes out at the
 * requester as the same `DroverError`.
 *
 * The services package is typed against an older core of its own than the one drover runs. What it does with a connection
 * (subscribe, respond with headers that encode themselves) is the same in both; the casts below are that one seam.
 */
import type { Msg, MsgHdrs } from '@nats-io/nats-core';
import { headers as messageHeaders } from '@nats-io/nats-core';
import type { ServiceMsg } from '@nats-io/services';
import { Svcm } from '@nats-io/services';
import type { ErrorCode } from '../../src/domain/kernel/error-codes.ts';
import { DroverError, ERROR_CODES } from '../../src/domain/kernel/error-codes.ts';
import { WIRE_VERSION } from '../../src/domain/protocol/messages.ts';
import { header } from '../../src/domain/protocol/subjects.ts';
import type { BusMessage, Endpoint } from '../../src/ports/bus.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Counters } from '../../src/ports/counters.ts';
import type { Log } from '../../src/ports/log.ts';
import { decodeHeaders } from './headers.ts';
import type { Link } from './link.ts';
import { assertFits, assertOpen } from './link.ts';
import type { Replies } from './replies.ts';

export interface Services {
  request(subject: string, payload: Uint8Array, options: { readonly timeoutUs: number }): Promise<Uint8Array>;
  serve(endpoint: Endpoint, handler: (message: BusMessage) => Promise<Uint8Array>): Promise<Cancel>;
}

export interface ServicesParts {
  readonly link: Link;
  readonly replies: Replies;
  readonly clock: Clock;
  readonly log: Log;
  readonly counters: Counters;
}

type ServiceConnection = ConstructorParameters<typeof Svcm>[0];
type ServiceHeaders = NonNullable<ServiceMsg['headers']>;

const ERROR_CODE_HEADER = 'Nats-Service-Error-Code';
const ERROR_SENTENCE_HEADER = 'Nats-Service-Error';

export function createServices({ link, replies, clock, log, counters }: ServicesParts): Services {
  const answer = async (
    endpoint: Endpoint,
    message: ServiceMsg,
    handler: (message: BusMessage) => Promise<Uint8Array>,
  ): Promise<void> => {
    try {
      const payload = await handler({
        subject: message.subject,
        payload: message.data,
        headers: decodeHeaders(message.headers as unknown as MsgHdrs | undefined),
      });
      assertFits(link, message.subject, payload.length, 0);
      if (link.up) message.respond(payload);
    } catch (error) {
      if (!(error instanceof DroverError)) {
        counters.add('bus.handler-threw');
        log.error('a handler of requests failed', { service: endpoint.service, subject: endpoint.subject, error });
      }
      if (link.up) refuse(message, error);
    }
  };

  return {
    async request(subject, payload, { timeoutUs }) {
      assertOpen(link);
      assertFits(link, subject, payload.length, 0);
      const deadlineUs = clock.monotonicUs() + timeoutUs;
      if (!link.up && !(await link.whenUp(timeoutUs))) {
        assertOpen(link);
        throw new DroverError('ERR_BUS_DISCONNECTED', `The broker could not be reached for a request to ${subject}.`, {
          retryable: true,
        });
      }
      return new Promise((resolve, reject) => {
        replies.ask({ subject, payload, timeoutUs: Math.max(0, deadlineUs - clock.monotonicUs()) }, (reply) => {
          switch (reply.kind) {
            case 'answer': {
              const failure = failureOf(reply.message);
              if (failure === undefined) resolve(reply.message.data);
              else reject(failure);
              return;
            }
            case 'no-responder':
              reject(new DroverError('ERR_BUS_NO_RESPONDER', `Nobody serves ${subject}.`, { retryable: true }));
              return;
            case 'timeout':
              reject(
                new DroverError('ERR_BUS_TIMEOUT', `${subject} did not answer in ${timeoutUs / 1000} ms.`, { retryable: true }),
              );
              return;
            case 'disconnected':
              reject(
                new DroverError('ERR_BUS_DISCONNECTED', `The connection was lost while a request to ${subject} was out.`, {
                  retryable: true,
                }),
              );
          }
        });
      });
    },

    async serve(endpoint, handler) {
      assertOpen(link);
      const service = await new Svcm(link.connection as unknown as ServiceConnection).add({
        name: endpoint.service,
        version: `${WIRE_VERSION}.0.0`,
      });
      service.addEndpoint(endpointName(endpoint.subject), {
        subject: endpoint.subject,
        ...(endpoint.queue === undefined ? {} : { queue: endpoint.queue }),
        handler: (error, message) => {
          if (error === null) void answer(endpoint, message, handler);
        },
      });
      let cancelled = false;
      void service.stopped.then((error) => {
        if (!cancelled && !link.closed)
          log.error('a service stopped by itself', { service: endpoint.service, subject: endpoint.subject, error });
      });
      if (link.up) await link.connection.flush().catch(() => undefined); // a link that breaks here subscribes anew by itself
      return () => {
        if (cancelled) return;
        cancelled = true;
        void service.stop();
      };
    },
  };
}

/** An endpoint's name may hold fewer characters than a subject. */
const endpointName = (subject: string): string => subject.replaceAll(/[^-\w]/g, '-');

function refuse(message: ServiceMsg, error: unknown): void {
  const code: ErrorCode = error instanceof DroverError ? error.code : 'ERR_BUS_HANDLER';
  const sentence = error instanceof DroverError ? error.message : 'The handler failed; its log says why.';
  const failure = messageHeaders();
  failure.set(header.error, code);
  message.respondError(500, sentence.replaceAll(/[\r\n]+/g, ' ').slice(0, 1_000), undefined, {
    headers: failure as unknown as ServiceHeaders,
  });
}

function failureOf(message: Msg): DroverError | undefined {
  const { headers } = message;
  if (headers === undefined || headers.get(ERROR_CODE_HEADER) === '') return undefined;
  const code = headers.get(header.error);
  const known = ERROR_CODES.find((candidate) => candidate === code);
  return new DroverError(known ?? 'ERR_BUS_HANDLER', headers.get(ERROR_SENTENCE_HEADER) || 'The request failed.');
}
