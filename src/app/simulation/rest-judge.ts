/**
 * What must hold of a fleet that has come to rest, besides that its tasks run: nothing is left over (conservation), and what each
 * host wrote down for itself can be replayed. Reads disks and records, as whoever investigates would; asks no actor.
 */
import { StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import { storedJournals } from '../../../infra/sim/disk-records.ts';
import type { StorePlace } from '../../../infra/sim/weather.ts';
import type { SimWorld } from '../../../infra/sim/world.ts';
import { keptForNobody, leftOver, tooMany } from '../../domain/invariants/conservation.ts';
import { Replayable } from '../../domain/invariants/replayable.ts';
import type { Violation } from '../../domain/invariants/violation.ts';
import type { ActorKey, TaskName } from '../../domain/model/ids.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import type { FleetTruth } from './fleet-truth.ts';
import type { NightJudge } from './night-judge.ts';
import { replayByChart } from './replay-by-chart.ts';
import type { SimulatedEcu } from './simulated-ecu.ts';

/** An ECU keeps its newest capture, one on its way, and seven older ones where it is pulled from (`olderHeldMax`). */
const CAPTURES_HELD_MAX = 9;
/** Retention drops eight at a time; what nobody has confirmed is bounded at 24; chains bring their own. */
const CHECKPOINTS_BESIDE_CHAIN_MAX = 64;

export interface RestJudgeParts {
  readonly world: SimWorld;
  readonly truth: FleetTruth;
  readonly ecus: ReadonlyMap<string, SimulatedEcu>;
  readonly stores: readonly StorePlace[];
  readonly night: NightJudge;
}

export class RestJudge {
  private readonly parts: RestJudgeParts;

  constructor(parts: RestJudgeParts) {
    this.parts = parts;
  }

  /** Cheap enough to be waited for. */
  leftovers(): readonly Violation[] {
    const { truth, ecus, night } = this.parts;
    const found: (Violation | undefined)[] = [...night.atRest()];
    for (const [actor, { state, record }] of truth.arbiters) if (state === 'settled') found.push(leftOver(actor, record));
    for (const [actor, { record }] of truth.migrations)
      if (!truth.openMigrations().includes(actor)) found.push(leftOver(actor, record));
    for (const [actor, { record }] of truth.chains)
      if (!truth.openChains().includes(actor)) found.push(leftOver(actor, record));
    for (const [task, { state, record }] of truth.placements)
      if (state === 'removed') found.push(leftOver(`placement/${task}`, record));
    for (const { mac, bridge } of ecus.values()) {
      if (bridge === undefined) continue;
      const accepted = bridge.load().tasks.map(({ task }) => task);
      found.push(keptForNobody(mac, accepted, (task) => this.owns(mac, task)));
      for (const { instance, source } of bridge.running().all()) {
        const { heldCaptures } = source.state;
        found.push(tooMany(`captures of ${instance.spec.name} held on ECU ${mac}`, heldCaptures, CAPTURES_HELD_MAX));
      }
    }
    for (const { machine, table } of this.parts.stores) {
      const pages = new StoredPages(this.parts.world.disk(machine), table);
      found.push(tooMany(`pages in ${table} of ${machine} that no checkpoint needs`, pages.unused(), 0));
      for (const task of pages.tasks()) {
        const most = CHECKPOINTS_BESIDE_CHAIN_MAX + (truth.placements.get(task)?.context.spec?.checkpoint.chainMax ?? 0);
        found.push(tooMany(`checkpoints of ${task} in ${table} of ${machine}`, pages.orders(task).length, most));
      }
    }
    return found.filter((violation) => violation !== undefined);
  }

  /** Every journal on every disk, made again from its events; and what local actors left behind at their end. */
  journals(): readonly Violation[] {
    const found: (Violation | undefined)[] = [];
    for (const disk of this.parts.world.disks.values()) {
      for (const journals of storedJournals(disk)) {
        const replayable = new Replayable(replayByChart);
        for (const [actor, entries] of journals) found.push(...this.journal(actor, entries, replayable));
      }
    }
    return found.filter((violation) => violation !== undefined);
  }

  private *journal(actor: ActorKey, entries: readonly Uint8Array[], replayable: Replayable): Iterable<Violation | undefined> {
    for (const [at, bytes] of entries.entries()) {
      const record = decodeRecord(bytes);
      if (!record.ok) throw new Error(`a stored record of ${actor} does not decode: ${record.error.sentence}`);
      yield replayable.record(record.value);
      const { status } = JSON.parse(record.value.snapshot) as { readonly status: string };
      if (at === entries.length - 1 && status !== 'active') yield leftOver(actor, record.value);
    }
  }

  private owns(mac: string, task: TaskName): boolean {
    const placement = this.parts.truth.placements.get(task);
    return placement?.context.owner?.mac === mac && placement.state === 'owned';
  }
}
