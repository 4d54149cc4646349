/** `drover feed`: a file's rows, or this machine's own metrics, as inputs of a task at a rate. */
import type { Command } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type BrokerFlags, withBrokerOptions } from './broker-options.ts';
import { stderrColours } from './colours.ts';
import { withExamples } from './help.ts';
import { collect } from './numbers.ts';
import { interruption, withClient } from './with-client.ts';

interface FeedFlags extends BrokerFlags {
  readonly file?: string;
  readonly liveMetrics?: boolean;
  readonly rate: number;
  readonly column: readonly string[];
  readonly loop?: boolean;
  readonly json?: boolean;
}

const RATE = 10;
/** A feed that was held up makes up at most this much of its schedule at once. */
const MADE_UP_US_MAX = 1_000_000;
const PROGRESS_US = 1_000_000;

export function registerFeed(program: Command): void {
  const command = program
    .command('feed')
    .argument('<task>', 'the task')
    .argument('[file]', 'a .csv or .jsonl file: one input a row')
    .description("append inputs to a task: a file's rows, or this machine's own metrics")
    .option('--file <file>', 'the same as the argument')
    .option('--live-metrics', "this machine's core loads, memory and temperature, until Ctrl-C")
    .option('--rate <n/s>', 'inputs a second, e.g. 50 or 50/s', rate, RATE)
    .option('--column <name>', 'only this CSV column (by its head, or its position from 1); may be repeated', collect, [])
    .option('--loop', 'begin again at the end of the file')
    .option('--json', 'print one JSON object at the end');
  withExamples(withBrokerOptions(command), [
    { does: 'A file, ten rows a second', line: 'drover feed kalman metrics.csv --rate 10/s' },
    {
      does: 'Two columns of it, for ever',
      line: 'drover feed kalman --file metrics.csv --column cpu --column temperature --loop',
    },
    { does: "This machine's own load", line: 'drover feed kalman --live-metrics' },
  ]).action(feed);
}

function rate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text);
  const value = Number(match?.[1]);
  if (value > 0 && value <= 100_000) return value;
  throw new DroverError('ERR_USAGE', `--rate ${text} is no rate: write e.g. 50/s`);
}

async function feed(task: string, argument: string | undefined, flags: FeedFlags): Promise<void> {
  const file = argument ?? flags.file;
  if ((file === undefined) === (flags.liveMetrics !== true))
    throw new DroverError('ERR_USAGE', 'give either a file or --live-metrics');
  const { queryFleet } = await import('../fleet/fleet-calls.ts');
  const { InputFeed } = await import('../feed/input-feed.ts');
  const { pause } = await import('../../../actors/host.ts');
  await withClient(flags, async (client) => {
    const { tasks } = await queryFleet(client);
    if (!tasks.some((each) => each.task === task && each.state !== 'removed'))
      throw new DroverError('ERR_NO_TASK', `there is no task ${task}: deploy it first`);
    const { clock } = client.host;
    const { asked, done } = interruption();
    const input = new InputFeed(client.host, task);
    const periodUs = 1_000_000 / flags.rate;
    let count = 0;
    let last = 0;
    let dueUs = clock.monotonicUs();
    let shownUs = dueUs;
    for await (const payload of payloads(file, flags)) {
      while (!asked() && clock.monotonicUs() < dueUs) await Promise.race([pause(clock, dueUs - clock.monotonicUs()), done]);
      if (asked()) break;
      last = await input.append(payload);
      count++;
      dueUs = Math.max(dueUs + periodUs, clock.monotonicUs() - MADE_UP_US_MAX);
      if (process.stderr.isTTY && clock.monotonicUs() - shownUs > PROGRESS_US) {
        shownUs = clock.monotonicUs();
        process.stderr.write(`\r${stderrColours.dim(`${count} inputs`)}`);
      }
    }
    if (process.stderr.isTTY) process.stderr.write('\r');
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ task, inputs: count, lastNumber: last })}\n`);
    else process.stderr.write(`${count} inputs, the last is number ${last}\n`);
  });
}

async function* payloads(file: string | undefined, flags: FeedFlags): AsyncGenerator<Uint8Array> {
  if (file === undefined) {
    const { liveMetrics } = await import('../feed/live-metrics.ts');
    yield* liveMetrics();
    return;
  }
  const { rowsOf } = await import('../feed/rows.ts');
  do {
    let rows = 0;
    for await (const row of rowsOf(file, { columns: flags.column })) {
      rows++;
      yield row;
    }
    if (rows === 0) throw new DroverError('ERR_USAGE', `${file} holds no rows`);
  } while (flags.loop === true);
}
