/** `drover proposals`: what managers foresaw and proposed to move, and what became of it. */
import type { Command } from 'commander';
import type { Mac } from '../../domain/model/ids.ts';
import type { ProposalNotice } from '../../domain/proposal/proposal-notice.ts';
import type { ProposedMigration } from '../proposals/migration-of.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
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
    .description('show what managers foresaw and proposed to move, why, and what became of it')
    .option('--follow', 'each as it comes and again with its score, one line each, until Ctrl-C')
    .option('--json', 'one JSON object; with --follow one a line');
  withExamples(withBrokerOptions(command), [
    { does: 'All of the last day', line: 'drover proposals' },
    { does: 'As they come', line: 'drover proposals --follow' },
    { does: 'Those of ECUs that ran full', line: `drover proposals --json | jq '.proposals[] | select(.cause == "overload")'` },
    { does: 'How many paid', line: `drover proposals --json | jq '[.proposals[] | select(.score.paid)] | length'` },
  ]).action(proposals);
}

async function proposals(flags: ProposalsFlags): Promise<void> {
  const [{ followProposals, readProposals }, { PROPOSAL_HEAD, proposalCells, summaryOf, together }, { knownEcus }] =
    await Promise.all([
      import('../proposals/read-proposals.ts'),
      import('../proposals/proposals-told.ts'),
      import('../metrics/read-samples.ts'),
    ]);
  await withClient(flags, async (client) => {
    const known = await knownEcus(client);
    const nameOf = (mac: Mac): string => known.get(mac)?.name ?? mac;
    if (flags.follow === true) {
      const { done } = interruption();
      const stop = await followProposals(client, (notice) => {
        const line = flags.json === true ? JSON.stringify(notice) : proposalCells(notice, nameOf).join('  ');
        process.stdout.write(`${line}\n`);
      });
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
    else {
      const told = together(linked);
      const rows = told.map((notice) => [...proposalCells(notice, nameOf), migrationCell(notice, nameOf)]);
      process.stdout.write(`${table([...PROPOSAL_HEAD, 'MIGRATION'], rows)}${summaryOf(told)}\n`);
    }
  });
}

interface LinkedProposal extends ProposalNotice {
  /** What left the epoch that this is about; absent: nothing has. */
  readonly migration: ProposedMigration | undefined;
}

function migrationCell({ migration }: LinkedProposal, nameOf: (mac: Mac) => string): string {
  if (migration === undefined) return '-';
  const { actor, state, to, proposal } = migration;
  const where = to === undefined ? '' : ` to ${nameOf(to)}`;
  return `${actor} ${state}${where}${proposal === undefined ? ', asked for by somebody' : ''}`;
}
