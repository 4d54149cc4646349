/**
 * A whole fleet on this machine: a server, managers and ECUs, each a process (group) of its own, as `up`, `demo`, `chaos` and
 * the benches run it.
 *
 * F1. Started in the order server, managers, ECUs; stopped in the reverse order. Nothing is left behind, however this process
 *     ends: every child is tied to it.
 * F2. A child that dies by itself is reported and started again, after a wait that doubles with every death in a row. One that
 *     was killed through here stays dead until `restart`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { findServer } from '../../../infra/nats/find-server.ts';
import { chooseReceiving } from '../../../infra/nats/receive-policy.ts';
import type { SyncPolicy } from '../../../infra/nats/server-config.ts';
import { type RunningServer, startServer } from '../../../infra/nats/start-server.ts';
import { FAULT_VARIABLE } from '../../../infra/system/fault-plan.ts';
import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { PageEncoding } from '../../domain/protocol/messages.ts';
import { type FleetClient, openFleetClient } from '../compose/open-fleet-client.ts';
import type { ChildWord } from '../compose/parent-link.ts';
import {
  type BrokerChoice,
  type EcuConfig,
  fleetFolders,
  HEARTBEAT_INTERVAL_US,
  type LogChoice,
  type ManagerConfig,
} from '../compose/process-config.ts';
import type { PreparedTask } from '../prepare-task.ts';
import { deployTask } from './fleet-calls.ts';
import { type ChildExit, FleetChild } from './fleet-child.ts';
import { FLEET_STATE_VERSION, writeFleetState } from './fleet-state.ts';
import { ServerDisk } from './server-disk.ts';
import { settleFleet } from './settle-fleet.ts';

/** What one ECU offers; everything but the MAC has a default. */
export interface EcuPlan extends Partial<Omit<EcuConfig, 'broker' | 'dataFolder' | 'localFolder' | 'log'>> {
  readonly mac: Mac;
}

export interface LocalFleetOptions {
  readonly dataFolder: string;
  readonly ecus: readonly EcuPlan[];
  readonly managers: readonly string[];
  /** A broker that runs already; without it a server is started in the data folder. */
  readonly broker?: BrokerChoice;
  readonly sync?: SyncPolicy;
  readonly shardCount?: number;
  /** Checkpoints that each manager tries a minute; 0: none. */
  readonly provesPerMinute?: number;
  /** The file of a learned model that ranks candidates. */
  readonly adviser?: string;
  /** How managers learn; absent: they do not. That ECUs report is said of each ECU. */
  readonly learns?: ManagerConfig['learns'];
  /** Whether managers foresee failures; absent: they do. */
  readonly predicts?: boolean | undefined;
  /** Whether managers let ECUs sleep, and when; absent: they do not. */
  readonly power?: ManagerConfig['power'];
  /** How pages are packed on their way; only where the fleet does not exist yet. */
  readonly compression?: PageEncoding | undefined;
  /** For the whole fleet; absent: what it has stays, and a new one is notified. */
  readonly receive?: ReceiveChoice;
  /** Whether ECUs and managers hand pages over past the server, as they do on one machine; absent: they do. */
  readonly localPath?: boolean | undefined;
  readonly logLevel?: LogChoice['level'];
  /** Planned deaths (DROVER_FAULT) by host, for the first start of each: `manager.m1`, or `supervisor.<mac>` for its bridge. */
  readonly faults?: Readonly<Record<string, string>>;
  readonly onEvent?: (event: FleetEvent) => void;
}

export type FleetEvent =
  | { readonly kind: 'progress'; readonly sentence: string }
  | { readonly kind: 'ready'; readonly host: string; readonly pid: number; readonly incarnation: number }
  /** By itself; it is started again unless `forGood`. */
  | {
      readonly kind: 'died';
      readonly host: string;
      readonly reason: string;
      readonly forGood: boolean;
      readonly againInMs: number;
    };

export interface FleetProcess {
  /** `server`, `manager.m1`, `supervisor.02aa00000001`, `bridge.02aa00000001`. */
  readonly host: string;
  readonly pid: number;
  readonly state: 'starting' | 'ready' | 'frozen';
}

