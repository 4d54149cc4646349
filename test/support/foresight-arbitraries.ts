/** What managers tell each other of what they foresee, drawn. */
import fc from 'fast-check';
import type { EcuForesight } from '../../src/domain/proposal/foresight.ts';

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const count = () => fc.nat();
const mac = () => fc.nat(255).map((number) => `02aa000000${number.toString(16).padStart(2, '0')}`);

const amount = (): fc.Arbitrary<number> => fc.double({ min: 0, max: 100, noNaN: true });
const chance = (): fc.Arbitrary<number> => fc.double({ min: 0, max: 1, noNaN: true });
const quantiles = () => fc.tuple(amount(), amount(), amount());

export const ecuForesight = (): fc.Arbitrary<EcuForesight> =>
  fc.record({
    mac: mac(),
    incarnation: count(),
    ready: fc.boolean(),
    threatened: fc.boolean(),
    failure: chance(),
    overload: chance(),
    failsInS: amount(),
    loadQuantiles: quantiles(),
    loadByTasks: optional(quantiles()),
    resourceKind: fc.constantFrom('cpu' as const, 'gpu' as const, 'fpga' as const, 'asic' as const),
    after: optional(fc.record({ load: quantiles(), overload: chance(), disturbs: amount() })),
    misses: optional(count()),
  });

export const foresightQuery = () =>
  fc.record({
    kind: fc.constant('query-foresight' as const),
    macs: fc.array(mac(), { maxLength: 4 }),
    task: optional(fc.constantFrom('alpha', 'beta-2')),
    ahead: optional(quantiles()),
  });
