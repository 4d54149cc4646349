/** `drover route`: which tasks are fed by others, who routes, and how far it is. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { RouteNow } from '../route/read-routes.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { table } from './table.ts';
import { withClient } from './with-client.ts';

interface RouteFlags extends BrokerFlags {
  readonly json?: boolean;
}

export function registerRoute(program: Command): void {
  const command = program
    .command('route')
    .argument('[task]', 'only the chain that this task is in')
    .description('show chains: which task is fed by which, who routes, and how many outputs are still to be routed')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'All chains of the fleet', line: 'drover route' },
    {
      does: 'Whether anything waits on the way to a task',
      line: `drover route actuator --json | jq '.chains[].routes[].behind'`,
    },
  ]).action(route);
}

async function route(task: string | undefined, flags: RouteFlags): Promise<void> {
  const [{ queryFleet }, { readChains }] = await Promise.all([
    import('../fleet/fleet-calls.ts'),
    import('../route/read-routes.ts'),
  ]);
  await withClient(flags, async (client) => {
    const fleet = await queryFleet(client);
    if (task !== undefined && !fleet.tasks.some((one) => one.task === task && one.state !== 'removed'))
      throw new DroverError('ERR_NO_TASK', `there is no task ${task}`);
    const chains = await readChains(client, fleet, task);
    if (flags.json === true) return void process.stdout.write(`${JSON.stringify({ chains })}\n`);
    const found = chains.filter(({ routes }) => routes.length > 0);
    if (found.length === 0) return void process.stdout.write(NONE);
    const rows = found.flatMap(({ routes }) => routes.map(rowOf));
    process.stdout.write(table(['FROM', 'TO', 'STATE', 'ROUTED', 'BEHIND', 'BY', 'REASON'], rows));
  });
}

const rowOf = ({ from, task, state, routed, behind, by, reason }: RouteNow): string[] => [
  from,
  task,
  state === 'routing' ? stdoutColours.green(state) : stdoutColours.yellow(state),
  String(routed),
  String(behind),
  by ?? '-',
  state === 'routing' ? '' : (reason ?? ''),
];

const NONE = 'No task is fed by another. Write `inputs: { from: NAME }` into a task file; docs/CHAINS.md tells how.\n';
