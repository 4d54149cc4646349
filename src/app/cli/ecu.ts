/** `drover ecu`: one ECU, that is a supervisor (this process) and its bridge, until Ctrl-C. */
import { availableParallelism, hostname, networkInterfaces, totalmem } from 'node:os';
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { EcuScheduling } from '../../domain/model/ecu.ts';
import { type Mac, parseMac } from '../../domain/model/ids.ts';
import type { ResourceKind } from '../../domain/model/task.ts';
import { MEASURING } from '../../domain/placement/measuring.ts';
import { SCHEDULERS, type Scheduler } from '../../domain/realtime/platform.ts';
import { type EcuConfig, fleetFolders, HEARTBEAT_INTERVAL_US } from '../compose/process-config.ts';
import { type BrokerFlags, brokerOf, withBrokerOptions } from './broker-options.ts';
import { withExamples } from './help.ts';
import { ecuLearning, type LearnFlags, withEcuLearnOption } from './learn-option.ts';
import { type LocalPathFlags, withLocalPathOption } from './local-path-option.ts';
import { type MetricsFlags, metricsConfigOf, withMetricsOptions } from './metrics-options.ts';
import { collect, wholeNumber } from './numbers.ts';

export interface EcuFlags extends BrokerFlags, LearnFlags, LocalPathFlags, MetricsFlags {
  readonly mac?: string;
  readonly name?: string;
  readonly class: string;
  readonly kind: string;
  readonly cores?: number;
  readonly memory?: string;
  readonly capability: readonly string[];
  readonly label: readonly string[];
  readonly heartbeat: number;
  readonly coLocated: readonly string[];
  readonly recordJobs?: boolean;
  readonly measuring?: boolean;
  readonly scheduler: Scheduler;
  readonly nonPreemptive?: boolean;
  readonly global?: boolean;
  readonly sliceUs?: number;
  readonly checkpointCostUs?: number;
  readonly contextSwitchUs?: number;
  readonly blackoutUs?: number;
  readonly json?: boolean;
}

const TIME_US_MAX = 10_000_000;

const KINDS: readonly ResourceKind[] = ['cpu', 'gpu', 'fpga', 'asic'];
/** Of this machine's memory, where nothing else is said: the rest is for the system and drover itself. */
const MEMORY_SHARE = 0.5;

export function registerEcu(program: Command): void {
  const command = withEcuOptions(program.command('ecu').description('run this machine as an ECU of a fleet until Ctrl-C'));
  withExamples(command, [
    {
      does: 'Join the fleet of a NATS server',
      line: 'drover ecu --mac 02:aa:00:00:00:07 --nats nats://user:password@10.0.0.5',
    },
    {
      does: 'One more ECU for the fleet of "drover up"',
      line: 'drover ecu --mac 02:aa:00:00:00:09 --cores 2 --memory "1 GiB"',
    },
    {
      does: 'With what it can do and where it sits',
      line: 'drover ecu --capability can0 --capability fpu --label zone=front --class safety',
    },
    {
      does: 'One that runs the earliest deadline first and loses 40 µs to a checkpoint: hard deadlines are tested for that',
      line: 'drover ecu --scheduler edf --checkpoint-cost-us 40',
    },
    {
      does: 'One to measure on: sets are run there whether or not they keep their deadlines',
      line: 'drover ecu --mac 02:aa:00:00:00:09 --cores 1 --measuring',
    },
    {
      does: 'With the board’s own sensors, looked at fifty times a second',
      line: 'drover ecu --kind fpga --sensor examples/sensors/board.yaml --metrics-every 20ms',
    },
  ]).action(async (flags: EcuFlags) => {
    const config = await ecuConfigOf(flags);
    const { openSupervisor } = await import('../compose/open-supervisor.ts');
    const { runInTerminal } = await import('./run-in-terminal.ts');
    await runInTerminal(() => openSupervisor(config), { what: `ECU ${config.mac}`, json: flags.json === true });
  });
}

/** What a supervisor runs, by hand: for looking at one process alone. */
export function registerBridge(program: Command): void {
  const command = withEcuOptions(program.command('bridge', { hidden: true }).description('run a bridge without a supervisor'));
  withExamples(command, [{ does: 'A bridge that nobody starts again', line: 'drover bridge --mac 02:aa:00:00:00:09' }]).action(
    async (flags: EcuFlags) => {
      const config = await ecuConfigOf(flags);
      const { openBridge } = await import('../compose/open-bridge.ts');
      const { runInTerminal } = await import('./run-in-terminal.ts');
      await runInTerminal(() => openBridge({ ...config, supervisor: undefined }), {
        what: `bridge ${config.mac}`,
        json: flags.json === true,
      });
    },
  );
}

