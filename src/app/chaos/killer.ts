/** Carries out a plan of kills against a fleet of processes, brings the victims back, and remembers when who died. */
import { failureArbiter } from '../../../actors/ecu.ts';
import { pause } from '../../../actors/host.ts';
import type { Incarnation } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { LocalFleet } from '../fleet/local-fleet.ts';
import { ChaosJournal } from './chaos-journal.ts';
import type { Kill } from './failover-times.ts';
import type { PlannedKill } from './kill-plan.ts';
import type { Recorder } from './recorder.ts';

export interface KillerParts {
  readonly fleet: LocalFleet;
  readonly recorder: Recorder;
  /** The present incarnation of an ECU's bridge. */
  readonly incarnationOf: (mac: Mac) => number | undefined;
  readonly say: (sentence: string) => void;
  readonly stopped: () => boolean;
  /** Done before each kill, half-way to it from the one before. */
  readonly between?: () => Promise<void>;
}

/** The claim comes within milliseconds; a manager that is slower than this was not worth waiting for. */
const CLAIM_US_MAX = 10_000_000;
const POLL_US = 200;
const WAIT_US = 20_000;

export class Killer {
  readonly kills: Kill[] = [];
  private readonly parts: KillerParts;
  private readonly journal: ChaosJournal;
  private readonly downEcus = new Set<Mac>();
  private readonly downManagers = new Set<string>();
  private readonly returning: Promise<void>[] = [];

  constructor(parts: KillerParts) {
    this.parts = parts;
    this.journal = new ChaosJournal(parts.fleet.client.host);
  }

  /** Resolves when the last victim is back. */
  async carryOut(plan: readonly PlannedKill[]): Promise<void> {
    const { clock } = this.parts.fleet.client.host;
    const beganUs = clock.monotonicUs();
    let lastUs = 0;
    for (const planned of plan) {
      const halfWayUs = (lastUs + planned.atUs) / 2;
      lastUs = planned.atUs;
      if (this.parts.between !== undefined) {
        while (clock.monotonicUs() - beganUs < halfWayUs && !this.parts.stopped()) await pause(clock, WAIT_US);
        if (!this.parts.stopped()) await this.parts.between();
      }
      while (clock.monotonicUs() - beganUs < planned.atUs && !this.parts.stopped()) await pause(clock, WAIT_US);
      if (this.parts.stopped()) break;
      await this.strike(planned);
    }
    await Promise.all(this.returning);
  }

  /** The plan counted with a usual start; on a loaded machine the victims of before may still be starting: they are waited for. */
  private async strike(planned: PlannedKill): Promise<void> {
    const { fleet, incarnationOf, stopped } = this.parts;
    while (!this.isAllowed(planned)) {
      if (stopped()) return;
      await pause(fleet.client.host.clock, WAIT_US);
    }
    if (planned.kind === 'manager') {
      const manager = pick(this.livingManagers(), planned.victimRank);
      if (manager === undefined) return;
      await this.journal.note('CHAOS.KILLED', { kind: planned.kind, manager });
      return this.killManager(manager, planned);
    }
    const living = this.livingEcus();
    const busy = living.filter((mac) => this.tasksOf(mac) > 0);
    const mac = pick(busy.length > 0 ? busy : living, planned.victimRank);
    const incarnation = mac === undefined ? undefined : incarnationOf(mac);
    if (mac === undefined || incarnation === undefined) return;
    const owner = { mac, incarnation };
    await this.journal.note('CHAOS.KILLED', { kind: planned.kind, mac, incarnation });
    await this.killEcu(owner, planned);
  }

  private isAllowed({ kind }: PlannedKill): boolean {
    const mayEcu = kind === 'manager' || this.livingEcus().length >= 2;
    const mayManager = (kind !== 'manager' && kind !== 'both') || this.livingManagers().length >= 2;
    return mayEcu && mayManager;
  }

  private livingEcus(): Mac[] {
    const serving = new Set(this.parts.fleet.processes().flatMap(({ host, state }) => (state === 'ready' ? [host] : [])));
    return this.parts.fleet.macs.filter((mac) => !this.downEcus.has(mac) && serving.has(`bridge.${mac}`));
  }

  private livingManagers(): string[] {
    return this.parts.fleet.managers.filter((id) => !this.downManagers.has(id));
  }

  private async killEcu(owner: Incarnation, { kind, downUs }: PlannedKill): Promise<void> {
    const { fleet, say } = this.parts;
    const { mac } = owner;
    if (kind !== 'bridge') this.downEcus.add(mac);
    const kill: Kill = { kind, atUs: this.journal.serverUs(), owner, manager: undefined };
    if (kind === 'freeze') fleet.freeze(mac);
    else void fleet.kill(mac, kind === 'bridge' ? 'bridge' : 'ecu');
    this.kills.push(kill);
    say(
      `${kind === 'freeze' ? 'SIGSTOP to' : 'SIGKILL to'} ${kind === 'bridge' ? 'the bridge of ' : ''}ECU ${mac} (${this.tasksOf(mac)} tasks)`,
    );
    if (kind === 'both') await this.killClaimer(owner, { kind, downUs });
    if (kind !== 'bridge') this.returning.push(this.bringBack(mac, kind, downUs));
  }

  /** The manager whose append claimed the failure dies with the restore in its hands. */
  private async killClaimer(owner: Incarnation, { downUs }: Pick<PlannedKill, 'kind' | 'downUs'>): Promise<void> {
    const { recorder, fleet, say } = this.parts;
    const { clock } = fleet.client.host;
    const untilUs = clock.monotonicUs() + CLAIM_US_MAX;
    const arbiter = failureArbiter(owner);
    while (recorder.claims.get(arbiter) === undefined && clock.monotonicUs() < untilUs) await pause(clock, POLL_US);
    const manager = recorder.claims.get(arbiter)?.writer.replace('manager.', '');
    if (manager === undefined || this.downManagers.has(manager) || this.downManagers.size + 1 >= fleet.managers.length) {
      return say('no manager that claimed may die just now');
    }
    this.killManager(manager, { kind: 'both', downUs });
  }

  private killManager(manager: string, { kind, downUs }: Pick<PlannedKill, 'kind' | 'downUs'>): void {
    const { fleet, say } = this.parts;
    this.downManagers.add(manager);
    this.kills.push({ kind, atUs: this.journal.serverUs(), owner: undefined, manager });
    void fleet.killManager(manager);
    say(`SIGKILL to manager ${manager}`);
    this.returning.push(this.bringBack(manager, 'manager', downUs));
  }

  private async bringBack(host: string, kind: PlannedKill['kind'], downUs: number): Promise<void> {
    const { fleet, say, stopped } = this.parts;
    const { clock } = fleet.client.host;
    const untilUs = clock.monotonicUs() + downUs;
    while (clock.monotonicUs() < untilUs && !stopped()) await pause(clock, WAIT_US);
    if (kind === 'freeze') {
      fleet.thaw(host);
      say(`SIGCONT to ECU ${host}`);
    } else if (!stopped()) {
      await fleet.restart(host);
      say(`${kind === 'manager' ? 'manager' : 'ECU'} ${host} is back`);
    }
    this.downEcus.delete(host);
    this.downManagers.delete(host);
  }

  private tasksOf(mac: Mac): number {
    let count = 0;
    for (const { placements } of this.parts.recorder.tasks.values()) {
      const last = placements.at(-1);
      if (last?.owner?.mac === mac && (last.state === 'owned' || last.state === 'assigned')) count++;
    }
    return count;
  }
}

const pick = <T>(living: readonly T[], rank: number): T | undefined => living[Math.floor(rank * living.length)];