export type KillTarget = 'ecu' | 'bridge';

interface Member {
  readonly host: string;
  readonly start: () => FleetChild;
  starts: number;
  child: FleetChild | undefined;
  ready: boolean;
  bridge: { readonly pid: number; readonly ready: boolean } | undefined;
  deathsInARow: number;
  /** Killed or stopped through here: its end is no news. */
  meant: boolean;
  failure: string | undefined;
  again: NodeJS.Timeout | undefined;
}

const READY_MS_MAX = 60_000;
const PATIENCE_US = 10_000_000;
const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 10_000;
/** A child that lived this long starts its count of deaths anew. */
const LIVED_LONG_MS = 10_000;

/** MACs 02aa00000001, 02aa00000002, …: locally administered, so that they are nobody's. */
export const ecuMac = (number: number): Mac => `02aa${number.toString(16).padStart(8, '0')}`;
export const ecuPlans = (count: number, common: Omit<EcuPlan, 'mac' | 'name'> = {}): EcuPlan[] =>
  Array.from({ length: count }, (_, at) => ({ ...common, mac: ecuMac(at + 1), name: `ecu${at + 1}` }));
export const managerIds = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at + 1}`);

export class LocalFleet {
  private readonly options: LocalFleetOptions;
  private readonly folders: ReturnType<typeof fleetFolders>;
  private readonly members = new Map<string, Member>();
  private readonly waiting = new Set<() => void>();
  private server: RunningServer | undefined;
  private disk: ServerDisk | undefined;
  private connected: FleetClient | undefined;
  private starting: Promise<void> | undefined;
  private stopping = false;
  private writing: Promise<void> = Promise.resolve();
  private isWriteDue = false;

  constructor(options: LocalFleetOptions) {
    this.options = options;
    this.folders = fleetFolders(options.dataFolder);
    for (const id of options.managers) this.addMember(`manager.${id}`, () => this.startManager(id));
    for (const plan of options.ecus) this.addMember(`supervisor.${plan.mac}`, () => this.startEcu(plan));
  }

  /** Resolves when every manager and every ECU serves. What fails leaves nothing behind. */
  start(): Promise<void> {
    this.starting = this.startAll();
    return this.starting;
  }

  /** Also while it starts. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.disk?.stop();
    this.changed();
    await this.starting?.catch(() => {}); // told to whoever called `start`
    await this.stopAll();
  }

  private async startAll(): Promise<void> {
    try {
      await mkdir(dirname(this.folders.log('any')), { recursive: true });
      if (this.options.broker === undefined) {
        await this.startServer();
        this.disk = this.watchServerDisk();
      }
      const { shardCount, compression } = this.options;
      this.connected = await openFleetClient(this.broker, {
        prepare: { ...(shardCount === undefined ? {} : { shardCount }), compression },
        patienceUs: PATIENCE_US,
      });
      const { receive } = this.options;
      if (receive !== undefined) await chooseReceiving(this.connected.host.bus, receive);
      // All at the same time, because starting is work; managers first, so that no ECU announces itself to nobody.
      for (const member of this.members.values()) this.launch(member);
      await this.ready();
      this.changed();
    } catch (error) {
      this.stopping = true;
      await this.stopAll();
      throw error;
    }
  }

  private async stopAll(): Promise<void> {
    const ecus = [...this.members.values()].filter(({ host }) => host.startsWith('supervisor.'));
    const managers = [...this.members.values()].filter(({ host }) => host.startsWith('manager.'));
    // Every task stands still and its state is stored while there is somebody to store it.
    if (this.connected !== undefined) await settleFleet(this.connected, this.macs);
    // Managers first: whoever still watches would read the ECUs' goodbyes as the failures they otherwise are.
    for (const group of [managers, ecus]) await Promise.all(group.map((member) => this.leave(member)));
    await this.connected?.close();
    this.connected = undefined;
    await this.server?.stop();
    this.server = undefined;
    await this.writing;
    await rm(this.folders.state, { force: true });
  }

  /** This fleet's own connection, for asking and for watching streams. */
  get client(): FleetClient {
    if (this.connected === undefined) throw new DroverError('ERR_NOT_RUNNING', 'this fleet has not been started');
    return this.connected;
  }

  get broker(): BrokerChoice {
    return this.options.broker ?? { kind: 'folder', folder: this.folders.server };
  }

  get macs(): readonly Mac[] {
    return this.options.ecus.map(({ mac }) => mac);
  }

  get managers(): readonly string[] {
    return this.options.managers;
  }

  deploy(prepared: PreparedTask): Promise<void> {
    return deployTask(this.client, prepared);
  }

  /** Resolves when every member that is meant to live serves. Fails when one cannot start. */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    for (;;) {
      if (this.stopping) throw new DroverError('ERR_NOT_RUNNING', 'the fleet is being stopped');
      const members = [...this.members.values()];
      const failed = members.find(({ failure }) => failure !== undefined);
      if (failed !== undefined) throw new DroverError('ERR_NOT_RUNNING', `${failed.host} does not start: ${failed.failure}`);
      const late = members.filter((member) => !member.meant && !isServing(member));
      if (late.length === 0) return;
      if (performance.now() > deadline) {
        const names = late.map(({ host }) => host).join(', ');
        throw new DroverError(
          'ERR_NOT_RUNNING',
          `not ready within ${READY_MS_MAX / 1000} s: ${names}; their logs are in ${dirname(this.folders.log('any'))}`,
        );
      }
      await this.change(deadline - performance.now());
    }
  }

  // ——— doing harm, and mending it ———

  /** SIGKILL. `ecu`: supervisor, bridge and workers with one signal; it stays dead. `bridge`: its supervisor starts another. */
  async kill(mac: Mac, what: KillTarget): Promise<void> {
    const member = this.member(`supervisor.${mac}`);
    if (what === 'ecu') return this.killMember(member);
    if (member.bridge === undefined) throw new DroverError('ERR_NOT_RUNNING', `no bridge runs on ${mac} just now`);
    process.kill(member.bridge.pid, 'SIGKILL');
  }

  killManager(id: string): Promise<void> {
    return this.killMember(this.member(`manager.${id}`));
  }

  /** SIGSTOP for a whole ECU (a MAC) or a manager (its id): it hangs, and its connection stays open. */
  freeze(host: Mac | string): void {
    this.child(host).freeze();
  }

  thaw(host: Mac | string): void {
    this.child(host).thaw();
  }

  /** Starts a killed ECU (a MAC) or manager (its id) again, with what is on its disk. Resolves when it serves. */
  async restart(host: Mac | string): Promise<void> {
    const member = this.find(host);
    if (member.child !== undefined) throw new DroverError('ERR_USAGE', `${member.host} is not dead`);
    this.launch(member);
    while (!isServing(member)) {
      if (this.stopping) throw new DroverError('ERR_NOT_RUNNING', 'the fleet is being stopped');
      if (member.failure !== undefined)
        throw new DroverError('ERR_NOT_RUNNING', `${member.host} does not start: ${member.failure}`);
      await this.change(READY_MS_MAX);
    }
  }

  /** Stops and starts the fleet's own server in its folder, under the running fleet. */
  async restartServer(): Promise<void> {
    if (this.server === undefined) throw new DroverError('ERR_USAGE', 'this fleet uses a server that it did not start');
    await this.server.stop();
    await this.startServer();
  }

  processes(): FleetProcess[] {
    const found: FleetProcess[] = [];
    if (this.server !== undefined) found.push({ host: 'server', pid: this.server.pid, state: 'ready' });
    for (const { host, child, ready, bridge } of this.members.values()) {
      if (child === undefined) continue;
      const state = (isReady: boolean): FleetProcess['state'] => (child.frozen ? 'frozen' : isReady ? 'ready' : 'starting');
      found.push({ host, pid: child.pid, state: state(ready) });
      if (bridge !== undefined)
        found.push({ host: host.replace('supervisor.', 'bridge.'), pid: bridge.pid, state: state(bridge.ready) });
    }
    return found;
  }

  // ——— members ———

  private addMember(host: string, start: () => FleetChild): void {
    const member: Member = {
      host,
      start,
      starts: 0,
      child: undefined,
      ready: false,
      bridge: undefined,
      deathsInARow: 0,
      meant: false,
      failure: undefined,
      again: undefined,
    };
    this.members.set(host, member);
  }

  private async startServer(): Promise<void> {
    const { path } = await findServer({ onProgress: (sentence) => this.tell({ kind: 'progress', sentence }) });
    const { sync } = this.options;
    this.server = await startServer({
      program: path,
      dataFolder: this.folders.server,
      tied: true,
      ...(sync === undefined ? {} : { sync }),
    });
    this.tell({ kind: 'progress', sentence: `nats-server ${this.server.version} at ${this.server.url}` });
  }

  private watchServerDisk(): ServerDisk {
    const disk = new ServerDisk({
      folder: this.folders.server,
      onFull: (sentence) => this.tell({ kind: 'progress', sentence }),
      onRoom: async () => {
        if (this.stopping) return;
        this.tell({ kind: 'progress', sentence: 'the disk of the server has room again: the server is restarted' });
        await this.restartServer();
      },
    });
    disk.start();
    return disk;
  }

  private startManager(id: string): FleetChild {
    const { provesPerMinute, adviser, learns, predicts, power } = this.options;
    const config: ManagerConfig = {
      id,
      ...(provesPerMinute === undefined ? {} : { provesPerMinute }),
      ...(adviser === undefined ? {} : { adviser }),
      ...(learns === undefined ? {} : { learns }),
      ...(predicts === undefined ? {} : { predicts }),
      ...(power === undefined ? {} : { power }),
      broker: this.broker,
      dataFolder: this.folders.manager(id),
      localFolder: this.localFolder,
      log: this.logOf(`manager.${id}`),
    };
    return this.spawn('manager', `manager.${id}`, config);
  }

  private startEcu(plan: EcuPlan): FleetChild {
    const config: EcuConfig = {
      ...ECU_DEFAULTS,
      name: plan.mac,
      ...plan,
      broker: this.broker,
      dataFolder: this.folders.ecu(plan.mac),
      localFolder: this.localFolder,
      log: this.logOf(`ecu.${plan.mac}`),
    };
    return this.spawn('supervisor', `supervisor.${plan.mac}`, config);
  }

  private get localFolder(): string | undefined {
    return this.options.localPath === false ? undefined : this.folders.local;
  }

  private logOf(host: string): LogChoice {
    return { level: this.options.logLevel ?? 'info', file: this.folders.log(host) };
  }

  private spawn(kind: 'supervisor' | 'manager', host: string, config: EcuConfig | ManagerConfig): FleetChild {
    const member = this.member(host);
    const fault = member.starts++ === 0 ? this.options.faults?.[host] : undefined;
    const environment = fault === undefined ? {} : { [FAULT_VARIABLE]: fault };
    return new FleetChild({
      kind,
      config,
      environment,
      onWord: (word) => this.heard(member, word),
      onExit: (exit) => this.exited(member, exit),
    });
  }

  private launch(member: Member): void {
    if (this.stopping) return;
    clearTimeout(member.again);
    Object.assign(member, { ready: false, bridge: undefined, meant: false, failure: undefined });
    member.child = member.start();
    const { child } = member;
    setTimeout(() => {
      if (member.child === child) member.deathsInARow = 0;
    }, LIVED_LONG_MS).unref();
  }

  private heard(member: Member, word: ChildWord): void {
    switch (word.kind) {
      case 'ready':
        member.ready = true;
        if (member.host.startsWith('manager.'))
          this.tell({ kind: 'ready', host: member.host, pid: word.pid, incarnation: word.incarnation });
        break;
      case 'bridge-spawned':
        member.bridge = { pid: word.pid, ready: false };
        break;
      case 'bridge-ready':
        member.bridge = { pid: word.pid, ready: true };
        this.tell({ kind: 'ready', host: bridgeOf(member), pid: word.pid, incarnation: word.incarnation });
        break;
      case 'bridge-ended':
        member.bridge = undefined;
        if (!member.meant && !this.stopping)
          this.tell({ kind: 'died', host: bridgeOf(member), reason: word.reason, forGood: false, againInMs: 0 });
        break;
      case 'bridge-given-up':
        member.failure = word.reason;
        this.tell({ kind: 'died', host: bridgeOf(member), reason: word.reason, forGood: true, againInMs: 0 });
        break;
      case 'failed':
        break; // its exit follows, with the same words
    }
    this.changed();
  }

  private exited(member: Member, exit: ChildExit): void {
    Object.assign(member, { child: undefined, ready: false, bridge: undefined });
    if (!member.meant && !this.stopping) {
      member.deathsInARow++;
      const againInMs = Math.min(AGAIN_MS_MAX, AGAIN_MS_MIN * 2 ** (member.deathsInARow - 1));
      this.tell({ kind: 'died', host: member.host, reason: exit.reason, forGood: exit.forGood, againInMs });
      if (exit.forGood) member.failure = exit.reason;
      else member.again = setTimeout(() => this.launch(member), againInMs);
    }
    this.changed();
  }

  private async killMember(member: Member): Promise<void> {
    if (member.child === undefined) throw new DroverError('ERR_NOT_RUNNING', `${member.host} is dead already`);
    member.meant = true;
    await member.child.kill();
  }

  private async leave(member: Member): Promise<void> {
    clearTimeout(member.again);
    member.meant = true;
    await member.child?.leave();
  }

  private child(host: Mac | string): FleetChild {
    const { child, host: name } = this.find(host);
    if (child === undefined) throw new DroverError('ERR_NOT_RUNNING', `${name} is dead`);
    return child;
  }

  private find(host: Mac | string): Member {
    return this.members.get(`supervisor.${host}`) ?? this.member(`manager.${host}`);
  }

  private member(host: string): Member {
    const member = this.members.get(host);
    if (member === undefined) throw new DroverError('ERR_USAGE', `this fleet has no ${host}`);
    return member;
  }

  // ——— news ———

  private tell(event: FleetEvent): void {
    this.options.onEvent?.(event);
  }

  private changed(): void {
    for (const wake of [...this.waiting]) wake();
    // One at a time, and only the newest state.
    if (this.connected === undefined || this.stopping || this.isWriteDue) return;
    this.isWriteDue = true;
    this.writing = this.writing.then(() => this.saveState());
  }

  private change(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(bound);
        this.waiting.delete(wake);
        resolve();
      };
      const bound = setTimeout(wake, Math.max(1, withinMs));
      this.waiting.add(wake);
    });
  }

  private async saveState(): Promise<void> {
    this.isWriteDue = false;
    if (this.stopping) return;
    try {
      const state = {
        version: FLEET_STATE_VERSION,
        pid: process.pid,
        broker: this.broker,
        processes: this.processes(),
      } as const;
      await writeFleetState(this.folders.state, state);
    } catch (error) {
      // A full disk must not end a fleet: the file is for other terminals.
      this.tell({ kind: 'progress', sentence: `${this.folders.state} cannot be written: ${(error as Error).message}` });
    }
  }
}

const isServing = ({ host, ready, bridge }: Member): boolean =>
  ready && (host.startsWith('manager.') || bridge?.ready === true);
const bridgeOf = ({ host }: Member): string => host.replace('supervisor.', 'bridge.');

export const ECU_DEFAULTS: Omit<EcuConfig, 'mac' | 'name' | 'broker' | 'dataFolder' | 'log'> = {
  ecuClass: 'default',
  resourceKind: 'cpu',
  cores: 2,
  memoryBytes: 512 * 1024 ** 2,
  capabilities: [],
  labels: {},
  heartbeatIntervalUs: HEARTBEAT_INTERVAL_US,
  coLocatedManagers: [],
};
