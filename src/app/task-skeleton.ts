/**
 * `drover task new NAME`: a folder a user can start from. It holds a copy of the SDK, so that it builds anywhere, with
 * `npx asc` as with `drover task deploy`.
 */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { isTaskName } from '../domain/model/ids.ts';
import { projectRoot } from './project-root.ts';
import { workerFiles } from './task-skeleton-worker.ts';

/** Makes the folder `directory` and answers with the files in it. Never writes over anything. */
export async function createTaskSkeleton(
  directory: string,
  name: string,
  runtime: 'wasm' | 'worker' = 'wasm',
): Promise<string[]> {
  if (!isTaskName(name)) {
    throw new DroverError(
      'ERR_SPEC_INVALID',
      `name: '${name}' is no task name; use lower-case letters, digits and inner hyphens, at most 63 characters, e.g. my-task`,
    );
  }
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) {
    throw new DroverError('ERR_USAGE', `${directory} is not empty; give a folder that does not exist yet`);
  }
  const sdk = runtime === 'worker' ? 'worker.ts' : 'drover.ts';
  await copyFile(join(projectRoot(), 'examples', 'sdk', sdk), join(directory, 'drover.ts'));
  const files = runtime === 'worker' ? workerFiles(name) : wasmFiles(name);
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text, { flag: 'wx' });
  return ['drover.ts', ...Object.keys(files)].map((file) => join(directory, file));
}

const wasmFiles = (name: string): Readonly<Record<string, string>> => ({
  'index.ts': indexText(name),
  'task.yaml': taskText(name),
  'README.md': readmeText(name),
  'tsconfig.json': tsconfigText,
});

const indexText = (name: string): string => `/**
 * ${name}: counts ticks, and adds what it is fed.
 *
 * Everything in memory is state: drover checkpoints it between two jobs, restores it after a failure and moves it. There is
 * no clock and no randomness here; time is the tick number, and whatever else is needed comes in as data.
 */
import { inputText, isTick, log, outputText, WARN } from "./drover";
export { drover_input } from "./drover";

let count: i64 = 0;

/** One job: one input in, any number of outputs out. \`skipped\` ticks fell due while the task was down. */
export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind)) {
    count += 1;
  } else {
    const text = inputText(pointer, byteLength).trim();
    const value = I64.parseInt(text);
    if (value == 0 && text != "0") log(WARN, "not a number, ignored: " + text);
    count += value;
  }
  outputText(0, count.toString());
}
`;

const taskText = (
  name: string,
): string => `# What drover has to know of the task; every field is described in drover's docs/TASKS.md.
name: ${name}
module: index.ts
period: 100 ms      # a tick this often; leave it out for a task that runs on data alone
wcet: 500 us        # the longest a job takes, measured and rounded up
deadline: 100 ms    # a job has to be done this long after its release
priority: 10        # larger is more urgent
criticality: QM     # QM, A, B, C or D: D is given up last
memory: 1 MiB       # the most it may ever use
fuel: 1000000       # loop iterations and calls one job may use
checkpoint:
  interval: 100 ms  # at least this long between two checkpoints
`;

const readmeText = (name: string): string => `# ${name}

| | |
|---|---|
| tick | adds 1 |
| data | a whole number as text is added |
| output, channel 0 | the count as text |

    drover task deploy .         # compiles it when needed, checks it, and starts it in the fleet
    drover feed ${name} numbers.csv
    drover task show ${name}

By hand: \`npx asc index.ts --outFile build/${name}.wasm -O3 --runtime incremental\`.
\`drover.ts\` is the SDK; it is yours to read and change.
`;

const tsconfigText = `{
  "extends": "assemblyscript/std/assembly.json",
  "include": ["./*.ts"]
}
`;
