/**
 * `drover up`: a whole fleet on this machine, each ECU and each manager a process of its own, until Ctrl-C (or `drover down` from
 * another terminal). Progress goes to standard error; with --json, events go to standard output, one object a line.
 */
import type { Command } from 'commander';
import type { ReceiveStrategy } from '../../domain/checkpoint/receiving.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { FleetEvent, LocalFleet } from '../fleet/local-fleet.ts';
import type { FleetPlan } from '../fleet-file.ts';
import type { FleetTask } from '../fleet-tasks.ts';
import { ADVISER_HELP, adviserFile } from './adviser-option.ts';
import { type BrokerFlags, namedBroker, withBrokerOptions } from './broker-options.ts';
import { stderrColours } from './colours.ts';
import { withExamples } from './help.ts';
import { ecuLearning, type LearnFlags, managerLearning, withFleetLearnOption } from './learn-option.ts';
import { type LocalPathFlags, withLocalPathOption } from './local-path-option.ts';
import { checkNamedEcus, type MetricsFlags, metricsConfigOf, withMetricsOptions } from './metrics-options.ts';
import { PROVE_HELP, provesPerMinute, wholeNumber } from './numbers.ts';
import { onOutputGone } from './output-gone.ts';
import { type PowerFlags, powerConfigOf, withPowerOption } from './power-option.ts';
import { type PredictFlags, withPredictOption } from './predict-option.ts';
import { receiveChoice, withReceiveOptions } from './receive-options.ts';

interface UpFlags extends BrokerFlags, LearnFlags, LocalPathFlags, MetricsFlags, PredictFlags, PowerFlags {
  readonly ecus?: number;
  readonly managers?: number;
  readonly shards?: number;
  readonly prove?: number;
  readonly adviser?: string;
  readonly sync: 'always' | 'relaxed';
  readonly receive?: ReceiveStrategy;
  readonly receiveInterval: number;
  readonly json?: boolean;
}

const ECUS = 3;
const MANAGERS = 2;
/** `--sync relaxed`: what the last so many milliseconds answered may be lost with the machine's power. */
const RELAXED_SYNC_US = 100_000;

export function registerUp(program: Command): void {
  const command = program
    .command('up')
    .argument('[fleet-file]', 'a YAML file that describes the ECUs; without it, --ecus and --managers')
    .description('start a fleet on this machine and keep it running until Ctrl-C')
    .option('--ecus <n>', `how many ECUs (default ${ECUS})`, wholeNumber(1, 200))
    .option('--managers <n>', `how many checkpoint managers (default ${MANAGERS})`, wholeNumber(1, 16))
    .option('--shards <n>', 'into how many streams tasks are spread; fixed when the fleet is first started', wholeNumber(1, 64))
    .option('--prove <rate>', PROVE_HELP, provesPerMinute)
    .option('--adviser <model>', ADVISER_HELP)
    .option(
      '--sync <when>',
      'when an append is on the disk: always, or relaxed (a power cut may lose the last 100 ms)',
      syncPolicy,
      'always',
    )
    .option('--json', 'print what happens as JSON, one object a line');
  const withAll = withFleetLearnOption(withReceiveOptions(withPowerOption(withPredictOption(withMetricsOptions(command)))));
  withExamples(withBrokerOptions(withLocalPathOption(withAll)), [
    { does: 'Three ECUs and two managers', line: 'drover up' },
    { does: 'More of both, in a folder of their own', line: 'drover up --ecus 6 --managers 3 --data /tmp/fleet' },
    { does: 'Named ECUs with capabilities and labels', line: 'drover up examples/fleets/small.yaml' },
    { does: 'And the tasks that the file names, deployed', line: 'drover up examples/fleets/tasks.yaml' },
    { does: 'Checkpoints fetched once in two seconds', line: 'drover up --receive interval --receive-interval 2000' },
    {
      does: 'One ECU that heats up among calm ones, to see its tasks leave (drover proposals)',
      line: 'drover up --simulated-sensors calm --simulated-sensors ecu1:heating,after=30',
    },
    {
      does: 'ECUs that sleep while nobody needs them',
      line: 'drover up --simulated-sensors calm --power on --power-after 10s',
    },
    { does: 'Targets ranked by a learned model', line: 'drover up --adviser fnn.model' },
    { does: 'And the model goes on learning from this fleet', line: 'drover up --adviser fnn.model --learn' },
    { does: 'Over a NATS server that runs already', line: 'drover up --nats nats://user:password@10.0.0.5' },
  ]).action((file: string | undefined, flags: UpFlags) => up(file, flags));
}

function syncPolicy(text: string): UpFlags['sync'] {
  if (text === 'always' || text === 'relaxed') return text;
  throw new DroverError('ERR_USAGE', `--sync ${text} is neither always nor relaxed`);
}

