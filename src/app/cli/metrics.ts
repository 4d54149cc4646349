/** `drover metrics`: how each ECU is (load, heat, power, the way to the broker) and what its tasks take; now, as it comes, or as it was. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { METRICS } from '../../domain/metrics/kinds.ts';
import type { EcuDescription } from '../../domain/model/ecu.ts';
import type { Mac } from '../../domain/model/ids.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import type { HeardSample } from '../metrics/read-samples.ts';
import type { SampleObject } from '../metrics/sample-object.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stdoutColours } from './colours.ts';
import { withExamples } from './help.ts';
import { table } from './table.ts';
import { interruption, withClient } from './with-client.ts';

interface MetricsFlags extends BrokerFlags {
  readonly follow?: boolean;
  readonly history?: boolean;
  readonly ecu?: string;
  readonly json?: boolean;
}

export function registerMetrics(program: Command): void {
  const command = program
    .command('metrics')
    .description('show how the ECUs are: load, memory, heat, power, the way to the broker, and what each task takes')
    .option('--ecu <mac>', 'this ECU alone: its MAC or its name')
    .option('--follow', 'every sample as it comes, one line each, until Ctrl-C')
    .option('--history', 'every sample that the stream METRICS keeps, as CSV')
    .option('--json', 'one JSON object; with --follow and --history one a line');
  withExamples(withBrokerOptions(command), [
    { does: 'All ECUs, now', line: 'drover metrics' },
    { does: 'The heat of one, as it rises', line: `drover metrics --ecu ecu1 --follow --json | jq .temperatureCelsius` },
    { does: 'What was kept of it, as a file for other programs', line: 'drover metrics --ecu ecu1 --history > ecu1.csv' },
  ]).action(metrics);
}

type Known = ReadonlyMap<Mac, EcuDescription>;

async function metrics(flags: MetricsFlags): Promise<void> {
  if (flags.follow === true && flags.history === true)
    throw new DroverError('ERR_USAGE', 'give either --follow (what comes) or --history (what was)');
  const { knownEcus } = await import('../metrics/read-samples.ts');
  await withClient(flags, async (client) => {
    const known = await knownEcus(client);
    const mac = flags.ecu === undefined ? undefined : macOf(flags.ecu, known);
    if (flags.follow === true) await follow(client, { flags, known, mac });
    else if (flags.history === true) await history(client, { flags, known, mac });
    else await once(client, { flags, known, mac });
  });
}

function macOf(text: string, known: Known): Mac {
  const plain = text.replaceAll(':', '').toLowerCase();
  for (const { mac, name } of known.values()) if (name === text || mac === plain) return mac;
  const names = [...known.values()].map(({ name }) => name).sort();
  throw new DroverError(
    'ERR_NO_ECU',
    `there is no ECU ${text}; ${names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`}`,
  );
}

interface Asked {
  readonly flags: MetricsFlags;
  readonly known: Known;
  readonly mac: Mac | undefined;
}

const nameOf = (known: Known, mac: Mac): string => known.get(mac)?.name ?? mac;

async function once(client: FleetClient, { flags, known, mac }: Asked): Promise<void> {
  const [{ newestSamples }, { sampleObject }] = await Promise.all([
    import('../metrics/read-samples.ts'),
    import('../metrics/sample-object.ts'),
  ]);
  const newest = [...(await newestSamples(client)).values()]
    // Of an earlier start, or of one that is forgotten: it says nothing of now.
    .filter(({ sample }) => known.get(sample.mac)?.incarnation === sample.incarnation)
    .filter(({ sample }) => mac === undefined || sample.mac === mac);
  const nowUs = client.host.clock.wallUs();
  const ecus = newest.map(({ sample, atUs }) => ({
    ecu: nameOf(known, sample.mac),
    ageMs: Math.max(0, Math.round((nowUs - atUs) / 1000)),
    ...sampleObject(sample),
  }));
  const inOrder = new Intl.Collator('en', { numeric: true });
  ecus.sort((one, other) => inOrder.compare(one.ecu, other.ecu));
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ ecus })}\n`);
    return;
  }
  if (ecus.length === 0) {
    const looked = mac === undefined ? [...known.values()] : [known.get(mac)].filter((ecu) => ecu !== undefined);
    const silent = looked.filter(({ metrics: plan }) => plan === undefined || plan.keptEveryUs === 0).length;
    process.stdout.write(
      `nothing is kept of ${looked.length === 1 ? 'this ECU' : `these ${looked.length} ECUs`} yet${silent === 0 ? '' : `; ${silent} keep no samples (--metrics-every, --metrics-kept-every)`}\n`,
    );
    return;
  }
  const { metricText } = await import('../metrics/sample-object.ts');
  process.stdout.write(`${ecuTable(ecus, metricText)}${taskTable(ecus)}`);
}

type EcuRow = SampleObject & { readonly ecu: string; readonly ageMs: number };

function ecuTable(ecus: readonly EcuRow[], text: typeof import('../metrics/sample-object.ts').metricText): string {
  return table(
    ['ECU', 'MAC', 'KIND', 'LOAD', 'BY TASKS', 'MEMORY', 'HEAT', 'POWER', 'TO BROKER', 'AGE', 'SENSORS'],
    ecus.map((ecu) => [
      ecu.ecu,
      ecu.mac,
      ecu.kind,
      text(ecu.load, 'share'),
      text(ecu.metrics['tasks.load'], 'share'),
      text(ecu.memoryUsedBytes, 'B'),
      text(ecu.temperatureCelsius, '°C'),
      text(ecu.powerWatts, 'W'),
      text(ecu.metrics['network.roundTrip'], 'µs'),
      `${(ecu.ageMs / 1000).toFixed(1)} s`,
      [
        ...ecu.stuck.map((metric) => stdoutColours.yellow(`${metric} is stuck`)),
        ...ecu.refused.map((metric) => stdoutColours.red(`${metric} lies`)),
        ...ecu.missing.map((metric) => stdoutColours.yellow(`no ${metric}`)),
      ].join(', '),
    ]),
  );
}

function taskTable(ecus: readonly EcuRow[]): string {
  const rows = ecus.flatMap(({ ecu, tasks }) =>
    tasks.map((task) => [
      task.task,
      ecu,
      String(task.jobs),
      mean(task.executionUs, task.jobs),
      String(task.executionUsMax),
      mean(task.responseUs, task.responses),
      String(task.responseUsMax),
      task.misses === 0 ? '0' : stdoutColours.red(String(task.misses)),
      task.pages === 0 ? '' : `${task.dirtyPages}/${task.pages}`,
      String(task.inputsBehind),
    ]),
  );
  if (rows.length === 0) return '';
  const head = ['TASK', 'ECU', 'JOBS', 'TAKES µs', 'WORST', 'ANSWERS µs', 'WORST', 'MISSES', 'DIRTY', 'BEHIND'];
  return `\n${table(head, rows)}`;
}

const mean = (sum: number, count: number): string => (count === 0 ? '' : String(Math.round(sum / count)));

async function follow(client: FleetClient, { flags, known, mac }: Asked): Promise<void> {
  const [{ followSamples }, { sampleObject, metricText }] = await Promise.all([
    import('../metrics/read-samples.ts'),
    import('../metrics/sample-object.ts'),
  ]);
  const { done } = interruption();
  const say = ({ sample }: HeardSample): void => {
    const ecu = { ecu: nameOf(known, sample.mac), ...sampleObject(sample) };
    if (flags.json === true) {
      process.stdout.write(`${JSON.stringify(ecu)}\n`);
      return;
    }
    const measured = METRICS.flatMap(({ name, unit }) => {
      const value = ecu.metrics[name];
      return value === undefined ? [] : [`${stdoutColours.dim(name)} ${metricText(value, unit)}`];
    });
    process.stdout.write(`${(sample.atUs / 1e6).toFixed(2)} s  ${ecu.ecu}  ${measured.join('  ')}\n`);
  };
  const stop = followSamples(client, mac, say);
  await done;
  stop();
}

async function history(client: FleetClient, { flags, known, mac }: Asked): Promise<void> {
  const [{ readKept }, { sampleObject }] = await Promise.all([
    import('../metrics/read-samples.ts'),
    import('../metrics/sample-object.ts'),
  ]);
  const names = METRICS.map(({ name }) => name);
  if (flags.json !== true) process.stdout.write(`${['time', 'ecu', 'incarnation', ...names].join(',')}\n`);
  await readKept(client, { from: 1, mac }, ({ sample, atUs }) => {
    const ecu = { time: new Date(atUs / 1000).toISOString(), ecu: nameOf(known, sample.mac), ...sampleObject(sample) };
    if (flags.json === true) process.stdout.write(`${JSON.stringify(ecu)}\n`);
    else
      process.stdout.write(
        `${[ecu.time, ecu.ecu, ecu.incarnation, ...names.map((name) => ecu.metrics[name] ?? '')].join(',')}\n`,
      );
  });
}
