/** `drover schedule`: what a task set would do on some cores, simulated: responses, preemptions, misses, and a picture of it. */
import { once } from 'node:events';
import type { Command } from 'commander';
import { Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { SimulatedPlatform } from '../../domain/realtime/simulation/platform.ts';
import { POLICIES, policyNamed } from '../realtime/policies.ts';
import type { ScheduleReport, ScheduleRequest } from '../realtime/schedule.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { durationUs, wholeNumber } from './numbers.ts';

const [CORES_MOST, DURATION_MOST] = [256, 2 ** 41];
/** More than anyone can tell apart in a picture. */
const PICTURE = { segmentsMax: 20_000, jobsMax: 20_000 };

interface ScheduleFlags {
  readonly for?: number;
  readonly durationUs?: number;
  readonly cores?: number;
  readonly scheduler?: SimulatedPlatform['scheduler'];
  readonly policy?: string;
  readonly global?: true;
  readonly partitioned?: true;
  readonly preemptive: boolean;
  readonly slice?: number;
  readonly seed: number;
  readonly gantt?: string;
  readonly json?: boolean;
  readonly jsonl?: boolean;
}

export function registerSchedule(program: Command): void {
  const command = program
    .command('schedule')
    .description('simulate a task set on one or more cores: responses, preemptions, deadlines missed, and a picture')
    .argument('[files...]', 'a task-set file (YAML), or task files or folders whose tasks share one ECU')
    .option('--for <time>', 'how long, e.g. 200ms (default: 1s)', durationUs(1, DURATION_MOST))
    .option('--duration-us <n>', 'the same in µs', wholeNumber(1, DURATION_MOST))
    .option('--cores <n>', 'cores (default: what the file says, or 1)', wholeNumber(1, CORES_MOST))
    .addOption(new Option('--scheduler <kind>', 'fixed priorities, deadlines or slices in turn').choices(['fp', 'edf', 'rr']))
    .addOption(
      new Option('--policy <name>', 'scheduler, placement and preemption in one word')
        .choices(POLICIES)
        .conflicts(['scheduler']),
    )
    .option('--global', 'jobs run on any core (the default)')
    .addOption(new Option('--partitioned', 'every task has one core: `core` in the file, or packed').conflicts('global'))
    .option('--no-preemptive', 'a job that runs is not interrupted')
    .option('--slice <time>', 'round robin: how long a job runs while others wait (default: 1ms)', durationUs(1, DURATION_MOST))
    .option('--seed <n>', 'of execution times and jitter', wholeNumber(0, 4_294_967_295), 1)
    .option('--gantt <file>', 'draw what ran when as SVG into this file')
    .option('--json', 'print one JSON object')
    .addOption(new Option('--jsonl', 'a task set a line in, its statistics a line out').conflicts(['gantt', 'json']))
    .action(scheduleAction);
  withExamples(command, [
    {
      does: 'A fifth of a second on two cores',
      line: 'drover schedule examples/task-sets/drive.yaml --for 200ms --cores 2 --scheduler edf',
    },
    {
      does: 'A picture of the first 100 ms',
      line: 'drover schedule examples/task-sets/drive.yaml --for 100ms --gantt schedule.svg',
    },
    {
      does: 'Many sets, one a line, priority 1 the most urgent',
      line: 'drover schedule --policy gedf --cores 4 --duration-us 1000000 --jsonl < sets.jsonl',
    },
  ]);
}

async function scheduleAction(files: readonly string[], flags: ScheduleFlags): Promise<void> {
  const [file] = files;
  if (flags.jsonl === true) return scheduleLines(flags, file);
  if (file === undefined)
    throw new DroverError('ERR_USAGE', 'name a task-set file, or give --jsonl and task sets on standard input');
  const [{ loadTasks }, { reportOf, schedule }, { PLATFORM_DEFAULTS }, { simulationNotes }] = await Promise.all([
    import('../realtime/load-tasks.ts'),
    import('../realtime/schedule.ts'),
    import('../../domain/realtime/simulation/platform.ts'),
    import('../realtime/unaccounted.ts'),
  ]);
  const set = await loadTasks(files);
  const platform: SimulatedPlatform = {
    ...PLATFORM_DEFAULTS,
    ...set.platform,
    ...(flags.cores === undefined ? {} : { cores: flags.cores }),
    ...(flags.scheduler === undefined ? {} : { scheduler: flags.scheduler }),
    ...(flags.policy === undefined ? {} : policyNamed(flags.policy)),
    ...(flags.global === true ? { placement: 'global' } : flags.partitioned === true ? { placement: 'partitioned' } : {}),
    ...(flags.preemptive ? {} : { preemptive: false }),
    ...(flags.slice === undefined ? {} : { sliceUs: flags.slice }),
  };
  const request: ScheduleRequest = {
    tasks: set.tasks,
    platform,
    durationUs: flags.for ?? flags.durationUs ?? 1_000_000,
    seed: flags.seed,
    ...(flags.gantt === undefined ? {} : { trace: PICTURE }),
  };
  const simulation = schedule(request);
  const report = reportOf(request, simulation);
  if (flags.gantt !== undefined) {
    const [{ pictureOf }, { writeFile }, { basename, extname }] = await Promise.all([
      import('../realtime/schedule-picture.ts'),
      import('node:fs/promises'),
      import('node:path'),
    ]);
    const picture = pictureOf(request, simulation, basename(file, extname(file))) ?? '';
    await writeFile(flags.gantt, picture).catch((cause: unknown) => {
      throw new DroverError('ERR_USAGE', `--gantt ${flags.gantt}: the file cannot be written`, { cause });
    });
  }
  const notes = simulationNotes({ tasks: set.tasks, platform, overheads: set.overheads });
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ platform, seed: flags.seed, ...report, notes })}\n`);
  else process.stdout.write(`${await told(request, report)}${notes.map((note) => `note: ${note}\n`).join('')}`);
}

async function scheduleLines(flags: ScheduleFlags, file: string | undefined): Promise<void> {
  if (file !== undefined) throw new DroverError('ERR_USAGE', `--jsonl reads standard input: give it < ${file}`);
  const [{ answerLine, unreadLine }, { standardInputLines }] = await Promise.all([
    import('../realtime/schedule-lines.ts'),
    import('../realtime/lines.ts'),
  ]);
  const scheduler = flags.scheduler ?? 'fp';
  const placement = flags.partitioned === true ? 'partitioned-' : '';
  const options = {
    policy: flags.policy ?? `${placement}${flags.preemptive ? '' : 'np'}${scheduler}`,
    cores: flags.cores,
    durationUs: flags.for ?? flags.durationUs,
    sliceUs: flags.slice,
    seed: flags.seed,
  };
  let refused = false;
  for await (const line of standardInputLines()) {
    if (line.kind === 'line' && line.text.trim() === '') continue;
    const answer = line.kind === 'line' ? answerLine(line.text, options) : unreadLine(options.policy, line.sentence);
    refused ||= answer.reason !== null;
    if (!process.stdout.write(`${JSON.stringify(answer)}\n`)) await once(process.stdout, 'drain');
  }
  if (refused) throw new QuietExit(EXIT_FAILED);
}

async function told({ platform, durationUs: lastsUs, tasks }: ScheduleRequest, report: ScheduleReport): Promise<string> {
  const [{ table }, { platformWords, shortUs }] = await Promise.all([
    import('./table.ts'),
    import('../realtime/schedule-picture.ts'),
  ]);
  const head = ['task', 'jobs', 'done', 'least', 'mean', 'most', 'deadline', 'preempted', 'migrated', 'missed'];
  const rows = report.tasks.map((task, at) => [
    task.name,
    String(task.released),
    String(task.completed),
    task.minResponseUs === null ? '-' : String(task.minResponseUs),
    task.completed === 0 ? '-' : String(Math.round(task.sumResponseUs / task.completed)),
    task.maxResponseUs === null ? '-' : String(task.maxResponseUs),
    String(tasks[at]?.deadlineUs ?? ''),
    String(task.preemptions),
    String(task.migrations),
    String(task.missedCompleted + task.missedPending),
  ]);
  const missed = report.missedCompleted + report.missedPending;
  const busy = report.coreBusyUs.map((us) => `${Math.round((us * 1000) / lastsUs) / 10} %`).join(', ');
  return [
    `${platformWords(platform)}, ${shortUs(lastsUs)}; responses in µs from the release`,
    '',
    table(head, rows),
    `cores busy: ${busy}`,
    missed === 0
      ? 'no deadline was missed here; that none ever is, only an analysis can say'
      : `${missed} of ${report.jobs} deadlines were missed${report.firstMiss === null ? '' : `, the first of ${report.firstMiss.task} at ${shortUs(report.firstMiss.deadlineUs)}`}`,
    '',
  ].join('\n');
}
