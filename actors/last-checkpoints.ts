/**
 * The last checkpoints of a bridge that leaves.
 *
 * L1. Every task stands still at a job boundary with its outputs accepted, and the managers that live have this state (as many
 *     of them as the task asks for): whoever goes on with it has nothing to replay. Nobody is waited for who is not there.
 */
import { decodeManagerAnswer, encodeManagerCall } from '../src/domain/protocol/codec-manager.ts';
import { managerSubject } from '../src/domain/protocol/subjects.ts';
import type { Clock } from '../src/ports/clock.ts';
import { envelope, type Host } from './host.ts';
import type { RunningTask } from './task.ts';

/** A clean leave waits no longer than this for managers to pull the last checkpoints. */
const LAST_CHECKPOINT_US = 2_000_000;

export function saveLastCheckpoints(
  host: Host,
  running: readonly RunningTask[],
  coLocatedManagers: ReadonlySet<string>,
): Promise<void> {
  return withinUs(host.clock, LAST_CHECKPOINT_US, save(host, running, coLocatedManagers));
}

async function save(host: Host, running: readonly RunningTask[], coLocatedManagers: ReadonlySet<string>): Promise<void> {
  if (running.length === 0 || !host.bus.connected()) return;
  const [managers] = await Promise.all([
    livingManagers(host, coLocatedManagers),
    ...running.map(({ instance }) => instance.leave()),
  ]);
  await Promise.all(
    running.map(({ instance, source }) => source.storedBy(Math.min(instance.spec.checkpoint.quorum, managers))),
  );
}

/** Whose copies count, as one of them sees it. */
async function livingManagers(host: Host, coLocatedManagers: ReadonlySet<string>): Promise<number> {
  const query = encodeManagerCall(envelope(host, { kind: 'query-fleet' } as const));
  try {
    const answer = decodeManagerAnswer(await host.bus.request(managerSubject.call, query, { timeoutUs: LAST_CHECKPOINT_US }));
    if (!answer.ok || answer.value.body.kind !== 'fleet') return 0;
    const { managers } = answer.value.body.fleet;
    return managers.filter(({ id, alive }) => alive && !coLocatedManagers.has(id)).length;
  } catch (cause) {
    host.log.info('no manager takes a last checkpoint; what it would hold is replayed', { cause });
    return 0;
  }
}

/** Waits for the promise, but no longer; what it says, and whether it fails, is nobody's concern any more. */
function withinUs(clock: Clock, delayUs: number, promise: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const tooLong = clock.after(delayUs, resolve);
    const over = (): void => {
      tooLong();
      resolve();
    };
    promise.then(over, over);
  });
}
