/** `drover forecast ECU`: what the running fleet's predictors expect of an ECU or a task. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FailureForecast, ForecastSeries, ForecastView } from '../../domain/forecast/forecast-view.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { isTaskName } from '../../domain/model/ids.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import type { BrokerFlags } from './broker-options.ts';
import { bytesText } from './bytes-text.ts';
import { stdoutColours } from './colours.ts';
import { table } from './table.ts';
import { interruption, withClient } from './with-client.ts';

export interface LiveForecastFlags extends BrokerFlags {
  readonly metric: readonly string[];
  readonly horizons?: readonly number[];
  readonly watch?: boolean;
  readonly json?: boolean;
}

const TASK = 'task/';
const LOOK_MS = 1_000;
const HORIZON_S_MOST = 60;
/** Of the nine deciles. */
const SHOWN = [0, 4, 8] as const;

export async function forecastLive(subject: string, flags: LiveForecastFlags): Promise<void> {
  const task = subject.startsWith(TASK) ? subject.slice(TASK.length) : undefined;
  if (task !== undefined && !isTaskName(task)) throw new DroverError('ERR_USAGE', `${task} is no task’s name`);
  const beyond = flags.horizons?.find((horizon) => horizon > HORIZON_S_MOST);
  if (beyond !== undefined)
    throw new DroverError('ERR_USAGE', `--horizons ${beyond}: a running fleet looks 1 to ${HORIZON_S_MOST} seconds ahead`);
  await withClient(flags, async (client) => {
    if (flags.watch !== true) return show(await ask(client, subject, task, flags), flags);
    const { asked, done } = interruption();
    while (!asked()) {
      const view = await ask(client, subject, task, flags);
      if (process.stdout.isTTY && flags.json !== true) process.stdout.write('\u001b[H\u001b[J');
      show(view, flags);
      await Promise.race([sleep(LOOK_MS), done]);
    }
  });
}

interface Told extends ForecastView {
  /** Of the ECU, for people. */
  readonly name: string;
}

async function ask(
  client: FleetClient,
  subject: string,
  task: string | undefined,
  { metric, horizons }: LiveForecastFlags,
): Promise<Told> {
  const { macNamed, queryFleet, queryForecast } = await import('../fleet/fleet-calls.ts');
  const fleet = await queryFleet(client);
  const mac = task === undefined ? macNamed(fleet, subject) : undefined;
  const view = await queryForecast(client, fleet, { mac, task, metrics: metric, horizonsS: horizons ?? [] });
  return { ...view, name: fleet.ecus.find((one) => one.mac === view.ecu)?.name ?? view.ecu ?? '' };
}

function show(view: Told, flags: LiveForecastFlags): void {
  process.stdout.write(flags.json === true ? `${JSON.stringify(view)}\n` : told(view));
}

function told({ name, task, failure, silentS, unmeasured, series, manager }: Told): string {
  const what = task === undefined ? stdoutColours.bold(name) : `${stdoutColours.bold(task)} on ${name}`;
  const nothing = unmeasured === undefined ? `last heard ${silentS} s ago` : `its ${unmeasured} is not measured`;
  const chance =
    failure === undefined
      ? stdoutColours.yellow(`degraded: nothing is known of when ${task === undefined ? 'it' : 'its ECU'} fails; ${nothing}`)
      : `${chanceText(failure.probability)} that ${task === undefined ? 'it' : 'its ECU'} fails within ${failure.horizonS} s${failure.probability >= 0.1 ? `, after about ${failure.inS.toFixed(0)} s` : ''}${doubts(failure)}`;
  const head = `${what}, as ${manager} foresees it: ${chance}\n`;
  if (series.length === 0) return `${head}it measures nothing that is forecast\n`;
  const rows = series.flatMap((one) => rowsOf(one));
  return `${head}\n${table(['SERIES', 'NOW', 'IN', '10 %', 'MEDIAN', '90 %', 'RESERVED', 'STATE'], rows)}`;
}

const doubts = ({ degraded = [] }: FailureForecast): string =>
  degraded.length === 0
    ? ''
    : stdoutColours.yellow(`, degraded: ${degraded.map(({ level, why }) => `${level} ${why}`).join(', ')}`);

const chanceText = (probability: number): string => {
  const text = `${(probability * 100).toFixed(probability < 0.01 ? 2 : 0)} %`;
  return probability >= 0.5
    ? stdoutColours.red(text)
    : probability >= 0.1
      ? stdoutColours.yellow(text)
      : stdoutColours.green(text);
};

function rowsOf({ metric, unit, now, values, degraded, horizons }: ForecastSeries): string[][] {
  const state =
    degraded === undefined ? `${values} s of history` : stdoutColours.yellow(`degraded: ${degraded} (${values} s of history)`);
  return horizons.map(({ horizonS, quantiles, booked }, at) => [
    at === 0 ? metric : '',
    at === 0 ? valueText(now, unit) : '',
    `${horizonS} s`,
    ...SHOWN.map((place) => valueText(quantiles[place], unit)),
    booked === undefined ? '' : valueText(booked, unit),
    at === 0 ? state : '',
  ]);
}

function valueText(value: number | undefined, unit: string): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  switch (unit) {
    case 'share':
    case 'cores':
      return `${(value * 100).toFixed(1)} %`;
    case 'B':
      return bytesText(Math.max(0, Math.round(value)));
    case 'µs':
      return `${Math.round(value)} µs`;
    default:
      return `${value.toFixed(1)} ${unit}`;
  }
}
