/** `drover status`: the fleet as a manager sees it, and how full every stream is. Live on a terminal, once elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { schedulingText } from '../../domain/placement/platform-of.ts';
import type { FleetEcu, FleetView } from '../../domain/protocol/messages.ts';
import type { StreamState } from '../../ports/bus.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import type { SampleObject } from '../metrics/sample-object.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { bytesText } from './bytes-text.ts';
import { stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';
import { table } from './table.ts';
import { taskTable } from './task.ts';
import { interruption, withClient } from './with-client.ts';

interface StatusFlags extends BrokerFlags {
  readonly once?: boolean;
  readonly json?: boolean;
  readonly every: number;
}

interface StreamRow extends StreamState {
  readonly stream: string;
}

interface CountedEcu extends FleetEcu {
  /** What its bridge has counted; undefined when it did not answer. */
  readonly counters: Readonly<Record<string, number>> | undefined;
  /** The newest kept sample of this incarnation, while it lives; undefined: there is none. */
  readonly metrics: Omit<SampleObject, 'tasks'> | undefined;
}
type StoreRow = NonNullable<FleetView['store']> & { readonly manager: string };

interface Status extends FleetView {
  readonly ecus: readonly CountedEcu[];
  readonly streams: readonly StreamRow[];
  /** Of every manager that answers. */
  readonly stores: readonly StoreRow[];
}

export function registerStatus(program: Command): void {
  const command = program
    .command('status')
    .description('show the fleet: ECUs, tasks, managers, how safe every state is and how full every stream')
    .option('--once', 'print it once, also on a terminal')
    .option('--every <ms>', 'how often a terminal is refreshed', wholeNumber(100, 60_000), 1_000)
    .option('--json', 'print one JSON object, once');
  withExamples(withBrokerOptions(command), [
    { does: 'Watch the fleet of this machine', line: 'drover status' },
    { does: 'Once, for a script', line: `drover status --json | jq '.tasks[] | select(.durability != "durable")'` },
  ]).action(status);
}

async function status(flags: StatusFlags): Promise<void> {
  await withClient(flags, async (client) => {
    if (flags.json === true) {
      process.stdout.write(`${JSON.stringify(await read(client))}\n`);
      return;
    }
    if (flags.once === true || !process.stdout.isTTY) {
      process.stdout.write(draw(await read(client)));
      return;
    }
    await live(client, flags.every);
  });
}

async function live(client: FleetClient, everyMs: number): Promise<void> {
  const { asked, done } = interruption();
  while (!asked()) {
    let text: string;
    try {
      text = draw(await read(client));
    } catch (error) {
      // A fleet that is being restarted is worth waiting for; the last word stays until it answers.
      text = `${stdoutColours.yellow((error as Error).message)}\n`;
    }
    // Home, the text with every line cleared to its end, then everything below: no flicker.
    process.stdout.write(`\u001b[H${text.replaceAll('\n', '\u001b[K\n')}\u001b[J`);
    await Promise.race([sleep(everyMs), done]);
  }
}

async function read(client: FleetClient): Promise<Status> {
  const { queryBridgeCounters, queryFleet, queryStores } = await import('../fleet/fleet-calls.ts');
  const { fleetStreams } = await import('../../domain/protocol/streams.ts');
  const { bucket, buckets } = await import('../../domain/protocol/subjects.ts');
  const { newestSamples } = await import('../metrics/read-samples.ts');
  const { sampleObject } = await import('../metrics/sample-object.ts');
  const { bus, names } = client.host;
  const streams = [
    ...fleetStreams({ shardCount: names.shardCount }).map(({ name }) => name),
    ...[buckets.inventory, buckets.placement, buckets.proofs, buckets.learned].map(bucket.stream),
  ];
  const [fleet, newest, ...states] = await Promise.all([
    queryFleet(client),
    newestSamples(client),
    ...streams.map(async (stream) => stateOf(stream, await bus.streamState(stream).catch(absentStream))),
  ]);
  const alive = fleet.ecus.filter(({ state }) => state.startsWith('alive')).map(({ mac }) => mac);
  const [stores, counted] = await Promise.all([queryStores(client, fleet), queryBridgeCounters(client, alive)]);
  const metricsOf = ({ mac, state, incarnation }: FleetEcu): CountedEcu['metrics'] => {
    const sample = newest.get(mac)?.sample;
    if (sample?.incarnation !== incarnation || !state.startsWith('alive')) return undefined;
    const { tasks: _, ...metrics } = sampleObject(sample);
    return metrics;
  };
  const ecus = fleet.ecus.map((ecu) => ({ ...ecu, counters: counted.get(ecu.mac), metrics: metricsOf(ecu) }));
  return { ...fleet, ecus, stores, streams: states.flat() };
}

/** A fleet of an older drover lacks what came later, until one of its managers is of this version. */
function absentStream(cause: unknown): undefined {
  if (cause instanceof DroverError && cause.code === 'ERR_BUS_NO_STREAM') return undefined;
  throw cause;
}

const stateOf = (stream: string, state: StreamState | undefined): StreamRow[] =>
  state === undefined ? [] : [{ stream, ...state }];

