/**
 * How the managers of a fleet come by its checkpoints: one choice for the whole fleet, and what each choice means to either
 * side. The three differ in these answers alone; storing, saying `stored`, freeing and restoring are the same.
 *
 *   notify     the ECU announces each checkpoint; every manager pulls the pages it lacks, at its own pace
 *   push       the ECU announces and sends the pages ahead; what a manager missed it pulls
 *   interval   nobody announces; managers ask every ECU at set intervals for the newest state and pull what they lack
 */
export const RECEIVE_STRATEGIES = ['notify', 'push', 'interval'] as const;
export type ReceiveStrategy = (typeof RECEIVE_STRATEGIES)[number];

export interface ReceiveChoice {
  readonly strategy: ReceiveStrategy;
  /** Between two rounds of asking; the other strategies have no use for it. */
  readonly intervalUs: number;
}

export interface ReceivingRules {
  /** The ECU announces every checkpoint; else only what a manager could not know of by asking (`checkpoint-source.ts`). */
  readonly announces: boolean;
  /** The ECU sends the pages ahead of the announcement. */
  readonly pushes: boolean;
  /** Managers ask so often; undefined: they are told. */
  readonly asksEveryUs: number | undefined;
  /** Captures that an ECU holds besides the newest: who is told of increments may ask for one, who asks is given the newest. */
  readonly olderHeldMax: number;
}

export const RECEIVE_INTERVAL_US = 1_000_000;
export const RECEIVE_DEFAULT: ReceiveChoice = { strategy: 'notify', intervalUs: RECEIVE_INTERVAL_US };

const OLDER_HELD_MAX = 7;

export function receivingRules({ strategy, intervalUs }: ReceiveChoice): ReceivingRules {
  const asks = strategy === 'interval';
  return {
    announces: !asks,
    pushes: strategy === 'push',
    asksEveryUs: asks ? intervalUs : undefined,
    olderHeldMax: asks ? 0 : OLDER_HELD_MAX,
  };
}
