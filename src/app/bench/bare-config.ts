/** What `bare-exchange.ts` tells `bare-responder.ts` when it starts it. */
import type { BrokerChoice } from '../compose/process-config.ts';

export interface BareResponderConfig {
  readonly broker: BrokerChoice;
  readonly subject: string;
  readonly answerBytes: number;
}

export const RESPONDER_VARIABLE = 'DROVER_BENCH_RESPONDER';
