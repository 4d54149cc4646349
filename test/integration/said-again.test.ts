/**
 * What the stream of checkpoints forgets is said again. An append there is answered before the disk has it, so a server that loses its
 * power may lose the end of it; here it loses all, which makes no difference to those who have to say it again.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { afterEach, expect, test } from 'vitest';
import { CheckpointFeed } from '../../src/app/bench/checkpoint-feed.ts';
import { deployTask, queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuMac } from '../../src/app/fleet/local-fleet.ts';
import { validateTaskSpec } from '../../src/domain/model/task-spec.ts';
import { decodeCheckpointNotice } from '../../src/domain/protocol/codec-checkpoint.ts';
import { checkpointSubject, streams } from '../../src/domain/protocol/subjects.ts';
import { type FleetRun, startFleet, until } from '../support/fleet-run.ts';

const TASK = 'fed';
const MAC = ecuMac(1);
let run: FleetRun | undefined;
let feed: CheckpointFeed | undefined;

afterEach(async () => {
  feed?.stop();
  await run?.end();
  [run, feed] = [undefined, undefined];
});

/** One manager that knows the task, and a feed that is its ECU, not serving yet. */
async function stage(): Promise<{ readonly run: FleetRun; readonly feed: CheckpointFeed }> {
  run = await startFleet({ ecus: 0, managers: 1 });
  const { client } = run.fleet;
  const artefact = new TextEncoder().encode('nothing runs here');
  const spec = validateTaskSpec({
    name: TASK,
    artefact: 'ab'.repeat(32),
    artefactBytes: artefact.length,
    memoryBytesMax: 1024 * 1024,
    checkpoint: { intervalUs: 1_000, chainMax: 100, quorum: 1 },
    affinity: { requiredEcus: [ecuMac(0xff)] },
  });
  if (!spec.ok) throw new Error('the spec is valid');
  await deployTask(client, { spec: spec.value, artefact });
  feed = new CheckpointFeed({ host: client.host, mac: MAC, specs: [spec.value], memoryBytes: 64 * 1024, dirtyPages: 2 });
  return { run, feed };
}

test('a pull that nobody answered is tried again, though nothing newer is announced', async () => {
  const { run, feed } = await stage();
  const stored = feed.next(TASK);
  await until('it was asked in vain', async () => {
    const { counters } = await queryFleet(run.fleet.client);
    return (counters['checkpoint.pullFailed.ERR_BUS_NO_RESPONDER'] ?? 0) > 0;
  });
  await feed.start();
  await stored;
});

test('a manager says again what it stored, an ECU what no quorum has', async () => {
  const { run, feed } = await stage();
  const { client } = run.fleet;
  const { host, link } = client;
  await feed.start();
  await feed.next(TASK);
  await feed.next(TASK);

  const word = checkpointSubject.stored(MAC, 1, 'm1');
  const manager = await jetstreamManager(link.connection, { checkAPI: false });
  const forget = () => manager.streams.purge(streams.checkpoints);
  const saidOf = async (sequence: number): Promise<boolean> => {
    const last = await host.bus.readLast(word);
    const notice = last === undefined ? undefined : decodeCheckpointNotice(last.payload);
    const body = notice?.ok === true ? notice.value.body : undefined;
    return body?.kind === 'stored' && body.sequence === sequence;
  };
  // Its last word, lest it comes after the forgetting.
  await until('its word is in the stream', () => saidOf(2));
  await forget();
  expect(await host.bus.readLast(word)).toBeUndefined();
  await run.fleet.restartServer();
  await until('its word is there again', () => saidOf(2));
  await until('it has counted it', async () => (await queryFleet(client)).counters['checkpoint.saidAgain'] === 1);

  await run.fleet.killManager('m1');
  const stored = feed.next(TASK);
  const announcement = checkpointSubject.announced(MAC, 1);
  await until('it is announced', async () => (await host.bus.readLast(announcement)) !== undefined);
  await forget();
  await run.fleet.restartServer();
  await run.fleet.restart('m1');
  await stored;
});
