/**
 * Chains: a full checkpoint and the increments on it, each on the one before. A base is of the same epoch and has a lower
 * sequence, so a walk down always ends.
 *
 * A *fold* turns the end of a chain into a full checkpoint of the same state. It is made of what is there and written
 * before, or together with, the removal of what it replaces; so at every moment one of the two rebuilds the state, and a
 * crash in between loses nothing. What cannot be rebuilt here is not folded here.
 */
import type { Result } from '../kernel/result.ts';
import { err, ok } from '../kernel/result.ts';
import type { CheckpointManifest, CheckpointOrder } from '../model/checkpoint.ts';
import { laterCheckpoint } from '../model/checkpoint.ts';
import type { DeltaError, PageTable } from './delta.ts';
import { applyManifest } from './delta.ts';

export interface ChainLink extends CheckpointOrder {
  readonly baseSequence: number | undefined;
}

export type ChainError =
  | { readonly kind: 'base-missing'; readonly epoch: number; readonly sequence: number }
  | { readonly kind: 'base-not-before'; readonly sequence: number };

/** What rebuilds `target`: the full checkpoint first, `target` last. */
export function chainOf<Link extends ChainLink>(
  target: Link,
  find: (order: CheckpointOrder) => Link | undefined,
): Result<readonly Link[], ChainError> {
  const chain: Link[] = [target];
  let link = target;
  while (link.baseSequence !== undefined) {
    const order = { epoch: target.epoch, sequence: link.baseSequence };
    if (order.sequence >= link.sequence) return err({ kind: 'base-not-before', sequence: link.sequence });
    const base = find(order);
    if (base === undefined) return err({ kind: 'base-missing', ...order });
    chain.push(base);
    link = base;
  }
  return ok(chain.reverse());
}

/** The page table at the end of a chain. One copy of the table per link, so 64 MiB (a table of 512 KiB) fold in well under a millisecond a link. */
export function tableOfChain(chain: readonly CheckpointManifest[]): Result<PageTable, DeltaError> {
  let table: PageTable = new Uint8Array(0);
  for (const manifest of chain) {
    // A full one is an increment on nothing that carries everything.
    const next = applyManifest(manifest.baseSequence === undefined ? new Uint8Array(0) : table, manifest);
    if (!next.ok) return next;
    table = next.value;
  }
  return ok(table);
}

/** Whether the next checkpoint should be full: `chainMax` increments follow one full one, so a chain has at most one more. */
export const fullIsDue = (chainLength: number, chainMax: number): boolean => chainLength === 0 || chainLength > chainMax;

export interface FoldPlan<Link> {
  /** Each becomes a full checkpoint… */
  readonly fold: readonly Link[];
  /** …and with it, in one step, these go. */
  readonly drop: readonly Link[];
}

/**
 * How everything before `oldest` can go while every later checkpoint can still be rebuilt: the kept ones that stand on a
 * dropped base are folded.
 */
export function planFold<Link extends ChainLink>(
  links: readonly Link[],
  oldest: CheckpointOrder,
  canRebuild: (link: Link) => boolean,
): FoldPlan<Link> {
  return planKeep(links, (link) => !laterCheckpoint(oldest, link), canRebuild);
}

/**
 * How everything can go that `isWanted` does not name, from anywhere in a chain. Nothing goes that would have to be folded and
 * cannot be (its chain is not whole), nor the newest that can be rebuilt, nor what that one stands on, unless a kept one can
 * be rebuilt too.
 */
export function planKeep<Link extends ChainLink>(
  links: readonly Link[],
  isWanted: (link: Link) => boolean,
  canRebuild: (link: Link) => boolean,
): FoldPlan<Link> {
  const at = new Map(links.map((link) => [keyOf(link), link]));
  const find = (order: CheckpointOrder): Link | undefined => at.get(keyOf(order));
  const newestFirst = [...links].sort((a, b) => (laterCheckpoint(a, b) ? -1 : 1));
  const newest = newestFirst.find(canRebuild);
  const kept = new Set(links.filter(isWanted));
  if (newest !== undefined) kept.add(newest);
  const fold: Link[] = [];
  for (const link of newestFirst) {
    if (!kept.has(link) || link.baseSequence === undefined) continue;
    const base = find({ epoch: link.epoch, sequence: link.baseSequence });
    if (base === undefined || kept.has(base)) continue;
    // Newest first: a base that has to stay is looked at after whoever needs it.
    if (canRebuild(link)) fold.push(link);
    else kept.add(base);
  }
  return { fold, drop: links.filter((link) => !kept.has(link)) };
}

const keyOf = (order: CheckpointOrder): string => `${order.epoch}/${order.sequence}`;
