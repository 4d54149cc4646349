/** `drover analyze`: does a task set meet its deadlines, by how much, and if not, which task is late and why. */
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { SimulatedPlatform } from '../../domain/realtime/simulation/platform.ts';
import type { AnalysisReport } from '../realtime/analysis.ts';
import { ONE_CORE, POLICIES, type Policy, policyNamed } from '../realtime/policies.ts';
import { EXIT_FAILED, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';
import { wholeNumber } from './numbers.ts';

interface AnalyzeFlags {
  readonly policy?: Policy;
  readonly cores?: number;
  readonly sliceUs?: number;
  readonly overheads?: string;
  readonly jsonl?: boolean;
  readonly json?: boolean;
}

export function registerAnalyze(program: Command): void {
  const command = program
    .command('analyze')
    .description('test whether a task set meets its deadlines: responses, slack, and what still fits')
    .argument('[files...]', 'a task-set file (YAML), or task files or folders whose tasks share one ECU')
    .addOption(
      new Option(
        '--policy <name>',
        'np: non-pre-emptive, g: global, rr: round robin (default: what the file says, else fp, global)',
      ).choices(POLICIES),
    )
    .option('--cores <m>', 'cores, for the policies of many (default: what the file says, else 1)', wholeNumber(1, 1_024))
    .option('--slice-us <n>', 'round robin: longest turn of a task in µs (default: 1000)', wholeNumber(1, 1_000_000_000))
    .option('--overheads <file>', 'checkpoints, faults, migrations and switches to charge (YAML)')
    .option('--jsonl', 'read one set a line from standard input, write one verdict a line')
    .option('--json', 'print one JSON object')
    .action(analyze);
  withExamples(command, [
    { does: 'Four tasks of an engine controller', line: 'drover analyze examples/task-sets/engine.yaml' },
    {
      does: 'The same with checkpoints, faults and moves',
      line: 'drover analyze examples/task-sets/engine.yaml --overheads examples/task-sets/overheads.yaml',
    },
    {
      does: 'Do these tasks fit one ECU of two cores?',
      line: 'drover analyze examples/tasks/kalman examples/tasks/pid --policy partitioned-fp --cores 2',
    },
    {
      does: 'A set that says itself what it runs on',
      line: 'drover analyze examples/task-sets/drive.yaml',
    },
    { does: 'Thousands of sets, for programs', line: 'drover analyze --policy edf --jsonl < sets.jsonl' },
  ]).addHelpText(
    'after',
    `
Exit code: 0 when every deadline is proven to hold, 1 when not (with --jsonl: 0, the verdicts are in the lines).

With --jsonl all times are whole µs and priority 1 is the most urgent; in files the larger priority is. A line in:
  {"id": "a", "tasks": [{"wcetUs": 1, "periodUs": 4, "deadlineUs": 4, "priority": 1, "jitterUs": 0}]}
docs/ANALYSIS.md says which test is behind each policy, and what its no means.`,
  );
}

async function analyze(files: readonly string[], flags: AnalyzeFlags): Promise<void> {
  if (flags.cores !== undefined) refuseManyCores(flags.policy, flags.cores);
  if (flags.jsonl === true) return analyzeLines(files, flags);
  if (files.length === 0)
    throw new DroverError('ERR_USAGE', 'name a task-set file, or give sets with --jsonl; drover analyze --help has examples');
  const [{ loadTasks }, { reportOn }, { loadOverheads }, { PLATFORM_DEFAULTS }] = await Promise.all([
    import('../realtime/load-tasks.ts'),
    import('../realtime/analysis.ts'),
    import('../realtime/task-set-file.ts'),
    import('../../domain/realtime/simulation/platform.ts'),
  ]);
  const set = await loadTasks(files);
  const platform: SimulatedPlatform = {
    ...PLATFORM_DEFAULTS,
    ...set.platform,
    ...(flags.cores === undefined ? {} : { cores: flags.cores }),
    ...(flags.policy === undefined ? {} : policyNamed(flags.policy)),
    ...(flags.sliceUs === undefined ? {} : { sliceUs: flags.sliceUs }),
  };
  refuseManyCores(flags.policy, platform.cores);
  const overheads = flags.overheads === undefined ? set.overheads : await loadOverheads(flags.overheads);
  const report = reportOn({ tasks: set.tasks, platform, overheads });
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else process.stdout.write(await told(report));
  if (report.schedulable !== true) throw new QuietExit(EXIT_FAILED);
}

/** With many cores `edf` could mean two different tests: to guess would be to answer another question. */
function refuseManyCores(policy: Policy | undefined, cores: number): void {
  if (policy === undefined || !ONE_CORE.includes(policy) || cores === 1) return;
  throw new DroverError(
    'ERR_USAGE',
    `--policy ${policy} is for one core; for ${cores} say gedf, gfp or partitioned-…, or give --cores 1`,
  );
}

async function told(report: AnalysisReport): Promise<string> {
  const { table } = await import('./table.ts');
  const { policy, cores, tasks, utilisation, bounds, others } = report;
  const some = (value: number | null): string => (value === null ? '-' : String(value));
  const many = cores > 1;
  const rows = tasks.map((task) => [
    task.name,
    ...(many ? [some(task.core)] : []),
    ...[task.wcetUs, task.periodUs, task.deadlineUs].map(String),
    ...[task.responseUs, task.slackUs, task.largestWcetUs].map(some),
  ]);
  const head = [
    'task (times in µs)',
    ...(many ? ['core'] : []),
    'wcet',
    'period',
    'deadline',
    'response',
    'slack',
    'largest wcet',
  ];
  const word = (schedulable: boolean | null): string =>
    schedulable === true ? 'schedulable' : schedulable === false ? 'not schedulable' : 'not proven';
  const inBound = (within: boolean | null): string => (within === null ? 'says nothing' : within ? 'within' : 'above');
  const lines = [
    table(head, rows),
    `${word(report.schedulable)} under ${policy} on ${cores} ${many ? 'cores' : 'core'}${report.reason === null ? '' : `: ${report.reason}`}`,
    `test: ${report.test}`,
    `utilisation ${utilisation.toFixed(4)}; bound of Liu & Layland: ${inBound(bounds.liuLayland)}, hyperbolic: ${inBound(bounds.hyperbolic)}`,
  ];
  if (report.smallestCheckpointIntervalUs !== undefined) {
    lines.push(`smallest checkpoint interval that fits: ${some(report.smallestCheckpointIntervalUs)} µs of execution`);
  }
  for (const other of others) {
    lines.push(
      `${`under ${other.policy}`.padEnd(22)} ${word(other.schedulable)}${other.reason === null ? '' : `: ${other.reason}`}`,
    );
  }
  lines.push(...report.notes.map((note) => `note: ${note}`));
  return `${lines.join('\n')}\n`;
}

async function analyzeLines(files: readonly string[], flags: AnalyzeFlags): Promise<void> {
  if (files.length > 0) throw new DroverError('ERR_USAGE', '--jsonl reads standard input: give the file with <');
  if (process.stdin.isTTY === true)
    throw new DroverError('ERR_USAGE', '--jsonl reads sets from standard input: give a file with <');
  const [{ unreadLine, verdictOfLine }, { loadOverheads }, { standardInputLines }] = await Promise.all([
    import('../realtime/analysis-lines.ts'),
    import('../realtime/task-set-file.ts'),
    import('../realtime/lines.ts'),
  ]);
  const { policy = 'fp', cores, sliceUs } = flags;
  const overheads = flags.overheads === undefined ? undefined : await loadOverheads(flags.overheads);
  let sets = 0;
  for await (const line of standardInputLines()) {
    if (line.kind === 'line' && line.text.trim() === '') continue;
    const verdict =
      line.kind === 'line'
        ? verdictOfLine(line.text, { policy, cores, sliceUs, overheads })
        : unreadLine(policy, line.sentence);
    if (!process.stdout.write(`${JSON.stringify(verdict)}\n`))
      await new Promise((resolve) => process.stdout.once('drain', resolve));
    if (++sets % 10_000 === 0 && process.stderr.isTTY === true) process.stderr.write(`\r${sets} sets`);
  }
}
