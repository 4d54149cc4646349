/**
 * What a process of the fleet is told when it is started: plain JSON, in the environment variable DROVER_PROCESS (a broker's
 * URL may hold a password, and command lines are for everybody to read).
 */
import { resolve } from 'node:path';
import type { PowerChoice } from '../../../actors/power-manager.ts';
import type { VendorSensor } from '../../../infra/metrics/vendor-sensor.ts';
import type { ReceiveChoice } from '../../domain/checkpoint/receiving.ts';
import { assert } from '../../domain/kernel/assert.ts';
import type { SensorProfile } from '../../domain/metrics/sensor-profile.ts';
import type { EcuPower, EcuScheduling, MetricLimits, ProcessIdentity } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { ResourceKind } from '../../domain/model/task.ts';

export type BrokerChoice =
  /** The server that serves a data folder on this machine. */
  | { readonly kind: 'folder'; readonly folder: string }
  | {
      readonly kind: 'url';
      readonly url: string;
      readonly credsFile?: string;
      readonly sysUrl?: string;
      readonly sysCredsFile?: string;
    };

export interface LogChoice {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** undefined: standard error. */
  readonly file: string | undefined;
}

export interface EcuConfig {
  readonly mac: Mac;
  readonly name: string;
  readonly ecuClass: string;
  readonly resourceKind: ResourceKind;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly capabilities: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly heartbeatIntervalUs: number;
  /** How this machine shares its cores; absent: pre-emptive fixed priorities, partitioned. */
  readonly scheduling?: EcuScheduling;
  /** Managers on the same machine: a copy with them does not count as one elsewhere. */
  readonly coLocatedManagers: readonly string[];
  /** Watch whether task sets meet their deadlines, in windows of so long, learn and report; absent: no. */
  readonly learnWindowUs?: number;
  /** Publish the start and stop of every job on `ecu.<mac>.jobs`. */
  readonly recordJobs?: boolean;
  /** Between two samples of its metrics; 0: none. Absent: METRICS_EVERY_US. */
  readonly metricsEveryUs?: number;
  /** Between two that the stream METRICS keeps; 0: none. Absent: METRICS_KEPT_EVERY_US. */
  readonly metricsKeptEveryUs?: number;
  /** Tools of vendors whose output is measurements. */
  readonly sensors?: readonly VendorSensor[];
  /** What it takes, and how it can sleep; absent: as its simulated sensors, or nobody knows. */
  readonly power?: EcuPower;
  /** Sensors of a machine that is not there, in place of this one's. */
  readonly simulatedSensors?: SensorProfile;
  /** What this machine dies of or suffers from; absent: what its simulated sensors say, or nobody knows. */
  readonly limits?: MetricLimits;
  readonly broker: BrokerChoice;
  /** This ECU's own folder: records, local checkpoints. */
  readonly dataFolder: string;
  /** Shared with the managers of this machine: the local path. Absent: everything goes over the bus. */
  readonly localFolder?: string | undefined;
  readonly log: LogChoice;
}

export interface BridgeConfig extends EcuConfig {
  readonly supervisor: ProcessIdentity | undefined;
  /** The incarnation that the inventory knew when the supervisor started: a disk that was wiped or put back knows less. */
  readonly incarnationKnown?: number;
}

export interface ManagerConfig {
  readonly id: string;
  /** Checkpoints that are tried a minute (docs/PROVING.md); 0: none. Absent: PROVES_PER_MINUTE. */
  readonly provesPerMinute?: number;
  /** Whether it foresees failures and has tasks moved before; absent: it does. */
  readonly predicts?: boolean;
  /** Whether it lets ECUs sleep that nobody needs, and when; absent: no. */
  readonly power?: PowerChoice;
  /** Chosen for the whole fleet when this manager starts; absent: what the fleet has chosen stays. */
  readonly receive?: ReceiveChoice;
  /** The file of a learned yes/no model that ranks candidates. Absent: none does. */
  readonly adviser?: string;
  /** Train the fleet's model on what ECUs report; absent: no. */
  readonly learns?: { readonly setsLeast: number; readonly everyUs: number };
  readonly broker: BrokerChoice;
  readonly dataFolder: string;
  /** Shared with the ECUs of this machine: the local path. Absent: everything goes over the bus. */
  readonly localFolder?: string | undefined;
  readonly log: LogChoice;
}

export const CONFIG_VARIABLE = 'DROVER_PROCESS';

export function configFromEnvironment<Config extends EcuConfig | BridgeConfig | ManagerConfig>(): Config {
  const text = process.env[CONFIG_VARIABLE];
  assert(text !== undefined, `${CONFIG_VARIABLE} is set by whoever starts this process`);
  // Workers and children start from this process's environment and have no business with it.
  delete process.env[CONFIG_VARIABLE];
  return JSON.parse(text) as Config;
}

/** Where everything of a fleet on this machine lies. */
export const fleetFolders = (dataFolder: string) => {
  const root = resolve(dataFolder);
  return {
    root,
    server: `${root}/server`,
    ecu: (mac: Mac) => `${root}/ecus/${mac}`,
    manager: (id: string) => `${root}/managers/${id}`,
    /** The sockets of the local path: one folder for all hosts of the fleet on this machine. */
    local: `${root}/local`,
    log: (host: string) => `${root}/logs/${host}.log`,
    state: `${root}/fleet.json`,
  };
};

/** One every half a minute: a hundred tasks are each tried once in 25 minutes by two managers. */
export const PROVES_PER_MINUTE = 2;
export const PROVES_PER_MINUTE_MAX = 600;
export const HEARTBEAT_INTERVAL_US = 100_000;
export const METRICS_EVERY_US = 100_000;
export const METRICS_KEPT_EVERY_US = 1_000_000;
