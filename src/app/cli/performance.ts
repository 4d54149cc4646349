/** `drover performance`: how well is it foretold what a task takes on a resource, from the jobs that were measured before. */
import type { Command } from 'commander';
import type { PerformanceJudgement } from '../../domain/performance/judge-performance.ts';
import { withExamples } from './help.ts';

export function registerPerformance(program: Command): void {
  const performance = program
    .command('performance')
    .description('what tasks take on resources, also where they never ran: judged');
  const evaluate = performance
    .command('evaluate')
    .description('foretell each job of a file before learning from it; errors apart by what there was to go by')
    .requiredOption('--file <file>', 'CSV with a head line, one row a job, in the order in which they ran')
    .requiredOption('--task <column>', 'which task')
    .requiredOption('--execution <column>', 'its execution time, in any unit')
    .option('--family <column>', 'tasks of the same code (default: each its own)')
    .option('--resource <column>', 'where it ran (default: one resource)')
    .option('--kind <column>', 'of the resource: cpu, gpu, … (default: cpu)')
    .option('--contention <column>', 'competition for caches and memory, 0 … 1')
    .option('--load <column>', 'load by others, 0 … 1')
    .option('--response <column>', 'its response time, in the unit of the execution time')
    .option('--size <column>', 'how much work it was')
    .option('--json', 'print one JSON object')
    .action(evaluateFile);
  const example = {
    does: 'Programs with and without a co-runner',
    line: 'drover performance evaluate --file jobs.csv --task node --family program --execution ticks --contention corunner',
  };
  withExamples(evaluate, [
    example,
    {
      does: 'A fleet of several kinds of resources, with response times',
      line: 'drover performance evaluate --file jobs.csv --task task --resource ecu --kind kind --load load --execution us --response response --json',
    },
  ]);
  withExamples(performance, [example]);
}

interface EvaluateFlags {
  readonly file: string;
  readonly task: string;
  readonly execution: string;
  readonly json?: boolean;
}

async function evaluateFile({ file, json, ...columns }: EvaluateFlags): Promise<void> {
  const [{ readMeasuredJobs }, { judgePerformance }] = await Promise.all([
    import('../performance/measured-jobs.ts'),
    import('../../domain/performance/judge-performance.ts'),
  ]);
  const jobs = await readMeasuredJobs(file, columns);
  const bases = judgePerformance(jobs);
  if (json === true) process.stdout.write(`${JSON.stringify({ file, jobs: jobs.length, bases })}\n`);
  else process.stdout.write(await told(bases));
}

const WORDS: Readonly<Record<PerformanceJudgement['basis'], string>> = {
  measured: 'the task on that resource',
  kind: 'the task, on that kind',
  task: 'the task on other kinds',
  resource: 'other tasks there',
  nothing: 'nothing of either',
};

async function told(bases: readonly PerformanceJudgement[]): Promise<string> {
  const { table } = await import('./table.ts');
  const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const rows = bases.map((one) => [
    WORDS[one.basis],
    String(one.n),
    ...[one.medianError, one.medianErrorOfMean, one.coverage80, one.saysError].map(share),
  ]);
  return `${table(['it had to go by', 'jobs', 'median error', "of the task's mean", 'in the 80 % band', 'says it errs by'], rows)}\n`;
}