async function up(file: string | undefined, flags: UpFlags): Promise<void> {
  const { LocalFleet } = await import('../fleet/local-fleet.ts');
  const { readFleetState } = await import('../fleet/fleet-state.ts');
  const { fleetFolders } = await import('../compose/process-config.ts');
  const plan = await planOf(file, flags);
  checkNamedEcus(flags, plan.ecus);
  const ecus = await Promise.all(
    plan.ecus.map(async (ecu) => ({ ...ecu, ...(await metricsConfigOf(flags, ecu)), ...ecuLearning(flags) })),
  );
  const tasks = await tasksOf(plan);
  const folders = fleetFolders(flags.data);
  const other = await readFleetState(folders.state);
  if (other !== undefined) {
    throw new DroverError(
      'ERR_USAGE',
      `a fleet runs in ${folders.root} already (process ${other.pid}): stop it with "drover down --data ${flags.data}", or give another --data`,
    );
  }
  const broker = namedBroker(flags);
  const fleet = new LocalFleet({
    dataFolder: flags.data,
    ecus,
    managers: plan.managers,
    ...(broker === undefined ? {} : { broker }),
    ...(plan.receive === undefined ? {} : { receive: plan.receive }),
    ...(plan.shardCount === undefined ? {} : { shardCount: plan.shardCount }),
    ...(plan.provesPerMinute === undefined ? {} : { provesPerMinute: plan.provesPerMinute }),
    ...(flags.adviser === undefined ? {} : { adviser: await adviserFile(flags.adviser, flags.learn) }),
    ...managerLearning(flags),
    compression: plan.compression,
    predicts: flags.predict === 'on',
    ...powerConfigOf(flags),
    localPath: flags.localPath === 'on',
    ...(flags.sync === 'relaxed' ? { sync: { everyUs: RELAXED_SYNC_US } } : {}),
    onEvent: flags.json === true ? printJson : say,
  });
  const asked = askedToStop();
  const started = fleet.start();
  // Ctrl-C while it starts: what has started so far is stopped.
  await Promise.race([started, asked]);
  try {
    for (const task of tasks) if (!asked.done) await deploy(fleet, task, flags);
  } catch (cause) {
    await fleet.stop();
    throw cause;
  }
  if (!asked.done) {
    const ready = { kind: 'up', ecus: fleet.macs, managers: fleet.managers, data: folders.root };
    if (flags.json === true) process.stdout.write(`${JSON.stringify(ready)}\n`);
    else
      process.stderr.write(
        `${stderrColours.green('ready')}: ${fleet.macs.length} ECUs, ${fleet.managers.length} managers. Ctrl-C stops them.\n`,
      );
    await asked;
  }
  if (flags.json !== true) process.stderr.write('stopping …\n');
  await fleet.stop();
  await started.catch(() => {});
  if (flags.json === true) process.stdout.write('{"kind":"down"}\n');
}

async function planOf(file: string | undefined, flags: UpFlags): Promise<FleetPlan> {
  if (file !== undefined) {
    if (flags.ecus !== undefined || flags.managers !== undefined)
      throw new DroverError(
        'ERR_USAGE',
        'the fleet file says how many ECUs and managers there are: leave out --ecus and --managers',
      );
    const { loadFleetFile } = await import('../fleet-file.ts');
    const plan = await loadFleetFile(file);
    return {
      ...plan,
      shardCount: flags.shards ?? plan.shardCount,
      provesPerMinute: flags.prove ?? plan.provesPerMinute,
      ...receiveChoice(flags),
    };
  }
  const { ecuPlans, managerIds } = await import('../fleet/local-fleet.ts');
  return {
    tasks: [],
    ecus: ecuPlans(flags.ecus ?? ECUS),
    managers: managerIds(flags.managers ?? MANAGERS),
    shardCount: flags.shards,
    provesPerMinute: flags.prove,
    compression: undefined,
    ...receiveChoice(flags),
  };
}

async function tasksOf({ tasks }: FleetPlan): Promise<readonly FleetTask[]> {
  if (tasks.length === 0) return [];
  const { loadFleetTasks } = await import('../fleet-tasks.ts');
  return loadFleetTasks(tasks);
}

/** One that is there already, from the last time, is left as it is. */
async function deploy(fleet: LocalFleet, { name, path }: FleetTask, flags: UpFlags): Promise<void> {
  const say = (sentence: string): void => {
    if (flags.json !== true) process.stderr.write(`${sentence}\n`);
  };
  const { prepareTask } = await import('../prepare-task.ts');
  try {
    await fleet.deploy(await prepareTask(path, { name, onProgress: say }));
    say(`task ${name} is declared`);
  } catch (cause) {
    if (!(cause instanceof DroverError) || cause.code !== 'ERR_TASK_EXISTS') throw cause;
    say(`task ${name} is there already`);
  }
}

type Asked = Promise<void> & { done: boolean };

/** Resolves at the first Ctrl-C or SIGTERM; a second one ends this process, and every child with it. */
function askedToStop(): Asked {
  let resolve: () => void = () => {};
  const asked = new Promise<void>((settle) => {
    resolve = settle;
  }) as Asked;
  asked.done = false;
  let signals = 0;
  const onSignal = (): void => {
    if (signals++ > 0) process.exit(1);
    asked.done = true;
    resolve();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  // Nobody reads any more: as good as a Ctrl-C, but never as a second one.
  onOutputGone(() => {
    asked.done = true;
    resolve();
  });
  return asked;
}

const printJson = (event: FleetEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

function say(event: FleetEvent): void {
  process.stderr.write(`${sentenceOf(event)}\n`);
}

function sentenceOf(event: FleetEvent): string {
  switch (event.kind) {
    case 'progress':
      return event.sentence;
    case 'ready':
      return `${event.host} serves ${stderrColours.dim(`(process ${event.pid}, incarnation ${event.incarnation})`)}`;
    case 'died': {
      const next = event.forGood
        ? 'it is not started again'
        : event.againInMs === 0
          ? 'its supervisor starts it again'
          : `started again in ${event.againInMs} ms`;
      return `${stderrColours.red(`${event.host} died`)}: ${event.reason}; ${next}`;
    }
  }
}
