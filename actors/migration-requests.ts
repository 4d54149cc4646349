/**
 * Where migrations begin: somebody asks (a person, an overloaded ECU, a drain), and a manager says what it would cost, or why not, before it
 * writes anything down. One migration of a task's epoch is open at a time; the next one gets the next number.
 */
import type { ErrorCode } from '../src/domain/kernel/error-codes.ts';
import type { ActorKey, TaskName } from '../src/domain/model/ids.ts';
import type { TaskSpec } from '../src/domain/model/task.ts';
import type { ProposalNamed } from '../src/domain/proposal/proposal.ts';
import type { ManagerAnswer, MigrateCall } from '../src/domain/protocol/messages.ts';
import type { MigrationCause } from '../statecharts/migration.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { MigrationEstimates } from './migration-estimate.ts';
import type { Shell } from './shell.ts';

const migrationOf = (task: TaskName, epoch: number, attempt: number): ActorKey => `migration/${task}.${epoch}.${attempt}`;

export class MigrationRequests {
  private readonly replicated: Shell;
  private readonly knowledge: FleetKnowledge;
  private readonly estimates: MigrationEstimates;
  private readonly noPlace: (spec: TaskSpec) => void;

  constructor(parts: {
    readonly replicated: Shell;
    readonly knowledge: FleetKnowledge;
    readonly estimates: MigrationEstimates;
    /** It was to go, and nobody that is awake can take it. */
    readonly noPlace: (spec: TaskSpec) => void;
  }) {
    this.replicated = parts.replicated;
    this.knowledge = parts.knowledge;
    this.estimates = parts.estimates;
    this.noPlace = parts.noPlace;
  }

  /** `proposal`: what it is asked for. */
  async ask(call: Omit<MigrateCall, 'kind'>, id: string, proposal?: ProposalNamed): Promise<ManagerAnswer> {
    const { task, target, dryRun, opcode, mode, costMax, reason } = call;
    const { knowledge } = this;
    const placement = await knowledge.freshPlacement(task);
    if (placement === undefined || placement.state === 'removed') return refused('ERR_NO_TASK', `there is no task ${task}`);
    const { owner, epoch } = placement.context;
    if (owner === undefined || placement.state !== 'owned')
      return refused('ERR_TASK_BUSY', `task ${task} is ${placement.state}`);
    if (target !== undefined && !knowledge.descriptions.has(target) && !knowledge.elsewhere.has(target))
      return refused('ERR_NO_ECU', `there is no ECU ${target}`);
    if (target === owner.mac) return refused('ERR_NO_ECU', `task ${task} runs on ${target} already`);
    const attempt = await this.nextAttempt(task, epoch);
    if (attempt === undefined && !dryRun) return refused('ERR_TASK_BUSY', `task ${task} is being moved already`);
    const asked = { target, opcode, mode, costMax, reason, ...(proposal === undefined ? {} : { proposal }) };
    const cause: MigrationCause = { task, epoch, attempt: attempt ?? 0, source: owner, ...asked };
    const estimate = await this.estimates.estimate(cause, []);
    if (dryRun) return { kind: 'estimate', estimate };
    if (estimate.chosen === undefined) {
      const { spec } = placement.context;
      if (spec !== undefined && target === undefined && opcode !== 'load-balance') this.noPlace(spec);
      return refused('ERR_NO_PLACE', estimate.reason ?? 'no other ECU can take it');
    }
    const actor = migrationOf(task, epoch, cause.attempt);
    await this.replicated.deliver(actor, { type: 'MIGRATION.PROPOSED', id: `propose:${id}`, cause });
    return { kind: 'accepted' };
  }

  /** Undefined: one is open. */
  async nextAttempt(task: TaskName, epoch: number): Promise<number | undefined> {
    for (let attempt = 0; ; attempt++) {
      const actor = migrationOf(task, epoch, attempt);
      const view = this.replicated.view(actor) ?? (await this.replicated.refresh(actor));
      if (view === undefined) return attempt;
      if (view.snapshot.status === 'active') return undefined;
    }
  }
}

const refused = (code: ErrorCode, sentence: string): ManagerAnswer => ({ kind: 'refused', code, sentence });
