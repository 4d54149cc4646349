/** Classes as text for tests of the `worker` runtime, through the same bundler and deploy pass as a user's. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareWorkerScript } from '../../infra/runtime/worker/prepare.ts';
import { openWorkerProgram, type WorkerProgram } from '../../infra/runtime/worker/program.ts';
import { bundleTask } from '../../src/app/bundle-task.ts';
import type { JobResult, TaskImage } from '../../src/ports/task-runtime.ts';

export const MEMORY_BYTES_MAX = 1024 * 1024;

export async function prepareClass(text: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-worker-'));
  try {
    await writeFile(join(folder, 'index.ts'), text);
    const script = await bundleTask(join(folder, 'index.ts'), {});
    return await prepareWorkerScript(script, { memoryBytesMax: MEMORY_BYTES_MAX });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const openHere = (artefact: Uint8Array, image?: TaskImage): Promise<WorkerProgram> =>
  openWorkerProgram({
    source: new TextDecoder().decode(artefact),
    memoryBytesMax: MEMORY_BYTES_MAX,
    image,
    log: () => undefined,
  });

export const saidOf = (result: JobResult): string =>
  result.kind === 'done'
    ? result.outputs.map(({ payload }) => new TextDecoder().decode(payload)).join()
    : `${result.failure.code} ${result.failure.sentence}`;

/** Counts ticks and adds data. */
export const COUNTER = `
export default class Counter {
  count: number = 0;
  onTick(tick: { number: number }, job: any): void { job.output(0, String(++this.count)); }
  onInput(input: any, job: any): void { this.count += Number(input.text()); job.output(0, String(this.count)); }
  serialize() { return { count: this.count }; }
  deserialize(state: { count: number }) { this.count = state.count; }
}`;
/** The counter with another body for a tick. */
export const counterThat = (onTick: string): string => COUNTER.replace('job.output(0, String(++this.count));', onTick);
