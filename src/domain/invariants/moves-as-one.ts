/**
 * moves-as-one (docs/CHAINS.md): the tasks of a chain that moves go together, or none goes.
 *
 *   M1. None of its members takes its epoch before the chain's record says that it is committed.
 *   M2. A chain that was given up has moved none of them.
 *   M3. Of one that is done each has left the epoch that it was to leave: by the move, or by what befell it meanwhile.
 */
import type { ActorKey, TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

export interface ChainThen {
  readonly chain: ActorKey;
  readonly state: string;
}

const COMMITTED = new Set(['committed', 'done']);

/** M1. A member's migration has taken an epoch. */
export function movedAlone({ chain, state }: ChainThen, task: TaskName, migration: ActorKey): Violation | undefined {
  if (COMMITTED.has(state)) return undefined;
  return {
    invariant: 'moves-as-one',
    sentence: `${task} was moved by ${migration} while its chain ${chain} was ${state} (M1)`,
    details: { task, migration, chain, state },
  };
}

export interface MemberThen {
  readonly task: TaskName;
  /** That it was to leave. */
  readonly epoch: number;
  readonly placementEpoch: number;
  /** Its own migration has taken it. */
  readonly moved: boolean;
}

/** M2 and M3, when the chain has come to its end. */
export function tornChain({ chain, state }: ChainThen, members: readonly MemberThen[]): Violation | undefined {
  const moved = members.filter((member) => member.moved).map(({ task }) => task);
  const left = members.filter(({ epoch, placementEpoch }) => placementEpoch <= epoch).map(({ task }) => task);
  if (state === 'aborted' && moved.length > 0) return torn(`was given up and has moved ${moved.join(', ')} (M2)`);
  if (state === 'done' && left.length > 0) return torn(`is done and has left ${left.join(', ')} where it was (M3)`);
  return undefined;

  function torn(sentence: string): Violation {
    return { invariant: 'moves-as-one', sentence: `${chain} ${sentence}`, details: { chain, state, moved, left } };
  }
}