function draw(status: Status): string {
  const { ecus, tasks, managers, counters } = status;
  const degraded = tasks.filter(({ durability, state }) => state === 'owned' && durability !== 'durable').length;
  const shed = tasks.filter(({ state }) => state === 'shed').length;
  const notes = [
    ...(shed === 0 ? [] : [stdoutColours.red(`${shed} of ${tasks.length} tasks have no place`)]),
    ...(degraded === 0
      ? []
      : [stdoutColours.yellow(`${degraded} of ${tasks.length} tasks have less copies of their state than they ask for`)]),
    ...(managers.filter(({ alive }) => alive).length > 1
      ? []
      : [stdoutColours.yellow('one manager alone: nobody takes over when it dies')]),
  ];
  const sections = [
    `${stdoutColours.bold('fleet')} as ${status.manager} sees it: ${ecus.length} ECUs, ${tasks.length} tasks, managers ${managers.map(managerText).join(' ')}, checkpoints by ${status.receive ?? 'notify'}${adviceText(status)}\n`,
    ...(notes.length === 0 ? [] : [`${notes.join('\n')}\n`]),
    ecuTable(status),
    ...(tasks.length === 0 ? [] : [taskTable(status)]),
    streamTable(status.streams),
    ...(status.stores.length === 0 ? [] : [storeTable(status.stores)]),
    countersText([{ name: status.manager, counters }, ...ecus]),
  ];
  return sections.join('\n');
}

const adviceText = ({ learning }: Status): string =>
  learning === undefined ? '' : `, targets ranked by ${learning.advisedBy ?? 'no model yet'}`;

const managerText = ({ id, alive }: { readonly id: string; readonly alive: boolean }): string =>
  alive ? stdoutColours.green(id) : stdoutColours.red(`${id} (gone)`);

function ecuTable({ ecus }: Status): string {
  const some = (of: 'load' | 'temperatureCelsius' | 'powerWatts'): boolean =>
    ecus.some(({ metrics }) => metrics?.[of] !== undefined);
  const heat = some('temperatureCelsius');
  const power = some('powerWatts');
  return table(
    [
      ...['ECU', 'MAC', 'STATE', 'INCARNATION', 'CORES', 'MEMORY'],
      ...[...(some('load') ? ['LOAD'] : []), ...(heat ? ['°C'] : []), ...(power ? ['W'] : [])],
      ...['OFFERS', 'TASKS'],
    ],
    ecus.map(({ name, mac, state, draining, power: sleeping, incarnation, description, tasks, metrics }) => [
      name,
      mac,
      draining === true
        ? stdoutColours.yellow(`${state}, draining`)
        : sleeping !== undefined && sleeping.state !== 'awake'
          ? stdoutColours.dim(sleeping.state)
          : state.startsWith('alive')
            ? stdoutColours.green(state)
            : stdoutColours.red(state),
      String(incarnation),
      String(description?.cores ?? ''),
      description === undefined ? '' : bytesText(description.memoryBytes),
      ...(some('load') ? [metrics?.load === undefined ? '' : `${Math.round(metrics.load * 100)} %`] : []),
      ...(heat ? [metrics?.temperatureCelsius?.toFixed(1) ?? ''] : []),
      ...(power ? [metrics?.powerWatts?.toFixed(1) ?? ''] : []),
      [
        ...(description?.scheduling === undefined ? [] : [`${schedulingText(description)};`]),
        ...(description?.capabilities ?? []),
        ...Object.entries(description?.labels ?? {}).map(([key, value]) => `${key}=${value}`),
      ].join(' '),
      tasks.join(' '),
    ]),
  );
}

function streamTable(streams: readonly StreamRow[]): string {
  return table(
    ['STREAM', 'MESSAGES', 'BYTES', 'BOUND', 'FULL'],
    streams.map(({ stream, messages, bytes, bytesMax }) => {
      const share = bytesMax === undefined ? undefined : Math.round((bytes / bytesMax) * 100);
      const full = share === undefined ? '' : `${share} %`;
      return [
        stream,
        String(messages),
        bytesText(bytes),
        bytesMax === undefined ? 'none' : bytesText(bytesMax),
        (share ?? 0) >= 80 ? stdoutColours.red(full) : full,
      ];
    }),
  );
}

function storeTable(stores: readonly StoreRow[]): string {
  return table(
    ['STORE', 'BYTES', 'BOUND', 'FULL', 'DAMAGED'],
    stores.map(({ manager, bytes, bytesMax, damagedPages, damagedManifests }) => {
      const share = Math.round((bytes / bytesMax) * 100);
      const full = `${share} %`;
      const damaged = damagedPages + damagedManifests;
      return [
        manager,
        bytesText(bytes),
        bytesText(bytesMax),
        share >= 80 ? stdoutColours.red(full) : full,
        damaged === 0 ? '0' : stdoutColours.red(String(damaged)),
      ];
    }),
  );
}

/** What was refused, dropped, restored or retried, by who counted it; a quiet fleet shows none. */
function countersText(hosts: readonly { readonly name: string; readonly counters: CountedEcu['counters'] }[]): string {
  const lines = hosts.flatMap(({ name, counters = {} }) => {
    const shown = Object.entries(counters).filter(([counter]) => SHOWN.test(counter));
    if (shown.length === 0) return [];
    return [
      `${stdoutColours.dim('counted by')} ${name}  ${shown.map(([counter, count]) => `${counter} ${count}`).join('  ')}\n`,
    ];
  });
  return lines.join('');
}

const SHOWN =
  /^wire\.|^restore\.|^pages\.|^localPath\.|^prover\.|^instance\.ended|refused|failed|Failed|corrupt|shed|takeovers|oversized|full|FULL|[dD]ropped|damaged|repaired|caughtUp|unnumbered|unsure|append-unknown|gaps/;
