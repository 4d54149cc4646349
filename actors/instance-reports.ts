/** What a manager makes of a bridge's word that an instance ended or caught up: it goes to whoever answers for the task. */
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import type { InstanceReport, ManagerAnswer } from '../src/domain/protocol/messages.ts';
import type { ArbiterContext } from '../statecharts/arbiter.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import { type Host, planted } from './host.ts';
import type { Shell } from './shell.ts';

/** The task failed by itself: it would fail again wherever it is restored. */
const BY_ITSELF = new Set<ErrorCode>([
  'ERR_JOB_TRAP',
  'ERR_JOB_FUEL',
  'ERR_JOB_MEMORY',
  'ERR_JOB_OUTPUT',
  'ERR_INPUT_GAP',
  'ERR_MODULE_INVALID',
  'ERR_MODULE_REFUSED',
]);

interface ReportParts {
  readonly host: Host;
  readonly replicated: Shell;
  readonly knowledge: FleetKnowledge;
}

export async function takeInstanceReport(
  { host, replicated, knowledge }: ReportParts,
  { task, epoch, nonce, what, code, sentence }: InstanceReport,
): Promise<ManagerAnswer> {
  if (what === 'ended') {
    const reason = `${code ?? 'ended'}: ${sentence}`;
    const byItself = code !== undefined && BY_ITSELF.has(code);
    await replicated.deliver(`placement/${task}`, {
      type: 'INSTANCE.ENDED',
      id: `ended:${epoch}:${nonce}`,
      epoch,
      reason,
      byItself,
    });
    return { kind: 'accepted' };
  }
  const placement = await knowledge.freshPlacement(task);
  const arbiter = placement?.context.takenBy;
  if (placement?.context.epoch === epoch && arbiter !== undefined) {
    if (planted(host, 'forget-early-caught-up') && stillDeploys(replicated, arbiter, task)) return { kind: 'accepted' };
    await replicated.deliver(arbiter, { type: 'INSTANCE.CAUGHT_UP', id: `caughtUp:${task}:${epoch}`, task, epoch });
  }
  return { kind: 'accepted' };
}

function stillDeploys(replicated: Shell, arbiter: string, task: string): boolean {
  const context = replicated.view(arbiter)?.snapshot.context as ArbiterContext | undefined;
  return ['taking', 'deploying'].includes(context?.tasks[task]?.phase ?? '');
}
