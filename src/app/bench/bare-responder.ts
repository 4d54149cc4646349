/**
 * The other process of the yardstick (`bare-exchange.ts`): answers every request on a subject with the same bytes, through the
 * plain client, with nothing of drover in between. Ends with whoever started it.
 */
import { connectBus } from '../../../infra/nats/connect.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { brokerTarget } from '../compose/broker-target.ts';
import { onParentGone } from '../compose/parent-link.ts';
import { type BareResponderConfig, RESPONDER_VARIABLE } from './bare-config.ts';

const text = process.env[RESPONDER_VARIABLE];
assert(text !== undefined, `${RESPONDER_VARIABLE} is set by whoever starts this process`);
const { broker, subject, answerBytes } = JSON.parse(text) as BareResponderConfig;
const { connection, close } = await connectBus({ target: await brokerTarget(broker), name: 'bench.responder#1' });
const answer = new Uint8Array(answerBytes).fill(1);
connection.subscribe(subject, { callback: (_error, message) => void message.respond(answer) });
await connection.flush();
onParentGone(() => void close().finally(() => process.exit(0)));
process.send?.('ready');
