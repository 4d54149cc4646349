/** `drover migrate --chain`: all tasks of a chain go to one ECU, together or not at all; or where they could go. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ChainPlan, FleetView } from '../../domain/protocol/messages.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { migrateChain, queryFleet } from '../fleet/fleet-calls.ts';
import { chainMoveNow } from '../fleet/migration-record.ts';
import { stdoutColours } from './colours.ts';
import { table } from './table.ts';

export interface ChainFlags {
  readonly to?: string;
  readonly dryRun?: boolean;
  readonly wait: number;
  readonly json?: boolean;
}

const POLL_MS = 50;

export async function migrateChainCommand(client: FleetClient, name: string, flags: ChainFlags): Promise<void> {
  const { to, dryRun = false, json = false } = flags;
  const { plan, fleet } = await migrateChain(client, name, { to, dryRun });
  const nameOf = (mac: string): string => fleet.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac;
  if (dryRun) {
    process.stdout.write(json ? `${JSON.stringify(plan)}\n` : planText(plan, nameOf));
    return;
  }
  const deadline = performance.now() + flags.wait * 1000;
  for (;;) {
    const now = plan.actor === undefined ? undefined : await chainMoveNow(client, plan.actor);
    const isOver = now?.isOver === true;
    if (!isOver && performance.now() < deadline) {
      await sleep(POLL_MS);
      continue;
    }
    const moved = now?.state === 'done';
    const { members } = plan;
    const owners = await ownersOf(client, plan);
    const reason = now?.context.reason;
    if (json)
      process.stdout.write(
        `${JSON.stringify({ chain: plan.chain, moved, to: plan.target, members, owners, state: now?.state, reason })}\n`,
      );
    if (moved) {
      if (!json)
        process.stderr.write(
          `${members.map(({ task }) => task).join(', ')}: moved to ${nameOf(plan.target ?? '')}, together\n`,
        );
      return;
    }
    throw new DroverError(
      'ERR_NO_PLACE',
      isOver
        ? `the chain stays where it is, all of it: ${reason ?? now?.state}`
        : `the chain has not moved within ${flags.wait} s (${now?.state ?? 'unknown'})`,
    );
  }
}

async function ownersOf(client: FleetClient, { chain }: ChainPlan): Promise<Record<string, string | undefined>> {
  const { tasks }: FleetView = await queryFleet(client);
  return Object.fromEntries(chain.map((name) => [name, tasks.find(({ task }) => task === name)?.owner]));
}

function planText({ chain, target, members, candidates }: ChainPlan, nameOf: (mac: string) => string): string {
  const verdict =
    target === undefined
      ? `${chain.join(' → ')} would stay: no ECU can take all of it`
      : `${members.map(({ task }) => task).join(', ')} would go to ${nameOf(target)}, together`;
  const rows = candidates.map(({ mac, score, reason }) => [
    nameOf(mac),
    score === undefined ? stdoutColours.yellow('refused') : mac === target ? stdoutColours.green('chosen') : 'feasible',
    score?.toFixed(3) ?? '-',
    reason ?? '',
  ]);
  const ways = members.map(({ task, standsStillFor: why }) =>
    why === undefined ? `${task}: followed, it does not stand still\n` : `${task}: stands still at the end: ${why}\n`,
  );
  return `${verdict}\n${ways.join('')}\n${table(['ECU', 'VERDICT', 'SCORE', 'WHY'], rows)}`;
}
