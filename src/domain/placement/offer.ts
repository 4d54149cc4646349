/**
 * What is remembered of an ECU that others watch: enough to know whether it could ever take a task, so that whoever looks for a place there asks
 * the right ones. Most ECUs of a fleet offer the same; those share one.
 */
import type { EcuDescription } from '../model/ecu.ts';
import type { Mac } from '../model/ids.ts';
import type { TaskSpec } from '../model/task.ts';
import { hintRefusal, offerRefusal } from './feasible.ts';

export type Offer = Pick<EcuDescription, 'resourceKind' | 'runtimes' | 'capabilities' | 'labels'>;

export class Offers {
  private readonly known = new Map<string, Offer>();

  of({ resourceKind, runtimes, capabilities, labels }: EcuDescription): Offer {
    const key = JSON.stringify([resourceKind, runtimes, capabilities, labels]);
    let offer = this.known.get(key);
    if (offer === undefined) {
      offer = { resourceKind, runtimes, capabilities, labels };
      this.known.set(key, offer);
    }
    return offer;
  }
}

export const couldTake = (mac: Mac, offer: Offer, spec: TaskSpec): boolean =>
  offerRefusal(offer, spec) === undefined && hintRefusal({ mac, description: offer }, spec) === undefined;
