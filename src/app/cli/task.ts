/** `drover task new|deploy|list|show|move|remove`: what runs in a fleet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { FleetTask, FleetView } from '../../domain/protocol/messages.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stderrColours, stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { migrate, withMigrateOptions } from './migrate.ts';
import { wholeNumber } from './numbers.ts';
import { table } from './table.ts';
import { withClient } from './with-client.ts';

interface JsonFlag {
  readonly json?: boolean;
}

interface DeployFlags extends BrokerFlags, JsonFlag {
  readonly name?: string;
  readonly wait: number;
}

const PLACED_S_MAX = 15;
const POLL_MS = 100;

export function registerTask(program: Command): void {
  const task = program.command('task').description('make, deploy, list, move and remove tasks');
  registerNew(task);
  registerDeploy(task);
  registerList(task);
  registerShow(task);
  registerMove(task);
  registerRemove(task);
  withExamples(task, [
    {
      does: 'Make a task, start it, see how it does',
      line: 'drover task new my-task && ./drover task deploy my-task && ./drover task show my-task',
    },
    { does: 'Run an example', line: 'drover task deploy examples/tasks/pid' },
  ]);
}

function registerNew(task: Command): void {
  const command = task
    .command('new')
    .argument('<name>', 'lower-case letters, digits and inner hyphens')
    .argument('[folder]', 'where (default: a new folder of that name)')
    .description('make a skeleton of a task to start from')
    .addOption(
      new Option('--runtime <runtime>', 'what it runs in: WebAssembly, or a worker thread with a class in TypeScript')
        .choices(['wasm', 'worker'])
        .default('wasm'),
    )
    .option('--json', 'print one JSON object');
  withExamples(command, [
    { does: 'A task in ./my-task', line: 'drover task new my-task' },
    { does: 'A class in TypeScript', line: 'drover task new my-class --runtime worker' },
  ]).action(
    async (name: string, folder: string | undefined, { json, runtime }: JsonFlag & { readonly runtime: 'wasm' | 'worker' }) => {
      const { createTaskSkeleton } = await import('../task-skeleton.ts');
      const files = await createTaskSkeleton(folder ?? name, name, runtime);
      if (json === true) return printJson({ task: name, files });
      process.stderr.write(
        `${files.map((file) => `  ${file}\n`).join('')}Start it with: ./drover task deploy ${folder ?? name}\n`,
      );
    },
  );
}

function registerDeploy(task: Command): void {
  const command = task
    .command('deploy')
    .argument('<path>', 'a task.yaml, or the folder that holds one')
    .description('compile a task where needed, check it, and start it in the fleet')
    .option('--name <name>', 'deploy it under another name: several tasks can run one program')
    .option('--wait <seconds>', 'how long to wait until it runs (0: do not)', wholeNumber(0, 3_600), PLACED_S_MAX)
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'Deploy an example', line: 'drover task deploy examples/tasks/counter' },
    { does: 'The same program a second time', line: 'drover task deploy examples/tasks/counter --name counter-2' },
  ]).action(deploy);
}

async function deploy(path: string, flags: DeployFlags): Promise<void> {
  const { prepareTask } = await import('../prepare-task.ts');
  const { deployTask } = await import('../fleet/fleet-calls.ts');
  const onProgress = (sentence: string): void => void process.stderr.write(`${stderrColours.dim(sentence)}\n`);
  // What is wrong with the task is said before a broker is looked for.
  const prepared = await prepareTask(path, { onProgress, ...(flags.name === undefined ? {} : { name: flags.name }) });
  await withClient(flags, async (client) => {
    await deployTask(client, prepared);
    const { name, artefact } = prepared.spec;
    const placed = await untilPlaced(client, name, flags.wait);
    if (flags.json === true)
      return printJson({
        task: name,
        artefact,
        state: placed?.state,
        epoch: placed?.epoch,
        owner: placed?.owner,
        reason: placed?.reason,
      });
    process.stderr.write(`${name}: ${placed === undefined ? 'deployed' : sentenceOf(placed)}\n`);
  });
}

/** The task as soon as it runs somewhere, has crashed, or the time is over. */
async function untilPlaced(client: FleetClient, name: string, waitS: number): Promise<FleetTask | undefined> {
  const { queryFleet } = await import('../fleet/fleet-calls.ts');
  const deadline = performance.now() + waitS * 1000;
  for (;;) {
    const found = (await queryFleet(client)).tasks.find((each) => each.task === name);
    if (found?.state === 'owned' || found?.state === 'crashed' || performance.now() >= deadline) return found;
    await sleep(POLL_MS);
  }
}

function sentenceOf({ state, owner, epoch, reason }: FleetTask): string {
  if (state === 'owned' || state === 'moving') return `runs on ${owner} (epoch ${epoch})`;
  if (state === 'shed')
    return `${stdoutColours.yellow('has no place yet')}: ${reason ?? 'no ECU can take it'}. It is placed as soon as one can.`;
  if (state === 'crashed') return `${stdoutColours.red('crashed')}: ${reason ?? ''}`;
  return `is ${state}${reason === undefined ? '' : `: ${reason}`}`;
}

function registerList(task: Command): void {
  const command = task.command('list').description('show all tasks of the fleet').option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'All tasks, where they run, and how safe their state is', line: 'drover task list' },
    {
      does: 'The names of those without a place',
      line: `drover task list --json | jq -r '.tasks[] | select(.state == "shed") | .task'`,
    },
  ]).action(async (flags: BrokerFlags & JsonFlag) => {
    const fleet = await fleetOf(flags);
    if (flags.json === true) return printJson({ tasks: fleet.tasks });
    process.stdout.write(
      fleet.tasks.length === 0 ? 'No tasks. Deploy one with: ./drover task deploy examples/tasks/counter\n' : taskTable(fleet),
    );
  });
}

