/**
 * The line between a process of the fleet and whoever started it: Node's IPC channel. Whoever starts hears `ready`; whoever
 * was started sees its starter go, however that died, because the channel closes.
 */
export type ChildWord =
  /** It serves. `incarnation` of a bridge or manager. */
  | { readonly kind: 'ready'; readonly pid: number; readonly incarnation: number }
  /** It could not start: a person should read this. */
  | { readonly kind: 'failed'; readonly code: string; readonly sentence: string }
  /** From a supervisor: its bridge. */
  | { readonly kind: 'bridge-spawned'; readonly pid: number }
  | { readonly kind: 'bridge-ready'; readonly pid: number; readonly incarnation: number }
  | { readonly kind: 'bridge-ended'; readonly pid: number; readonly reason: string }
  | { readonly kind: 'bridge-given-up'; readonly reason: string };

/** Does nothing in a process that was started by hand. */
export function tellParent(word: ChildWord): void {
  if (process.connected) process.send?.(word, undefined, undefined, () => {});
}

export function onParentGone(handler: () => void): void {
  if (process.send !== undefined) process.once('disconnect', handler);
}

/** The words of a child as they come; anything else on the channel is passed over. */
export function isChildWord(value: unknown): value is ChildWord {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}
