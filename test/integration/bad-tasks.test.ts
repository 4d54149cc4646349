/** Tasks that trap, loop for ever, or grow beyond their memory: each is stopped and reported; the bridge and its other tasks go on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InputFeed } from '../../src/app/feed/input-feed.ts';
import { prepareTask } from '../../src/app/prepare-task.ts';
import { exampleFolder } from '../../src/app/task-module.ts';
import { createTaskSkeleton } from '../../src/app/task-skeleton.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { type FleetRun, startFleet, text, until } from '../support/fleet-run.ts';

let run: FleetRun;
let folder: string;
let counted: StreamMessage[];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-bad-'));
  run = await startFleet({ ecus: 1, managers: 1 });
  await run.fleet.deploy(await prepareTask(exampleFolder('counter')));
  counted = await run.outputs('counter');
  await until('the counter counts', () => counted.length > 10);
});

afterAll(async () => {
  await run.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A task that behaves until its first data input. */
async function deployBad(name: string, onData: string): Promise<void> {
  const home = join(folder, name);
  await createTaskSkeleton(home, name);
  writeFileSync(
    join(home, 'index.ts'),
    `import { isTick, outputText } from "./drover";
export { drover_input } from "./drover";
let kept: StaticArray<u8>[] = [];
export function drover_job(kind: i32, number: f64, skipped: f64, pointer: usize, byteLength: i32): void {
  if (isTick(kind)) outputText(0, "well " + kept.length.toString());
  else { ${onData} }
}
`,
  );
  await run.fleet.deploy(await prepareTask(home));
  const outputs = await run.outputs(name);
  await until(`${name} runs`, () => outputs.length > 2);
  await new InputFeed(run.fleet.client.host, name).append(new TextEncoder().encode('now'));
}

test.each([
  ['traps', 'unreachable();', 'ERR_JOB_TRAP'],
  ['loops', 'let at = 0; while (true) at++;', 'ERR_JOB_FUEL'],
  ['grows', 'while (true) kept.push(new StaticArray<u8>(65536));', 'ERR_JOB_'],
])('a task that %s is stopped and reported', async (name, onData, code) => {
  const bridge = run.fleet.processes().find(({ host }) => host.startsWith('bridge.'));
  await deployBad(name, onData);
  await until(`${name} is reported`, async () => (await run.task(name))?.state === 'crashed');
  expect((await run.task(name))?.reason).toContain(code);
  const before = counted.length;
  await until('the counter goes on', () => counted.length > before + 50);
  expect(counted.map(text)).toEqual(counted.map((_, index) => String(index + 1)));
  expect(run.fleet.processes()).toContainEqual(bridge);
  expect(run.events.filter(({ kind }) => kind === 'died')).toEqual([]);
});
