/** What `drover task new` makes is a task that deploys and runs as it is. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAlone } from '../../infra/runtime/wasm/run-alone.ts';
import { openAlone } from '../../src/app/open-alone.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { createTaskSkeleton } from '../../src/app/task-skeleton.ts';
import { data, tick } from '../support/wasm.ts';
import { saidOf } from '../support/worker.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'drover-skeleton-'));
});
afterAll(async () => {
  await rm(home, { recursive: true });
});

describe('a new task', () => {
  it('deploys and runs as it is', async () => {
    const folder = join(home, 'first');
    const files = await createTaskSkeleton(folder, 'my-first');
    expect((await readdir(folder)).sort()).toEqual(files.map((file) => file.slice(folder.length + 1)).sort());
    const { spec, artefact } = await prepareTask(folder);
    expect(spec).toMatchObject({ name: 'my-first', artefactBytes: artefact.length, periodUs: 100_000 });
    const { outputs, failure } = await runAlone({ artefact, fuelPerJob: spec.fuelPerJob }, [tick(1), data(1, '41'), tick(2)]);
    expect([failure, ...outputs.map(({ payload }) => new TextDecoder().decode(payload))]).toEqual([undefined, '1', '42', '43']);
    expect((await prepareTask(folder, { name: 'twin' })).spec).toEqual({ ...spec, name: 'twin' });
  }, 60_000);

  it('of a class deploys and runs as it is', async () => {
    const folder = join(home, 'class');
    const files = await createTaskSkeleton(folder, 'my-class', 'worker');
    expect((await readdir(folder)).sort()).toEqual(files.map((file) => file.slice(folder.length + 1)).sort());
    const prepared = await prepareTask(folder);
    expect(prepared.spec).toMatchObject({ name: 'my-class', runtime: 'worker', artefactBytes: prepared.artefact.length });
    const program = await openAlone(prepared);
    const said = [tick(1), data(1, '41'), data(2, 'x'), tick(2)].map((input) => saidOf(program.runJob(input)));
    expect(said).toEqual(['1', '42', '42', '43']);
  }, 60_000);

  it('says in the compiler’s words why it does not compile', async () => {
    const folder = join(home, 'broken');
    await createTaskSkeleton(folder, 'broken');
    await writeFile(join(folder, 'index.ts'), 'export function drover_job(): void { nonsense(); }\n');
    await expect(prepareTask(folder)).rejects.toMatchObject({
      code: 'ERR_MODULE_INVALID',
      message: expect.stringContaining("Cannot find name 'nonsense'"),
    });
  }, 60_000);

  it('is refused by name when it asks for a clock', async () => {
    const folder = join(home, 'clock');
    await createTaskSkeleton(folder, 'clock');
    await writeFile(
      join(folder, 'index.ts'),
      'export { drover_input } from "./drover";\nexport function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void { Math.random(); Date.now(); }\n',
    );
    await expect(prepareTask(folder)).rejects.toMatchObject({
      code: 'ERR_MODULE_REFUSED',
      message: expect.stringMatching(/randomness is an input[\s\S]*time is an input/),
    });
  }, 60_000);

  it('never writes over anything, and needs a proper name', async () => {
    await writeFile(join(home, 'mine.txt'), 'mine');
    await expect(createTaskSkeleton(home, 'ok')).rejects.toMatchObject({ code: 'ERR_USAGE' });
    await expect(createTaskSkeleton(join(home, 'x'), 'Not A Name')).rejects.toMatchObject({ code: 'ERR_SPEC_INVALID' });
  });
});
