/**
 * Asks the managers that keep an ECU what they foresee of it, in a fleet that is shared out: whoever moves a task into another share must know
 * whether that target is itself about to fail, or will have too much to do.
 *
 * W1. The first keeper that lives is asked, and where it says nothing of an ECU the second.
 * W2. An ECU of which all keepers were silent is *unsaid*: what is moved because of a forecast does not go there. One that its keepers do not
 *     follow (no metrics, or nobody predicts) is as one of the own share that nobody follows: nothing is known against it.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { EcuForesight, ForesightQuery } from '../src/domain/proposal/foresight.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../src/domain/protocol/codec-manager.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import { envelope, type Host, planted } from './host.ts';

const ANSWER_TIMEOUT_US = 200_000;

export interface ForesightParts {
  readonly host: Host;
  readonly manager: string;
  /** The first choice first; undefined: everybody keeps everything. */
  readonly keepersOf: (mac: Mac) => readonly string[] | undefined;
}

export interface Foreseen {
  readonly sights: ReadonlyMap<Mac, EcuForesight>;
  /** W2. */
  readonly unsaid: ReadonlySet<Mac>;
}

export class Foresight {
  private readonly parts: ForesightParts;

  constructor(parts: ForesightParts) {
    this.parts = parts;
  }

  async ask(macs: readonly Mac[], about: Omit<ForesightQuery, 'macs'>): Promise<Foreseen> {
    const { host } = this.parts;
    const sights = new Map<Mac, EcuForesight>();
    const unsaid = new Set<Mac>(planted(host, 'foresee-own-share') ? [] : macs);
    if (unsaid.size === 0) return { sights, unsaid };
    for (const rank of [0, 1]) {
      const byKeeper = new Map<string, Mac[]>();
      for (const mac of macs) {
        const keeper = sights.has(mac) ? undefined : this.othersThatKeep(mac)[rank];
        if (keeper !== undefined) byKeeper.set(keeper, [...(byKeeper.get(keeper) ?? []), mac]);
      }
      const ask = async ([keeper, asked]: readonly [string, readonly Mac[]]): Promise<void> => {
        const said = await this.askOne(keeper, { ...about, macs: asked });
        if (said === undefined) return;
        for (const mac of asked) unsaid.delete(mac);
        for (const sight of said) sights.set(sight.mac, sight);
      };
      await Promise.all([...byKeeper].map(ask));
    }
    return { sights, unsaid };
  }

  private othersThatKeep(mac: Mac): readonly string[] {
    return (this.parts.keepersOf(mac) ?? []).filter((keeper) => keeper !== this.parts.manager);
  }

  /** Undefined: it is silent. */
  private async askOne(keeper: string, query: ForesightQuery): Promise<readonly EcuForesight[] | undefined> {
    const { host } = this.parts;
    host.counters.add('predictor.askedBeyond');
    try {
      const call = encodeManagerCall(envelope(host, { kind: 'query-foresight', ...query } as const));
      const bytes = await host.bus.request(managerSubject.callOf(keeper), call, { timeoutUs: ANSWER_TIMEOUT_US });
      const answer = decodeManagerAnswer(bytes);
      if (!answer.ok) return undefined;
      // A manager that foresees nothing, or that does not know the question, has said all that it has to say.
      return answer.value.body.kind === 'foresight' ? answer.value.body.ecus : [];
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      return undefined;
    }
  }
}
