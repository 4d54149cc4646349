/** The files of `drover task new NAME --runtime worker`: a TypeScript class, the types it is written against, its task file. */

export const workerFiles = (name: string): Readonly<Record<string, string>> => ({
  'index.ts': indexText(name),
  'task.yaml': taskText(name),
  'README.md': readmeText(name),
  'tsconfig.json': tsconfigText,
});

const indexText = (name: string): string => `/**
 * ${name}: counts ticks, and adds what it is fed.
 *
 * What \`serialize\` gives is the state: drover checkpoints it between two jobs, and gives it to \`deserialize\` of a new object
 * after a failure or a move. There is no clock and no randomness here; time is the tick number, and whatever else is needed
 * comes in as data.
 */
import type { Input, Job, Tick, WorkerTask } from './drover.ts';

export default class Task implements WorkerTask<{ readonly count: number }> {
  private count = 0;

  /** One job: one input in, any number of outputs out. \`skipped\` ticks fell due while the task was down. */
  onTick(_tick: Tick, job: Job): void {
    this.count += 1;
    job.output(0, String(this.count));
  }

  onInput(input: Input, job: Job): void {
    const value = Number(input.text());
    if (Number.isInteger(value)) this.count += value;
    else job.log(2, \`not a number, ignored: \${input.text()}\`);
    job.output(0, String(this.count));
  }

  serialize(): { readonly count: number } {
    return { count: this.count };
  }

  deserialize({ count }: { readonly count: number }): void {
    this.count = count;
  }
}
`;

const taskText = (
  name: string,
): string => `# What drover has to know of the task; every field is described in drover's docs/TASKS.md.
name: ${name}
runtime: worker     # a TypeScript class that serialises itself
module: index.ts
period: 100 ms      # a tick this often; leave it out for a task that runs on data alone
wcet: 1 ms          # the longest a job takes, measured and rounded up
deadline: 100 ms    # a job has to be done this long after its release
priority: 10        # larger is more urgent
criticality: QM     # QM, A, B, C or D: D is given up last
memory: 1 MiB       # the most its state may ever be
checkpoint:
  interval: 100 ms  # at least this long between two checkpoints
`;

const readmeText = (name: string): string => `# ${name}

| | |
|---|---|
| tick | adds 1 |
| data | a whole number as text is added |
| output, channel 0 | the count as text |

    drover task deploy .         # bundles it, checks it, and starts it in the fleet
    drover feed ${name} numbers.csv
    drover task show ${name}

\`drover.ts\` holds the types a task is written against; it is yours to read and change.
`;

const tsconfigText = `{
  "compilerOptions": {
    "target": "ES2023",
    "lib": ["ES2023"],
    "types": [],
    "module": "ESNext",
    "moduleResolution": "bundler",
    "strict": true,
    "noEmit": true,
    "allowImportingTsExtensions": true,
    "erasableSyntaxOnly": true
  },
  "include": ["./*.ts"]
}
`;
