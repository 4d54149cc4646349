/** Generators of proposals, open and scored. */
import fc from 'fast-check';
import type { ProposalNotice } from '../../src/domain/proposal/proposal-notice.ts';
import type { Threat } from '../../src/domain/proposal/threat.ts';
import { count, mac, managerId, printableId, taskName } from './arbitraries.ts';

/** Without -0, which the wire does not tell from 0. */
const real = (min = -1e9, max = 1e9): fc.Arbitrary<number> => fc.double({ min, max, noNaN: true }).map((number) => number + 0);

const cause = (): fc.Arbitrary<Threat['cause']> => fc.constantFrom('failure', 'overload', 'heat', 'ageing');

const threat = (): fc.Arbitrary<Threat> =>
  fc.tuple(seenByEcu(), fc.boolean()).map(([seen, byTasks]) => (byTasks ? { ...seen, byTasks } : seen));

const seenByEcu = (): fc.Arbitrary<Threat> =>
  fc.record({
    cause: cause(),
    level: fc.constantFrom('temperature', 'memory', 'load', 'wear', 'misses', 'backlog'),
    deadly: fc.boolean(),
    probability: real(0, 1),
    now: real(),
    limit: real(),
    quantiles: fc.tuple(real(), real(), real()),
    inS: real(),
  });

export const proposalNotice = (): fc.Arbitrary<ProposalNotice> =>
  fc.tuple(alone(), fc.array(taskName(), { maxLength: 3 })).map(([notice, together]) => {
    return together.length === 0 ? notice : { ...notice, together };
  });

const alone = (): fc.Arbitrary<ProposalNotice> =>
  fc.record({
    manager: managerId(),
    id: printableId(),
    task: taskName(),
    epoch: count().map((epoch) => epoch || 1),
    from: mac(),
    cause: cause(),
    evidence: fc.array(threat(), { maxLength: 3 }),
    probability: real(0, 1),
    horizonS: real(),
    loadQuantiles: fc.tuple(real(), real(), real()),
    staying: real(),
    benefit: real(),
    candidates: fc.array(fc.record({ mac: mac(), incarnation: count(), moving: real(), benefit: real() }), { maxLength: 4 }),
    madeAtUs: count(),
    deadlineUs: count(),
    temperature: real(),
    temperatureLimit: real(),
    failsInS: real(),
    score: fc
      .option(
        fc.record({
          leadUs: count(),
          wasDone: fc.boolean(),
          came: fc.boolean(),
          wouldHaveCome: real(0, 1),
          regretNothing: real(),
          regretOracle: real(),
          paid: fc.boolean(),
        }),
        { nil: undefined },
      )
      .map((score) =>
        score === undefined ? score : score.came ? { ...score, wouldHaveCome: 1 } : { ...score, leadUs: undefined },
      ),
  });
