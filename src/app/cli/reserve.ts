/** `drover reserve`: keep capacity of an ECU free for a time, see what is kept, and end it. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { isTaskName, type TaskName } from '../../domain/model/ids.ts';
import type { FleetReservation, FleetView } from '../../domain/protocol/messages.ts';
import { type BookedDemand, type Booking, bookedPpm } from '../../domain/reservation/booking.ts';
import { checkBooking, WINDOW_US_MAX } from '../../domain/reservation/booking-draft.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { bytesText } from './bytes-text.ts';
import { stderrColours, stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { collect, durationUs, wholeNumber } from './numbers.ts';
import { table } from './table.ts';
import { withClient } from './with-client.ts';

interface ReserveFlags extends BrokerFlags {
  readonly label: readonly string[];
  readonly from: string;
  readonly for?: number;
  readonly cores?: number;
  readonly utilisation?: number;
  readonly memory?: string;
  readonly task?: TaskName;
  readonly period?: number;
  readonly wcet?: number;
  readonly deadline?: number;
  readonly priority: number;
  readonly hard?: boolean;
  readonly criticality: number;
  readonly note: string;
  readonly cancel?: string;
  readonly json?: boolean;
}

const DAY_US = 86_400_000_000;
const NOTE_MAX = 200;

export function registerReserve(program: Command): void {
  const command = program
    .command('reserve')
    .argument('[ecu]', 'the ECU, by name or MAC; or --label')
    .description('keep capacity of an ECU free for a time; without arguments, show what is reserved')
    .option('--label <key=value>', 'on whichever ECU has it and the most room; may be repeated', collect, [])
    .option('--from <time>', 'now, +30min, or a date and time such as 2026-11-22T08:00', 'now')
    .option('--for <duration>', 'how long, e.g. 90s, 2h', durationUs(1_000_000, WINDOW_US_MAX))
    .option('--cores <n>', 'so many cores, e.g. 0.5', share(64))
    .option('--utilisation <percent>', 'the same as a share of all cores of the ECU', share(100))
    .option('--memory <size>', 'so much memory, e.g. 64MiB')
    .option('--task <name>', 'for this task: its own parameters where no others are given, and it may be placed there')
    .option('--period <time>', 'of a task that is to run there, e.g. 10ms', durationUs(100, DAY_US))
    .option('--wcet <time>', 'its longest execution', durationUs(1, DAY_US))
    .option('--deadline <time>', 'its deadline (default: the period)', durationUs(1, DAY_US))
    .option('--priority <n>', 'its priority; larger is more urgent', wholeNumber(0, 1000), 10)
    .option('--hard', 'its deadlines must hold')
    .option('--criticality <n>', 'tasks of a higher one are not kept out, 0 to 4', wholeNumber(0, 4), 4)
    .option('--note <text>', 'for people', '')
    .option('--cancel <id>', 'end a reservation')
    .option('--json', 'print one JSON object');
  withExamples(withBrokerOptions(command), [
    { does: 'What is reserved', line: 'drover reserve' },
    { does: 'Half a core for the next hour', line: 'drover reserve ecu1 --cores 0.5 --for 1h' },
    {
      does: 'Room for a task that will be needed tomorrow, tested as a hard one',
      line: 'drover reserve ecu1 --from 2026-12-01T08:00 --for 2h --period 10ms --wcet 2ms --hard --memory 16MiB',
    },
    {
      does: 'Wherever there is most room in front',
      line: 'drover reserve --label zone=front --cores 1 --from +10min --for 30min',
    },
    { does: 'For a task that is declared', line: 'drover reserve ecu2 --task counter --for 8h' },
    { does: 'Not any more', line: 'drover reserve --cancel r1' },
  ]).action(reserve);
}

async function reserve(ecu: string | undefined, flags: ReserveFlags): Promise<void> {
  const { cancel } = flags;
  if (cancel !== undefined) return end(cancel, flags);
  if (ecu === undefined && flags.label.length === 0) {
    if (flags.for === undefined && flags.cores === undefined) return list(flags);
    throw new DroverError('ERR_USAGE', 'say where: an ECU by its name, or --label key=value');
  }
  if (ecu !== undefined && flags.label.length > 0)
    throw new DroverError('ERR_USAGE', 'give either an ECU or labels: an ECU has the labels it has');
  return make(ecu, flags);
}

async function make(ecu: string | undefined, flags: ReserveFlags): Promise<void> {
  const lengthUs = flags.for;
  if (lengthUs === undefined) throw new DroverError('ERR_USAGE', 'say for how long, e.g. --for 1h');
  if (flags.task !== undefined && !isTaskName(flags.task))
    throw new DroverError('ERR_USAGE', `--task ${flags.task} is no task’s name`);
  if (flags.note.length > NOTE_MAX) throw new DroverError('ERR_USAGE', `--note has more than ${NOTE_MAX} characters`);
  const nowUs = Date.now() * 1000;
  const fromUs = timeUs(flags.from, nowUs);
  await withClient(flags, async (client) => {
    const { macNamed, queryFleet, reserveCapacity } = await import('../fleet/fleet-calls.ts');
    const fleet = await queryFleet(client);
    const mac = ecu === undefined ? undefined : macNamed(fleet, ecu);
    const cores = fleet.ecus.find((one) => one.mac === mac)?.description?.cores;
    const draft = {
      ecu: mac,
      labels: flags.label.length === 0 ? undefined : Object.fromEntries(flags.label.map(labelOf)),
      task: flags.task,
      criticality: flags.criticality,
      demand: await demandOf(flags, cores),
      note: flags.note,
      ...{ fromUs, untilUs: fromUs + lengthUs },
    };
    const { cpuPpm, memoryBytes, periodUs } = draft.demand;
    const isItsTasks = draft.task !== undefined && cpuPpm === 0 && memoryBytes === 0 && periodUs === 0;
    const checked = checkBooking(isItsTasks ? { ...draft, demand: { ...draft.demand, cpuPpm: 1 } } : draft, nowUs);
    if (!checked.ok) throw new DroverError('ERR_RESERVATION', checked.error);
    const booking = await reserveCapacity(client, draft);
    if (flags.json === true) return void process.stdout.write(`${JSON.stringify(booking)}\n`);
    const where = fleet.ecus.find((one) => one.mac === booking.ecu)?.name ?? booking.ecu;
    process.stderr.write(
      `${stderrColours.green(booking.id)}: ${demandText(booking)} on ${where} is kept free from ${timeText(booking.fromUs)} to ${timeText(booking.untilUs)}\n`,
    );
  });
}

async function list(flags: ReserveFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const { queryFleet } = await import('../fleet/fleet-calls.ts');
    const fleet = await queryFleet(client);
    const { reservations = [] } = fleet;
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ reservations })}\n`);
    else process.stdout.write(reservations.length === 0 ? 'nothing is reserved\n' : reservationTable(fleet));
  });
}

async function end(id: string, flags: ReserveFlags): Promise<void> {
  if (!/^r\d{1,15}$/.test(id))
    throw new DroverError('ERR_USAGE', `--cancel ${id}: a reservation is called r and a number, e.g. r1`);
  await withClient(flags, async (client) => {
    const { cancelReservation } = await import('../fleet/fleet-calls.ts');
    await cancelReservation(client, id);
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ cancelled: id })}\n`);
    else process.stderr.write(`${id} is kept free no longer\n`);
  });
}

async function demandOf(flags: ReserveFlags, ecuCores: number | undefined): Promise<BookedDemand> {
  const { cores, utilisation, memory, period, wcet, deadline, priority, hard } = flags;
  if (cores !== undefined && utilisation !== undefined)
    throw new DroverError('ERR_USAGE', 'give either --cores or --utilisation: one follows from the other');
  if (utilisation !== undefined && ecuCores === undefined)
    throw new DroverError('ERR_USAGE', '--utilisation is a share of one ECU’s cores: name the ECU, or give --cores');
  if (wcet !== undefined && period === undefined) throw new DroverError('ERR_USAGE', '--wcet says nothing without --period');
  if (period !== undefined && wcet === undefined) throw new DroverError('ERR_USAGE', '--period says nothing without --wcet');
  const { parseSize } = await import('../fleet-file.ts');
  const memoryBytes = memory === undefined ? 0 : parseSize(memory);
  if (memoryBytes === undefined) throw new DroverError('ERR_USAGE', `--memory ${memory}: write e.g. 64MiB`);
  return {
    cpuPpm: Math.round((cores ?? ((utilisation ?? 0) / 100) * (ecuCores ?? 0)) * 1_000_000),
    memoryBytes,
    periodUs: period ?? 0,
    wcetUs: wcet ?? 0,
    deadlineUs: deadline ?? period ?? 0,
    priority,
    hardDeadline: hard === true,
  };
}

const share =
  (most: number) =>
  (text: string): number => {
    const value = Number(text.replace(/ ?%$/, ''));
    if (text.trim() !== '' && value >= 0.001 && value <= most) return value;
    throw new DroverError('ERR_USAGE', `${text} is not a number between 0.001 and ${most}`);
  };

function timeUs(text: string, nowUs: number): number {
  if (text === 'now') return nowUs;
  if (text.startsWith('+')) return nowUs + durationUs(0, 366 * DAY_US)(text.slice(1));
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms) && ms > 0) return ms * 1000;
  throw new DroverError('ERR_USAGE', `--from ${text}: write now, +30min, or a date and time such as 2026-11-22T08:00`);
}

function labelOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new DroverError('ERR_USAGE', `--label ${text} is no label: write e.g. zone=front`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

// ——— for people ———

export function reservationTable({ reservations = [], ecus }: FleetView): string {
  const nameOf = (mac: string): string => ecus.find((one) => one.mac === mac)?.name ?? mac;
  const nowUs = Date.now() * 1000;
  return table(
    ['RESERVED', 'ECU', 'FROM', 'TO', 'WHAT', 'FOR', 'STATE'],
    reservations.map((one) => [
      one.id,
      `${nameOf(one.ecu)}${
        one.labels === undefined
          ? ''
          : ` (${Object.entries(one.labels)
              .map(([key, value]) => `${key}=${value}`)
              .join(' ')})`
      }`,
      timeText(one.fromUs),
      timeText(one.untilUs),
      demandText(one),
      [...(one.task === undefined ? [] : [one.task]), ...(one.note === '' ? [] : [one.note])].join(': '),
      stateText(one, nowUs),
    ]),
  );
}

function stateText({ broken, fromUs }: FleetReservation, nowUs: number): string {
  if (broken !== undefined) return stdoutColours.red(`broken: ${broken}`);
  return fromUs <= nowUs ? stdoutColours.green('kept now') : 'to come';
}

function demandText({ demand }: Pick<Booking, 'demand'>): string {
  const { memoryBytes, periodUs, wcetUs, deadlineUs, hardDeadline } = demand;
  const parts = [
    ...(periodUs > 0
      ? [`${wcetUs} µs every ${periodUs} µs${hardDeadline ? `, hard within ${deadlineUs} µs` : ''}`]
      : demand.cpuPpm > 0
        ? [`${bookedPpm(demand) / 1e6} cores`]
        : []),
    ...(memoryBytes > 0 ? [bytesText(memoryBytes)] : []),
  ];
  return parts.join(' and ');
}

const timeText = (us: number): string =>
  new Date(us / 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC');
