/** `drover explain task/NAME`: why a task is where it is, from what the decision itself wrote down. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { isTaskName } from '../../domain/model/ids.ts';
import type { FleetView } from '../../domain/protocol/messages.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { withExamples } from './help.ts';
import { withClient } from './with-client.ts';

interface ExplainFlags extends BrokerFlags {
  readonly json?: boolean;
}

const TASK = 'task/';

export function registerExplain(program: Command): void {
  const command = program
    .command('explain')
    .argument('<subject>', 'task/NAME')
    .description('say why a task was placed where it is, with the candidates and the numbers of the decision')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'Why it is where it is, and what became of it since', line: 'drover explain task/counter' },
    {
      does: 'Who else could have taken it, with the scores',
      line: `drover explain task/counter --json | jq '.decision.evidence.candidates[] | {mac, verdict, score: .score.total}'`,
    },
    { does: 'Why one has no place', line: `drover explain task/counter --json | jq -r .decision.reason` },
  ]).action(explainSubject);
}

async function explainSubject(subject: string, flags: ExplainFlags): Promise<void> {
  const task = subject.startsWith(TASK) ? subject.slice(TASK.length) : undefined;
  if (task === undefined || !isTaskName(task))
    throw new DroverError('ERR_USAGE', `${subject} is nothing that can be explained: write task/NAME, e.g. task/counter`);
  await withClient(flags, async (client) => {
    const [{ readTaskJournal }, { explain }, { fedNow, fedTold }] = await Promise.all([
      import('../explain/read-journal.ts'),
      import('../explain/decision.ts'),
      import('../explain/fed-told.ts'),
    ]);
    const explanation = explain(task, await readTaskJournal(client.host, task));
    if (explanation.state === 'removed') throw new DroverError('ERR_NO_TASK', `task ${task} was removed`);
    const fed = await fedNow(client.host, task);
    if (flags.json === true) return void process.stdout.write(`${JSON.stringify({ ...explanation, fed })}\n`);
    const [{ told }, fleet] = await Promise.all([import('../explain/told.ts'), fleetIfAny(client)]);
    const nameOf = (mac: string | undefined): string => fleet?.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac ?? 'an ECU';
    process.stdout.write(told(explanation, nameOf) + fedTold(fed));
  });
}

/** Only for the names of ECUs: without a manager, MACs do. */
async function fleetIfAny(client: FleetClient): Promise<FleetView | undefined> {
  const { queryFleet } = await import('../fleet/fleet-calls.ts');
  try {
    return await queryFleet(client);
  } catch (cause) {
    if (!(cause instanceof DroverError)) throw cause;
    return undefined;
  }
}
