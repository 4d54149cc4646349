/** What people and scripts ask of a fleet. Any manager answers; every refusal comes as a `DroverError` with the way out. */

import { envelope } from '../../../actors/host.ts';
import { createNatsArtefacts } from '../../../infra/nats/artefacts.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { MigrationEstimate } from '../../domain/migration/estimate.ts';
import { type Mac, parseMac, type TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import { mergeViews } from '../../domain/placement/merge-views.ts';
import { KEEPERS } from '../../domain/placement/shares.ts';
import { decodeAnswer, encodeCommand } from '../../domain/protocol/codec-command.ts';
import { decodeManagerAnswer, encodeManagerCall } from '../../domain/protocol/codec-manager.ts';
import type {
  ChainPlan,
  FleetTask,
  FleetView,
  ManagerAnswer,
  ManagerCall,
  MigrateCall,
} from '../../domain/protocol/messages.ts';
import { ecuSubject, managerSubject } from '../../domain/protocol/subjects.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import type { PreparedTask } from '../prepare-task.ts';

const CALL_TIMEOUT_US = 10_000_000;
/** A bridge that lives answers in a millisecond; nobody waits for one that hangs. */
const LOAD_TIMEOUT_US = 500_000;

type Counted = Readonly<Record<string, number>>;
const STORE_TIMEOUT_US = 2_000_000;

/** Stores the program, then declares the task. Doing it twice with the same spec changes nothing. */
export async function deployTask(client: FleetClient, { spec, artefact }: PreparedTask): Promise<void> {
  await storeProgram(client, artefact);
  await declareTask(client, spec);
}

export async function storeProgram(client: FleetClient, artefact: Uint8Array): Promise<void> {
  await createNatsArtefacts({ connection: client.link.connection, hasher: systemHasher }).put(artefact);
}

/** Its program is stored already. */
export const declareTask = (client: FleetClient, spec: TaskSpec): Promise<void> =>
  accepted(client, { kind: 'declare-task', spec });

export const removeTask = (client: FleetClient, task: TaskName): Promise<void> =>
  accepted(client, { kind: 'remove-task', task });

export interface MigrateOptions {
  /** By name or MAC; undefined: the best one. */
  readonly to: string | undefined;
  readonly mode: MigrateCall['mode'];
  readonly costMax: number | undefined;
}

/** What moving a running task would cost; nothing is begun. */
export async function estimateMigration(
  client: FleetClient,
  name: TaskName,
  options: MigrateOptions,
): Promise<{ readonly estimate: MigrationEstimate; readonly fleet: FleetView }> {
  const fleet = await queryFleet(client);
  const answer = await call(client, migrateCall(fleet, name, options, true));
  if (answer.kind !== 'estimate') throw refusalOf(answer);
  return { estimate: answer.estimate, fleet };
}

/** Asks for a running task to go elsewhere; answers where it was. */
export async function migrateTask(client: FleetClient, name: TaskName, options: MigrateOptions): Promise<FleetTask> {
  const fleet = await queryFleet(client);
  await accepted(client, migrateCall(fleet, name, options, false));
  return fleet.tasks.find(({ task }) => task === name) as FleetTask;
}

function migrateCall(fleet: FleetView, name: TaskName, { to, mode, costMax }: MigrateOptions, dryRun: boolean): MigrateCall {
  const task = fleet.tasks.find((each) => each.task === name);
  if (task === undefined) throw new DroverError('ERR_NO_TASK', `there is no task ${name}`);
  const target = to === undefined ? undefined : macNamed(fleet, to);
  const reason = 'a person asked';
  return { kind: 'migrate-task', task: name, target, dryRun, opcode: 'operator', mode, costMax, reason };
}

/** Asks for a chain to go to one ECU as one, or only where it could. */
export async function migrateChain(
  client: FleetClient,
  task: TaskName,
  { to, dryRun }: { readonly to: string | undefined; readonly dryRun: boolean },
): Promise<{ readonly plan: ChainPlan; readonly fleet: FleetView }> {
  const fleet = await queryFleet(client);
  const target = to === undefined ? undefined : macNamed(fleet, to);
  const answer = await call(client, { kind: 'migrate-chain', task, target, dryRun, reason: 'a person asked' });
  if (answer.kind !== 'chain') throw refusalOf(answer);
  return { plan: answer.plan, fleet };
}

/** Asks for an ECU to be emptied and left alone, or for the end of that; answers its MAC. */
export async function drainEcu(client: FleetClient, ecu: string, undo: boolean): Promise<Mac> {
  const mac = macNamed(await queryFleet(client), ecu);
  await accepted(client, { kind: 'drain-ecu', mac, undo, reason: 'a person asked' });
  return mac;
}

function macNamed({ ecus }: FleetView, ecu: string): Mac {
  const found = ecus.find(({ name, mac }) => name === ecu || mac === parseMac(ecu));
  if (found !== undefined) return found.mac;
  throw new DroverError('ERR_NO_ECU', `there is no ECU ${ecu}; there are ${ecus.map(({ name }) => name).join(', ')}`);
}

/** As one manager sees it; where the fleet is shared out among more than two, what all of them see, put together. */
export async function queryFleet(client: FleetClient): Promise<FleetView> {
  const answer = await call(client, { kind: 'query-fleet' });
  if (answer.kind !== 'fleet') throw refusalOf(answer);
  const { fleet } = answer;
  const others = fleet.managers.filter(({ id, alive }) => alive && id !== fleet.manager);
  if (others.length < KEEPERS) return fleet;
  const asked = others.map(({ id }) => callAt(client, managerSubject.callOf(id), { kind: 'query-fleet' }, STORE_TIMEOUT_US));
  const views = (await Promise.allSettled(asked)).flatMap((one) =>
    one.status === 'fulfilled' && one.value.kind === 'fleet' ? [one.value.fleet] : [],
  );
  return mergeViews(fleet, views);
}

/** What each bridge has counted; of one that does not answer in time, or does not say, there is nothing. */
export async function queryBridgeCounters(client: FleetClient, macs: readonly Mac[]): Promise<ReadonlyMap<Mac, Counted>> {
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

/** Every living manager is asked for its own view; one that does not answer is left out, because the others' still count. */
export async function queryManagers(client: FleetClient, { managers }: FleetView): Promise<FleetView[]> {
  const asked = managers
    .filter(({ alive }) => alive)
    .map(async ({ id }) => {
      const answer = await callAt(client, managerSubject.callOf(id), { kind: 'query-fleet' }, STORE_TIMEOUT_US);
      return answer.kind === 'fleet' ? [answer.fleet] : [];
    });
  return (await Promise.allSettled(asked)).flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

/** Its own store of each of them. */
export async function queryStores(
  client: FleetClient,
  fleet: FleetView,
): Promise<(NonNullable<FleetView['store']> & { readonly manager: string })[]> {
  const views = await queryManagers(client, fleet);
  return views.flatMap(({ manager, store }) => (store === undefined ? [] : [{ manager, ...store }]));
}

/** What these managers counted, summed; one that does not answer counts as nothing. */
export async function queryManagerCounters(client: FleetClient, managers: readonly string[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  const asked = managers.map((id) => callAt(client, managerSubject.callOf(id), { kind: 'query-fleet' }, STORE_TIMEOUT_US));
  for (const one of await Promise.allSettled(asked)) {
    if (one.status !== 'fulfilled' || one.value.kind !== 'fleet') continue;
    for (const [name, count] of Object.entries(one.value.fleet.counters)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
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

const call = (client: FleetClient, body: ManagerCall): Promise<ManagerAnswer> =>
  callAt(client, managerSubject.call, body, CALL_TIMEOUT_US);

async function callAt({ host }: FleetClient, subject: string, body: ManagerCall, timeoutUs: number): Promise<ManagerAnswer> {
  let bytes: Uint8Array;
  try {
    bytes = await host.bus.request(subject, encodeManagerCall(envelope(host, body)), { timeoutUs });
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
