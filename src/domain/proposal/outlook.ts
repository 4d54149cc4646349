/**
 * What follows for an ECU of all levels that rise towards their limits:
 *
 *   failure   1 − Π (1 − P) over the deadly ones, each taken to come by itself
 *   overload  the greatest P of the others: what makes tasks late is mostly one thing seen from several sides
 */
import type { Mac } from '../model/ids.ts';
import type { Outlook } from './proposal.ts';
import type { Quantiles, Threat } from './threat.ts';

export function outlookOf(
  ecu: { readonly mac: Mac; readonly incarnation: number; readonly horizonS: number },
  threats: readonly Threat[],
  loadQuantiles: Quantiles,
): Outlook {
  const ranked = [...threats].sort((a, b) => b.probability - a.probability || (a.level < b.level ? -1 : 1));
  const deadly = ranked.filter((threat) => threat.deadly);
  return {
    mac: ecu.mac,
    incarnation: ecu.incarnation,
    failure: 1 - deadly.reduce((calm, { probability }) => calm * (1 - probability), 1),
    overload: ranked.find((threat) => !threat.deadly)?.probability ?? 0,
    loadQuantiles,
    failsInS: deadly[0]?.inS ?? ecu.horizonS,
    threats: ranked,
  };
}
