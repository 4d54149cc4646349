/** `drover proposals`: what managers foresaw and proposed to move, and what became of it. */
import type { Command } from 'commander';
import type { ProposalNotice } from '../../domain/proposal/proposal-notice.ts';
import type { ProposedMigration } from '../proposals/migration-of.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { table } from './table.ts';
import { interruption, withClient } from './with-client.ts';

interface ProposalsFlags extends BrokerFlags {
  readonly follow?: boolean;
  readonly json?: boolean;
}

export function registerProposals(program: Command): void {
  const command = program
    .command('proposals')
    .description('show what managers foresaw and proposed to move, and what became of it')
    .option('--follow', 'each as it comes and again with its score, one line each, until Ctrl-C')
    .option('--json', 'one JSON object; with --follow one a line');
  withExamples(withBrokerOptions(command), [
    { does: 'All of the last day', line: 'drover proposals' },
    { does: 'As they come', line: 'drover proposals --follow' },
    { does: 'How many paid', line: `drover proposals --json | jq '[.proposals[] | select(.score.paid)] | length'` },
  ]).action(proposals);
}

async function proposals(flags: ProposalsFlags): Promise<void> {
  const { followProposals, readProposals } = await import('../proposals/read-proposals.ts');
  await withClient(flags, async (client) => {
    if (flags.follow === true) {
      const { done } = interruption();
      const stop = await followProposals(client, (notice) =>
        process.stdout.write(flags.json === true ? `${JSON.stringify(notice)}\n` : `${cells(notice).join('  ')}\n`),
      );
      await done;
      stop();
      return;
    }
    const found = await readProposals(client);
    const { migrationOf } = await import('../proposals/migration-of.ts');
    const linked: LinkedProposal[] = [];
    for (const notice of found) linked.push({ ...notice, migration: await migrationOf(client, notice) });
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ proposals: linked })}\n`);
    else if (found.length === 0) process.stdout.write('nothing was proposed\n');
    else
      process.stdout.write(
        table(
          ['MADE', 'TASK', 'FROM', 'WHY', 'CHANCE', 'WITHIN', 'SAVES', 'BY', 'OUTCOME', 'MIGRATION'],
          linked.map((notice) => [...cells(notice), migrationCell(notice)]),
        ),
      );
  });
}

interface LinkedProposal extends ProposalNotice {
  /** What left the epoch that this is about; absent: nothing has. */
  readonly migration: ProposedMigration | undefined;
}

function migrationCell({ migration, id }: LinkedProposal): string {
  if (migration === undefined) return stdoutColours.dim('none');
  const { actor, state, to, proposal } = migration;
  const where = to === undefined ? '' : ` to ${to}`;
  // Two managers that foresee the same propose the same; one of them is followed.
  const whose = proposal === id ? '' : proposal === undefined ? ', asked for by somebody' : `, by ${proposal}`;
  return `${actor} ${state}${where}${whose}`;
}

function cells(notice: ProposalNotice): string[] {
  const { madeAtUs, task, from, cause, probability, failsInS, benefit, manager, temperature, temperatureLimit } = notice;
  return [
    new Date(madeAtUs / 1000).toISOString().slice(11, 19),
    task,
    from,
    `${cause} (${temperature.toFixed(1)} of ${temperatureLimit} °C)`,
    `${Math.round(probability * 100)} %`,
    `${Math.round(failsInS)} s`,
    `${benefit.toFixed(1)} late jobs`,
    manager,
    outcome(notice),
  ];
}

function outcome({ score }: ProposalNotice): string {
  if (score === undefined) return stdoutColours.dim('open');
  const what = score.wasDone ? 'moved' : 'not moved';
  const came = score.leadUs === undefined ? 'it did not come' : `it came ${(score.leadUs / 1e6).toFixed(1)} s later`;
  return `${what}, ${came}: ${score.paid ? stdoutColours.green('paid') : stdoutColours.yellow('did not pay')}`;
}
