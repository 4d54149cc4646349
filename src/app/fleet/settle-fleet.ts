/**
 * Before a whole fleet stops: every task stands still at a job boundary and the managers have its state, so that the next start
 * has nothing to replay. Done by the commands that every bridge obeys, while managers still live; whatever does not answer in
 * time is left as it is, because nothing is lost without it.
 */
import { randomUUID } from 'node:crypto';
import { envelope, pause } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { laterCheckpoint } from '../../domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import type { Answer, Command } from '../../domain/protocol/messages.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { queryFleet } from './fleet-calls.ts';

const SETTLE_US_MAX = 2_000_000;
/** One that does not answer for so long is frozen or gone. */
const ANSWER_US_MAX = 500_000;
const LOOK_AGAIN_US = 20_000;
const ACTOR = 'operator/stop';

interface LastCheckpoint {
  readonly task: TaskName;
  readonly epoch: number;
  readonly sequence: number;
}

/** Never fails, and takes two seconds at most. */
export async function settleFleet(client: FleetClient, macs: readonly Mac[]): Promise<void> {
  const { bus, clock } = client.host;
  if (!bus.connected()) return;
  // A manager that is frozen takes a call and says nothing: that must not hold up the stop.
  await new Promise<void>((resolve) => {
    const enough = clock.after(SETTLE_US_MAX, resolve);
    void settle(client, macs).finally(() => {
      enough();
      resolve();
    });
  });
}

async function settle(client: FleetClient, macs: readonly Mac[]): Promise<void> {
  const { clock, log } = client.host;
  const untilUs = clock.monotonicUs() + SETTLE_US_MAX;
  try {
    // Whoever sees no manager here would wait in vain.
    await queryFleet(client);
    const checkpoints = (await Promise.all(macs.map((mac) => settleEcu(client, mac)))).flat();
    while (clock.monotonicUs() < untilUs && !(await allStored(client, checkpoints))) await pause(clock, LOOK_AGAIN_US);
  } catch (cause) {
    log.info('the last checkpoints were not waited for', { cause });
  }
}

async function settleEcu(client: FleetClient, mac: Mac): Promise<LastCheckpoint[]> {
  const loaded = await ask(client, mac, { kind: 'query-load' });
  if (loaded?.kind !== 'load') return [];
  // Above every revision that an earlier stop has used.
  const actorRevision = client.host.clock.wallUs();
  const settle = async (task: TaskName, epoch: number): Promise<LastCheckpoint[]> => {
    const header = () => ({ task, epoch, effectId: `stop/${randomUUID()}`, actor: ACTOR, actorRevision });
    const paused = await ask(client, mac, { kind: 'pause', ...header() });
    if (paused?.kind !== 'paused') return [];
    const taken = await ask(client, mac, { kind: 'checkpoint', ...header(), mode: 'delta' });
    return taken?.kind === 'checkpointed' ? [{ task, epoch, sequence: taken.sequence }] : [];
  };
  return (await Promise.all(loaded.load.tasks.map(({ task, epoch }) => settle(task, epoch)))).flat();
}

async function ask({ host }: FleetClient, mac: Mac, command: Command): Promise<Answer | undefined> {
  try {
    const bytes = encodeCommand(envelope(host, command));
    const answer = decodeAnswer(await host.bus.request(ecuSubject.command(mac), bytes, { timeoutUs: ANSWER_US_MAX }));
    return answer.ok ? answer.value.body : undefined;
  } catch (cause) {
    if (!(cause instanceof DroverError)) throw cause;
    return undefined;
  }
}

/** A task's checkpoint in the fleet's view is one that as many managers hold as it asks for, or as there are. */
async function allStored(client: FleetClient, checkpoints: readonly LastCheckpoint[]): Promise<boolean> {
  if (checkpoints.length === 0) return true;
  const stored = new Map((await queryFleet(client)).tasks.map(({ task, checkpoint }) => [task, checkpoint]));
  return checkpoints.every((wanted) => {
    const found = stored.get(wanted.task);
    return found !== undefined && !laterCheckpoint(wanted, found);
  });
}
