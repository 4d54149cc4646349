/** The keys of stored checkpoints: a task's lie together, and in order. */
import type { CheckpointOrder } from '../../src/domain/model/checkpoint.ts';
import type { TaskName } from '../../src/domain/model/ids.ts';
import { exact } from './environment.ts';

export interface CheckpointName extends CheckpointOrder {
  readonly task: TaskName;
}

/** Task, a zero byte, epoch and sequence big-endian: a task's checkpoints lie together and in order. */
const ORDER_BYTES = 1 + 8 + 8;
export const ORDER_MAX = Number.MAX_SAFE_INTEGER;

export function keyOf({ task, epoch, sequence }: CheckpointName): Buffer {
  const key = Buffer.alloc(task.length + ORDER_BYTES);
  key.write(task, 0, 'latin1');
  const at = task.length + 1;
  key.writeUInt32BE(Math.floor(epoch / 4294967296), at);
  key.writeUInt32BE(epoch >>> 0, at + 4);
  key.writeUInt32BE(Math.floor(sequence / 4294967296), at + 8);
  key.writeUInt32BE(sequence >>> 0, at + 12);
  return key;
}

/** A damaged tree may give any bytes as a key. */
export const isKey = (key: Uint8Array): boolean => key.length > ORDER_BYTES;
export const nameOfKey = (key: Uint8Array): CheckpointName => ({ task: taskOfKey(key), ...orderOfKey(key) });

export function taskOfKey(key: Uint8Array): TaskName {
  return exact(key).toString('latin1', 0, key.length - ORDER_BYTES);
}

export function orderOfKey(key: Uint8Array): CheckpointOrder {
  const bytes = exact(key);
  const at = bytes.length - 16;
  return {
    epoch: bytes.readUInt32BE(at) * 4294967296 + bytes.readUInt32BE(at + 4),
    sequence: bytes.readUInt32BE(at + 8) * 4294967296 + bytes.readUInt32BE(at + 12),
  };
}
