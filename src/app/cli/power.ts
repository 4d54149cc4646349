/** `drover power`: which ECUs sleep and what that has saved; and a simulated day with sleep against one without. */
import type { Command } from 'commander';
import type { PowerReport } from '../power/power-report.ts';
import type { DayReport } from '../power/simulated-day.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';
import { withClient } from './with-client.ts';

export function registerPower(program: Command): void {
  const power = program.command('power').description('which ECUs sleep, and what that saves');
  const report = power
    .command('report')
    .description('what the fleet has saved against one in which every ECU idles, by the records of its ECUs')
    .option('--json', 'print one JSON object');
  const example = { does: 'Which ECUs sleep, and what that has saved', line: 'drover power report' };
  withExamples(withBrokerOptions(report), [
    example,
    { does: 'The saved share alone', line: 'drover power report --json | jq .savedShare' },
  ]).action(printReport);
  const day = power
    .command('day')
    .description('play a day of a simulated fleet twice, once with sleep and once without, and compare what it takes')
    .option('--hours <n>', 'how long the day is', wholeNumber(1, 24), 24)
    .option('--ecus <n>', 'how many ECUs', wholeNumber(2, 32), 4)
    .option('--tasks <n>', 'how many tasks; a third runs all day, the others come and go', wholeNumber(1, 64), 6)
    .option('--seed <n>', 'what is drawn: the same seed, the same day', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--json', 'print one JSON object')
    .action(playDay);
  const dayExample = { does: 'A day of four ECUs, squeezed into two hours', line: 'drover power day' };
  withExamples(day, [
    dayExample,
    { does: 'A whole one of more', line: 'drover power day --hours 24 --ecus 8 --tasks 12 --json' },
  ]);
  withExamples(power, [example, dayExample]);
}

async function printReport(flags: BrokerFlags & { readonly json?: boolean }): Promise<void> {
  const [{ queryFleet }, { powerReport }] = await Promise.all([
    import('../fleet/fleet-calls.ts'),
    import('../power/power-report.ts'),
  ]);
  await withClient(flags, async (client) => {
    const report = powerReport(await queryFleet(client), client.host.clock.wallUs());
    process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : await reportTold(report));
  });
}

async function reportTold({ ecus, asleep, savedJoules, idleJoules, savedShare }: PowerReport): Promise<string> {
  if (ecus.every(({ state }) => state === undefined))
    return 'no ECU is managed: start with --power on, and say what ECUs take (power in the fleet file, docs/POWER.md)\n';
  const { table } = await import('./table.ts');
  const rows = ecus.map((ecu) => [
    ecu.name,
    ecu.state ?? 'always awake',
    `${ecu.asleepS.toFixed(0)} of ${ecu.managedS.toFixed(0)} s`,
    String(ecu.sleeps),
    `${ecu.savedJoules.toFixed(0)} J`,
    ecu.reason ?? '',
  ]);
  const head = table(['ECU', 'STATE', 'ASLEEP', 'TIMES', 'SAVED', 'WHY'], rows);
  return `${head}${asleep} asleep; saved ${savedJoules.toFixed(0)} J of the ${idleJoules.toFixed(0)} J that idling would have taken (${(100 * savedShare).toFixed(1)} %)\n`;
}

async function playDay(flags: {
  readonly hours: number;
  readonly ecus: number;
  readonly tasks: number;
  readonly seed: number;
  readonly json?: boolean;
}): Promise<void> {
  const [{ compareDays }, { progressLine }] = await Promise.all([import('../power/simulated-day.ts'), import('./progress.ts')]);
  const { json, ...options } = flags;
  const tell = progressLine(2 * options.hours, 'hours played');
  const report = await compareDays(options, tell);
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : dayTold(report));
}

const wh = (joules: number): string => `${(joules / 3600).toFixed(1)} Wh`;

const dayTold = ({ hours, ecus, tasks, withSleep, without, savedShare }: DayReport): string =>
  `${hours} h of ${ecus} ECUs and ${tasks} tasks: ${wh(withSleep.joules)} with sleep, ${wh(without.joules)} without: ${(100 * savedShare).toFixed(1)} % less\n` +
  `asleep ${(100 * withSleep.asleepShare).toFixed(1)} % of all ECU time in ${withSleep.sleeps} sleeps; ${withSleep.moves} moves; ` +
  `deadline misses ${withSleep.misses} with, ${without.misses} without; no invariant was broken\n`;