function withEcuOptions(command: Command): Command {
  return withBrokerOptions(withLocalPathOption(withEcuLearnOption(withMetricsOptions(command))))
    .option('--mac <mac>', "the ECU's MAC (default: that of this machine's first network interface)")
    .option('--name <name>', 'for people (default: the host name)')
    .option('--class <class>', 'whose detection thresholds count: default, safety, lossy, batch', 'default')
    .option('--kind <kind>', 'what it computes with: cpu, gpu, fpga or asic', 'cpu')
    .option('--cores <n>', 'cores for tasks (default: all)', wholeNumber(1, 1024))
    .option('--memory <size>', 'memory for tasks, e.g. "512 MiB" (default: half of it)')
    .option('--capability <name>', 'something it offers, e.g. can0; may be repeated', collect, [])
    .option('--label <key=value>', 'a label for affinity; may be repeated', collect, [])
    .option('--heartbeat <ms>', 'between two heartbeats', wholeNumber(10, 60_000), HEARTBEAT_INTERVAL_US / 1000)
    .option('--co-located <manager>', 'a manager on this machine: its copies do not count as stored elsewhere', collect, [])
    .addOption(
      new Option('--scheduler <how>', 'who runs first: fixed priorities, earliest deadline, or everyone in turn')
        .choices(SCHEDULERS)
        .default('fp'),
    )
    .option('--non-preemptive', 'a job that has started runs to its end')
    .option('--global', 'a job may run on any core; otherwise every task has one')
    .option('--slice-us <us>', 'round robin: the longest turn (default 1000)', wholeNumber(1, TIME_US_MAX))
    .option('--checkpoint-cost-us <us>', 'a checkpoint holds a job up for so long at most', wholeNumber(0, TIME_US_MAX))
    .option('--context-switch-us <us>', 'a switch between tasks, charged twice a job', wholeNumber(0, TIME_US_MAX))
    .option('--blackout-us <us>', 'bringing in a task holds the others up so long at most', wholeNumber(0, TIME_US_MAX))
    .option('--record-jobs', 'publish the start and stop of every job on ecu.<mac>.jobs, for monitoring')
    .option(
      '--measuring',
      'for measuring alone: runs sets whatever their deadlines, takes no other task, and records jobs (drover dataset generate --label run)',
    )
    .option('--json', 'say that it serves as one JSON object');
}

async function ecuConfigOf(flags: EcuFlags): Promise<EcuConfig> {
  const { parseSize } = await import('../fleet-file.ts');
  const mac = flags.mac === undefined ? machineMac() : parseMac(flags.mac);
  if (mac === undefined) throw new DroverError('ERR_USAGE', `--mac ${flags.mac ?? ''} is no MAC: write e.g. 02:aa:00:00:00:01`);
  if (!(KINDS as readonly string[]).includes(flags.kind))
    throw new DroverError('ERR_USAGE', `--kind ${flags.kind} is none of ${KINDS.join(', ')}`);
  const memoryBytes = flags.memory === undefined ? Math.floor(totalmem() * MEMORY_SHARE) : parseSize(flags.memory);
  if (memoryBytes === undefined)
    throw new DroverError('ERR_USAGE', `--memory ${flags.memory ?? ''} is no size: write e.g. "512 MiB"`);
  return {
    mac,
    name: flags.name ?? hostname(),
    ecuClass: flags.class,
    resourceKind: flags.kind as ResourceKind,
    cores: flags.cores ?? availableParallelism(),
    memoryBytes,
    capabilities: flags.measuring === true ? [...new Set([...flags.capability, MEASURING])] : flags.capability,
    labels: Object.fromEntries(flags.label.map(labelOf)),
    heartbeatIntervalUs: flags.heartbeat * 1000,
    coLocatedManagers: flags.coLocated,
    ...(flags.recordJobs === true || flags.measuring === true ? { recordJobs: true } : {}),
    ...(await metricsConfigOf(flags, { mac, name: flags.name ?? hostname() })),
    ...ecuLearning(flags),
    ...schedulingOf(flags),
    broker: await brokerOf(flags),
    dataFolder: fleetFolders(flags.data).ecu(mac),
    ...(flags.localPath === 'on' ? { localFolder: fleetFolders(flags.data).local } : {}),
    log: { level: 'info', file: undefined },
  };
}

/** Nothing where all is as it is without a word, so that the description stays what older readers know. */
function schedulingOf(flags: EcuFlags): Pick<EcuConfig, 'scheduling'> {
  const { scheduler, sliceUs, checkpointCostUs, contextSwitchUs, blackoutUs } = flags;
  const times = Object.entries({ sliceUs, checkpointCostUs, contextSwitchUs, blackoutUs }).filter(([, us = 0]) => us > 0);
  const scheduling: EcuScheduling = {
    scheduler,
    ...(flags.nonPreemptive === true ? { nonPreemptive: true } : {}),
    ...(flags.global === true ? { global: true } : {}),
    ...Object.fromEntries(times),
  };
  return scheduler === 'fp' && Object.keys(scheduling).length === 1 ? {} : { scheduling };
}

function labelOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new DroverError('ERR_USAGE', `--label ${text} is no label: write e.g. zone=front`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function machineMac(): Mac {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { mac, internal } of addresses ?? []) {
      const parsed = parseMac(mac);
      if (!internal && parsed !== undefined && parsed !== '000000000000') return parsed;
    }
  }
  throw new DroverError(
    'ERR_USAGE',
    'this machine has no network interface with a MAC: give one with --mac, e.g. 02:aa:00:00:00:01',
  );
}
