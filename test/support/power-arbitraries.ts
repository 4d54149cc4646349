/** Generators of what ECUs take, how they sleep, and of the orders about that. */
import fc from 'fast-check';
import type { EcuPower, SleepState } from '../../src/domain/model/ecu.ts';
import type { Command, PowerAnswer } from '../../src/domain/protocol/messages.ts';

const watts = (): fc.Arbitrary<number> => fc.nat({ max: 100_000 }).map((value) => value / 8);
const word = (): fc.Arbitrary<string> => fc.stringMatching(/^[a-z]{1,20}$/);

const sleepState = (): fc.Arbitrary<SleepState> =>
  fc.record({ name: word(), watts: watts(), wakeUs: fc.nat(), wakeJoules: watts() });

export const ecuPower = (): fc.Arbitrary<EcuPower> =>
  fc.record({ idleWatts: watts(), busyWatts: watts(), sleep: fc.array(sleepState(), { maxLength: 3 }) });

export const powerCommand = (): fc.Arbitrary<Command> =>
  fc.record({ kind: fc.constant('power' as const), sleep: fc.option(sleepState(), { nil: undefined }) });

export const powerAnswer = (): fc.Arbitrary<PowerAnswer> =>
  fc.record({
    kind: fc.constant('power' as const),
    state: fc.constantFrom('awake' as const, 'asleep' as const, 'waking' as const),
    readyInUs: fc.nat(),
    reason: fc.oneof(fc.constant(''), word()),
  });
