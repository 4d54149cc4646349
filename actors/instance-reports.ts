/** What bridges report of instances: that one ended, that one caught up. */
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

export class InstanceReports {
  private readonly host: Host;
  private readonly replicated: Shell;
  private readonly knowledge: FleetKnowledge;

  constructor(parts: { readonly host: Host; readonly replicated: Shell; readonly knowledge: FleetKnowledge }) {
    this.host = parts.host;
    this.replicated = parts.replicated;
    this.knowledge = parts.knowledge;
  }

  async take(report: InstanceReport): Promise<ManagerAnswer> {
    const { task, epoch, nonce, what, code, sentence } = report;
    if (what === 'ended') {
      const reason = `${code ?? 'ended'}: ${sentence}`;
      const byItself = code !== undefined && BY_ITSELF.has(code);
      await this.replicated.deliver(`placement/${task}`, {
        type: 'INSTANCE.ENDED',
        id: `ended:${epoch}:${nonce}`,
        epoch,
        reason,
        byItself,
      });
      return { kind: 'accepted' };
    }
    const placement = await this.knowledge.freshPlacement(task);
    const arbiter = placement?.context.takenBy;
    if (placement?.context.epoch === epoch && arbiter !== undefined) {
      if (planted(this.host, 'forget-early-caught-up') && this.stillDeploys(arbiter, task)) return { kind: 'accepted' };
      await this.replicated.deliver(arbiter, { type: 'INSTANCE.CAUGHT_UP', id: `caughtUp:${task}:${epoch}`, task, epoch });
    }
    return { kind: 'accepted' };
  }

  private stillDeploys(arbiter: string, task: string): boolean {
    const context = this.replicated.view(arbiter)?.snapshot.context as ArbiterContext | undefined;
    return ['taking', 'deploying'].includes(context?.tasks[task]?.phase ?? '');
  }
}
