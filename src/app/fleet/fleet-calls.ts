/** What people and scripts ask of a fleet. Any manager answers; every refusal comes as a `DroverError` with the way out. */

import { envelope } from '../../../actors/host.ts';
import { createNatsArtefacts } from '../../../infra/nats/artefacts.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../../domain/protocol/codec-manager.ts';
import type { FleetView, ManagerAnswer, ManagerCall } from '../../domain/protocol/messages.ts';
import { ecuSubject, managerSubject } from '../../domain/protocol/subjects.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import type { PreparedTask } from '../prepare-task.ts';

const CALL_TIMEOUT_US = 10_000_000;
/** A bridge that lives answers in a millisecond; nobody waits for one that hangs. */
const LOAD_TIMEOUT_US = 500_000;

type Counted = Readonly<Record<string, number>>;

/** Stores the program, then declares the task. Doing it twice with the same spec changes nothing. */
export async function deployTask(client: FleetClient, { spec, artefact }: PreparedTask): Promise<void> {
  await createNatsArtefacts({ connection: client.link.connection, hasher: systemHasher }).put(artefact);
  await accepted(client, { kind: 'declare-task', spec });
}

export const removeTask = (client: FleetClient, task: TaskName): Promise<void> =>
  accepted(client, { kind: 'remove-task', task });

export async function queryFleet(client: FleetClient): Promise<FleetView> {
  const answer = await call(client, { kind: 'query-fleet' });
  if (answer.kind === 'fleet') return answer.fleet;
  throw refusalOf(answer);
}

/** What each bridge has counted; of one that does not answer in time, or does not say, there is nothing. */
export async function queryCounters(client: FleetClient, macs: readonly Mac[]): Promise<ReadonlyMap<Mac, Counted>> {
  const { host } = client;
  const counted = new Map<Mac, Counted>();
  const ask = async (mac: Mac): Promise<void> => {
    const query = encodeCommand(envelope(host, { kind: 'query-load' } as const));
    try {
      const answer = decodeAnswer(await host.bus.request(ecuSubject.command(mac), query, { timeoutUs: LOAD_TIMEOUT_US }));
      if (answer.ok && answer.value.body.kind === 'load') counted.set(mac, answer.value.body.load.counters ?? {});
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
    }
  };
  await Promise.all(macs.map(ask));
  return counted;
}

async function accepted(client: FleetClient, body: ManagerCall): Promise<void> {
  const answer = await call(client, body);
  if (answer.kind !== 'accepted') throw refusalOf(answer);
}

const refusalOf = (answer: ManagerAnswer): DroverError =>
  answer.kind === 'refused'
    ? new DroverError(answer.code, answer.sentence)
    : new DroverError(
        'ERR_WIRE_MALFORMED',
        `a manager answered "${answer.kind}" to another question: all of the fleet should run one version of drover`,
      );

async function call({ host }: FleetClient, body: ManagerCall): Promise<ManagerAnswer> {
  let bytes: Uint8Array;
  try {
    bytes = await host.bus.request(managerSubject.call, encodeManagerCall(envelope(host, body)), {
      timeoutUs: CALL_TIMEOUT_US,
    });
  } catch (cause) {
    throw cause instanceof DroverError ? unanswered(cause) : cause;
  }
  const answer = decodeManagerAnswer(bytes);
  if (!answer.ok) throw new DroverError(answer.error.code, `the manager's answer cannot be read: ${answer.error.sentence}`);
  return answer.value.body;
}

function unanswered(cause: DroverError): DroverError {
  switch (cause.code) {
    case 'ERR_BUS_NO_RESPONDER':
      return new DroverError(
        'ERR_NO_MANAGER',
        'no manager answers on this broker: start one with "drover manager", or the whole fleet with "drover up"',
        { cause },
      );
    case 'ERR_BUS_TIMEOUT':
      return new DroverError(
        'ERR_NO_MANAGER',
        'a manager took the call and did not answer in 10 s; "drover status" shows whether it was done',
        { cause },
      );
    default:
      return cause;
  }
}