/** Shared with `status`. */
export function taskTable({ tasks, ecus }: FleetView): string {
  const nameOf = (mac: string | undefined): string =>
    mac === undefined ? '' : (ecus.find((ecu) => ecu.mac === mac)?.name ?? mac);
  const chained = tasks.some(({ fed }) => fed !== undefined);
  return table(
    [
      'TASK',
      ...(chained ? ['FED BY'] : []),
      'STATE',
      'ECU',
      'EPOCH',
      'CHECKPOINT',
      'AGE',
      'HELD BY',
      'DURABILITY',
      'PROVEN',
      'REASON',
    ],
    tasks.map(({ task, fed, state, owner, epoch, checkpoint, durability, reason, ...trials }) => [
      task,
      ...(chained ? [fedText(fed)] : []),
      coloured(state),
      nameOf(owner),
      String(epoch),
      checkpoint === undefined ? '-' : `${checkpoint.epoch}.${checkpoint.sequence}`,
      ageText(checkpoint?.ageUs),
      checkpoint?.holders.join(',') ?? '-',
      durability === 'durable' ? durability : stdoutColours.yellow(durability),
      provenText(trials),
      state === 'owned' ? '' : (reason ?? ''),
    ]),
  );
}

const fedText = (fed: FleetTask['fed']): string =>
  fed === undefined ? '-' : fed.state === 'routing' ? fed.from : stdoutColours.yellow(`${fed.from} (${fed.state})`);

/** The age of the newest checkpoint that was proven; what was refuted since is said beside it. */
function provenText({ proven, refuted }: Pick<FleetTask, 'proven' | 'refuted'>): string {
  const age = ageText(proven?.ageUs);
  return refuted === undefined ? age : stdoutColours.red(`${age} (${refuted.epoch}.${refuted.sequence} refuted)`);
}

function trialsText({ proven, tried }: FleetTask): string {
  const what =
    proven === undefined
      ? 'none yet'
      : `${proven.epoch}.${proven.sequence}, ${ageText(proven.ageUs)} old, ${proven.outputs} outputs of ${proven.jobs} jobs given again, by ${proven.by}`;
  if (tried === undefined || tried.verdict === 'proven') return what;
  const said = `${tried.epoch}.${tried.sequence} ${tried.verdict} ${ageText(tried.agoUs)} ago by ${tried.by}: ${tried.why ?? ''}`;
  return `${what}\nlast trial: ${tried.verdict === 'refuted' ? stdoutColours.red(said) : said}`;
}

/** Down to 0.1 s: below that it only flickers. */
function ageText(ageUs: number | undefined): string {
  if (ageUs === undefined) return '-';
  const seconds = ageUs / 1_000_000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`;
}

function coloured(state: string): string {
  if (state === 'owned') return stdoutColours.green(state);
  return state === 'crashed' || state === 'lost' ? stdoutColours.red(state) : stdoutColours.yellow(state);
}

function registerShow(task: Command): void {
  const command = task
    .command('show')
    .argument('<name>', 'the task')
    .description('show one task')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'Where it runs, since which epoch, and why', line: 'drover task show counter' },
  ]).action(async (name: string, flags: BrokerFlags & JsonFlag) => {
    const fleet = await fleetOf(flags);
    const found = fleet.tasks.find((each) => each.task === name);
    if (found === undefined) throw unknownTask(name, fleet);
    if (flags.json === true) return printJson(found);
    const { checkpoint, durability } = found;
    const held =
      checkpoint === undefined
        ? 'none yet'
        : `${checkpoint.epoch}.${checkpoint.sequence}, ${ageText(checkpoint.ageUs)} old, held by ${checkpoint.holders.join(' and ')} (${durability})`;
    const { fed } = found;
    const route =
      fed === undefined ? '' : `fed by ${fed.from}: ${fed.state}${fed.reason === undefined ? '' : `, ${fed.reason}`}\n`;
    process.stdout.write(`${found.task} ${sentenceOf(found)}\n${route}checkpoint: ${held}\nproven: ${trialsText(found)}\n`);
  });
}

function registerMove(task: Command): void {
  const command = task
    .command('move')
    .argument('<name>', 'the task')
    .description('the same as drover migrate: move a running task to another ECU without a gap');
  withExamples(withMigrateOptions(command), [
    { does: 'Away from where it is', line: 'drover task move counter' },
    { does: 'To one ECU', line: 'drover task move counter --to ecu2' },
  ]).action(migrate);
}

function registerRemove(task: Command): void {
  const command = task
    .command('remove')
    .argument('<name>', 'the task')
    .description('stop a task and forget it')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [{ does: 'Stop a task for good', line: 'drover task remove counter' }]).action(
    async (name: string, flags: BrokerFlags & JsonFlag) => {
      const { removeTask } = await import('../fleet/fleet-calls.ts');
      await withClient(flags, (client) => removeTask(client, name));
      if (flags.json === true) printJson({ task: name, removed: true });
      else process.stderr.write(`${name} is removed\n`);
    },
  );
}

async function fleetOf(flags: BrokerFlags): Promise<FleetView> {
  const { queryFleet } = await import('../fleet/fleet-calls.ts');
  return withClient(flags, queryFleet);
}

const unknownTask = (name: string, { tasks }: FleetView): DroverError =>
  new DroverError(
    'ERR_NO_TASK',
    `there is no task ${name}; ${tasks.length === 0 ? 'none is deployed' : `there are ${tasks.map(({ task }) => task).join(', ')}`}`,
  );

const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`);
