/**
 * `chaos --damage store`: between the kills, now and then, some records of a random manager's store are damaged, whether that
 * manager runs or is dead just now. What became of it is counted by the managers themselves.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { StoreReader } from '../../../infra/lmdb/store-reader.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import type { Rng } from '../../domain/kernel/rng.ts';
import { queryManagerCounters } from '../fleet/fleet-calls.ts';
import type { LocalFleet } from '../fleet/local-fleet.ts';
import { checkStore } from '../store/check-store.ts';
import { storePathOf } from '../store/find-stores.ts';
import { damageStore, drawDamage } from './store-damager.ts';

export interface DamageSummary {
  readonly strikes: number;
  /** Pages, page ends and manifests that were changed, cut short or taken away. */
  readonly records: number;
  /** By the managers that live at the end: what they noticed, and what they did about it. */
  readonly found: number;
  readonly repairedFromManager: number;
  readonly repairedFromEcu: number;
  readonly caughtUp: number;
  /** Pages and manifests that are damaged, lost or set aside in the stores when all has ended. */
  readonly left: number;
}

const RECORDS_MAX = 12;

export class DamageStrikes {
  private readonly dataFolder: string;
  private readonly fleet: LocalFleet;
  private readonly rng: Rng;
  private readonly say: (sentence: string) => void;
  private strikes = 0;
  private records = 0;
  private counted: Omit<DamageSummary, 'strikes' | 'records' | 'left'> = NOTHING;

  constructor(parts: {
    readonly dataFolder: string;
    readonly fleet: LocalFleet;
    readonly rng: Rng;
    readonly say: (sentence: string) => void;
  }) {
    this.dataFolder = parts.dataFolder;
    this.fleet = parts.fleet;
    this.rng = parts.rng;
    this.say = parts.say;
  }

  async strike(): Promise<void> {
    const manager = this.fleet.managers[this.rng.below(this.fleet.managers.length)] ?? '';
    const path = storePathOf(this.dataFolder, manager);
    if (!existsSync(join(path, 'data.mdb'))) return;
    const damages = Array.from({ length: 1 + this.rng.below(RECORDS_MAX) }, () => drawDamage(this.rng));
    const records = await damageStore(path, damages);
    this.strikes += 1;
    this.records += records;
    const runs = this.fleet.processes().some(({ host }) => host === `manager.${manager}`);
    this.say(`${records} records in the store of manager ${manager} are damaged (it ${runs ? 'runs' : 'is dead'})`);
  }

  /** While the managers still answer. */
  async count(): Promise<void> {
    const sums = await queryManagerCounters(this.fleet.client, this.fleet.managers);
    this.counted = {
      found: sums['store.damagedFound'] ?? 0,
      repairedFromManager: sums['store.repairedFromManager'] ?? 0,
      repairedFromEcu: sums['store.repairedFromEcu'] ?? 0,
      caughtUp: sums['store.caughtUp'] ?? 0,
    };
  }

  /** After the fleet has stopped. */
  async summary(): Promise<DamageSummary> {
    let left = 0;
    for (const manager of this.fleet.managers) {
      const reader = new StoreReader(storePathOf(this.dataFolder, manager), systemHasher);
      const { damagedPages, lostPages, damagedManifests, manifestsSetAside } = await checkStore(reader).finally(() =>
        reader.close(),
      );
      left += damagedPages + lostPages + damagedManifests + manifestsSetAside;
    }
    return { strikes: this.strikes, records: this.records, ...this.counted, left };
  }
}

const NOTHING = { found: 0, repairedFromManager: 0, repairedFromEcu: 0, caughtUp: 0 };
