import { hash32 } from '../kernel/rng.ts';

/** An ECU's MAC as 12 lower-case hex digits, the form used in subjects and keys. */
export type Mac = string;
/** A fleet-wide task name, `[a-z0-9-]`, at most 63 characters. */
export type TaskName = string;
/** SHA-256 as 64 lower-case hex digits. */
export type Digest = string;
/** A manager's or bridge's name in records and logs, e.g. `manager.m1` or `bridge.02aa00000001`. */
export type HostId = string;

const MAC = /^[0-9a-f]{12}$/;
const TASK = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const isMac = (text: string): boolean => MAC.test(text);
export const isTaskName = (text: string): boolean => TASK.test(text);

/** `02:AA:00:00:00:01`, `02-aa-…` or `02aa00000001` → `02aa00000001`; undefined when it is no MAC. */
export function parseMac(text: string): Mac | undefined {
  const mac = text.toLowerCase().replaceAll(/[:-]/g, '');
  return isMac(mac) ? mac : undefined;
}

/** One actor of the fleet: its kind and its id within the kind. Ids use `[A-Za-z0-9_-]` and dots between parts. */
export interface ActorAddress {
  readonly kind: string;
  readonly id: string;
}

/** `kind/id`: the form used as key, in logs and in effect ids. */
export type ActorKey = string;

export function parseActorKey(key: ActorKey): ActorAddress {
  const slash = key.indexOf('/');
  return { kind: key.slice(0, slash), id: key.slice(slash + 1) };
}

/** The shard of a task (and of the actors named after it): fixed when the fleet is created. */
export const shardOf = (task: TaskName, shardCount: number): number => (shardCount === 1 ? 0 : hash32(task) % shardCount);
