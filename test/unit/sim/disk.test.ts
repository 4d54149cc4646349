import { describe, expect, test } from 'vitest';
import { artefactDigest } from '../../../infra/sim/artefacts.ts';
import { SimScheduler } from '../../../infra/sim/clock.ts';
import { type DiskOptions, SimDisk } from '../../../infra/sim/disk.ts';
import { DiskCheckpointStore, StoredPages } from '../../../infra/sim/disk-checkpoints.ts';
import { DiskRecordStore } from '../../../infra/sim/disk-records.ts';
import { SimHost, type SimProcess } from '../../../infra/sim/host.ts';
import { SimTaskRuntime } from '../../../infra/sim/runtime.ts';
import { runAlone, StandInTask } from '../../../infra/sim/stand-in-task.ts';
import { stateDigest } from '../../../src/domain/checkpoint/manifest.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { type CheckpointManifest, PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';
import { NO_AFFINITY, type TaskSpec } from '../../../src/domain/model/task.ts';
import type { JobInput, JobOutput, TaskCapture, TaskProgram } from '../../../src/ports/task-runtime.ts';
import { SimDrive } from '../../support/sim-drive.ts';

interface Setting {
  readonly scheduler: SimScheduler;
  readonly drive: SimDrive;
  readonly disk: SimDisk;
  readonly host: SimHost;
  readonly start: () => SimProcess;
}

function setting(options: DiskOptions, seed = 1): Setting {
  const scheduler = new SimScheduler();
  const disk = new SimDisk(scheduler, createRng(seed), options);
  const host = new SimHost({ id: 'ecu', scheduler, boot: () => undefined });
  return { scheduler, drive: new SimDrive(scheduler), disk, host, start: () => host.restart() };
}

const WRITE: DiskOptions = { writeUs: { min: 100, max: 100 } };

describe('records on a disk', () => {
  test('D1: what a process had under way when it died is written as a prefix, more or less of it', async () => {
    const lengths = new Set<number>();
    for (let seed = 1; seed <= 40; seed++) {
      const { scheduler, drive, disk, host, start } = setting(WRITE, seed);
      const store = new DiskRecordStore(disk, start());
      for (let position = 0; position < 4; position++) void store.append('task/a', position, Uint8Array.of(position));
      scheduler.after(150, () => host.kill());
      await drive.elapse(1_000);
      const left: number[] = [];
      await drive.settle(
        (async () => {
          for await (const record of new DiskRecordStore(disk, start()).history('task/a')) left.push(record.bytes[0] as number);
        })(),
      );
      expect(left).toEqual([0, 1, 2, 3].slice(0, left.length));
      lengths.add(left.length);
    }
    // The first was answered before the kill; of the rest some or none.
    expect([...lengths].sort()).toEqual([1, 2, 3, 4]);
  });

  test('D2: a power cut loses what was answered only where the disk answers before it syncs', async () => {
    for (const [options, left] of [
      [WRITE, 2],
      [{ ...WRITE, syncUs: { min: 500, max: 500 } }, 1],
    ] as const) {
      const { drive, disk, host, start } = setting(options);
      const store = new DiskRecordStore(disk, start());
      expect((await drive.settle(store.append('task/a', 0, Uint8Array.of(1)))).kind).toBe('appended');
      await drive.elapse(600);
      expect((await drive.settle(store.append('task/a', 1, Uint8Array.of(2)))).kind).toBe('appended');
      host.kill('power');
      disk.powerLoss();
      const last = await drive.settle(new DiskRecordStore(disk, start()).load('task/a'));
      expect(last?.bytes[0]).toBe(left);
    }
  });

  test('a full disk says so, and takes writes again when there is room', async () => {
    const { drive, disk, start } = setting({ ...WRITE, bytesMax: 10 });
    const store = new DiskRecordStore(disk, start());
    expect((await drive.settle(store.append('task/a', 0, new Uint8Array(8)))).kind).toBe('appended');
    await expect(drive.settle(store.append('task/a', 1, new Uint8Array(8)))).rejects.toMatchObject({ code: 'ERR_STORE_FULL' });
    disk.options = WRITE;
    expect((await drive.settle(store.append('task/a', 1, new Uint8Array(8)))).kind).toBe('appended');
  });
});

const ARTEFACT = new TextEncoder().encode('a stand-in');
const SPEC: TaskSpec = {
  name: 'pid',
  runtime: 'wasm',
  artefact: artefactDigest(ARTEFACT),
  artefactBytes: ARTEFACT.length,
  periodUs: 10_000,
  wcetUs: 1_000,
  deadlineUs: 10_000,
  priority: 1,
  criticality: 1,
  hardDeadline: false,
  memoryBytesMax: 65_536,
  capabilities: [],
  affinity: NO_AFFINITY,
  reservation: undefined,
  checkpoint: { intervalUs: 0, chainMax: 8, quorum: 1, standbys: 1 },
  inputs: { backlogMax: 100, catchUpTicks: false },
  fuelPerJob: 1_000,
};
const inputAt = (number: number): JobInput => ({
  kind: number % 3 === 0 ? 'tick' : 'data',
  number,
  skipped: 0,
  payload: Uint8Array.of(number, number >> 8),
});

describe('checkpoints of a stand-in task', () => {
  const digestOf = (bytes: Uint8Array): string => artefactDigest(bytes);
  let table = new Uint8Array(0);
  const manifestOf = (capture: TaskCapture, sequence: number, base: number | undefined): CheckpointManifest => {
    if (base === undefined) table = new Uint8Array(capture.pageCount * 32);
    for (const [at, page] of capture.pageIndexes.entries())
      table.set(capture.pageDigests.subarray(at * 32, at * 32 + 32), page * 32);
    const input = { sequence, dataNumber: 0, tickNumber: 0 };
    return {
      task: 'pid',
      mac: '02aa00000001',
      incarnation: 1,
      programId: 1,
      nonce: 'n',
      epoch: 1,
      sequence,
      baseSequence: base,
      pageCount: capture.pageCount,
      pageIndexes: capture.pageIndexes,
      pageDigests: capture.pageDigests,
      globals: capture.globals,
      stateDigest: stateDigest({ table, globals: capture.globals, input, outputNumber: 0 }, digestOf),
      input,
      outputNumber: 0,
      artefact: SPEC.artefact,
    };
  };
  const outputsOf = async (drive: SimDrive, program: TaskProgram, from: number, to: number): Promise<JobOutput[]> => {
    const outputs: JobOutput[] = [];
    for (let number = from; number <= to; number++) {
      const result = await drive.settle(program.runJob(inputAt(number)));
      if (result.kind !== 'done') throw new Error(result.failure.sentence);
      outputs.push(...result.outputs);
    }
    return outputs;
  };

  test('T2: restored from a full checkpoint and increments, a task goes on as if nothing had been', async () => {
    const { drive, disk, start } = setting(WRITE);
    const process = start();
    const runtime = new SimTaskRuntime({ process, rng: createRng(5) });
    const store = new DiskCheckpointStore(disk, process);
    const program = await drive.settle(
      runtime.start({ spec: SPEC, artefact: ARTEFACT, image: undefined, onEnded: () => undefined }),
    );
    const before: JobOutput[] = [];
    for (let sequence = 1; sequence <= 4; sequence++) {
      before.push(...(await outputsOf(drive, program, sequence * 10 - 9, sequence * 10)));
      const capture = await drive.settle(program.capture(sequence === 1 ? 'full' : 'delta'));
      expect(capture.pageIndexes.length).toBeLessThanOrEqual(sequence === 1 ? 16 : 15);
      const manifest = manifestOf(capture, sequence, sequence === 1 ? undefined : sequence - 1);
      const missing = store.missing(manifest);
      const pages = await drive.settle(program.readShadow(missing.map((at) => manifest.pageIndexes[at] as number)));
      expect(await drive.settle(store.put(manifest, pages))).toEqual({ stored: true });
    }
    const after = await outputsOf(drive, program, 41, 60);
    const rebuilt = await drive.settle(store.rebuild('pid', 1, 4));
    const restored = await drive.settle(
      runtime.start({ spec: SPEC, artefact: ARTEFACT, image: rebuilt, onEnded: () => undefined }),
    );
    expect(await outputsOf(drive, restored, 41, 60)).toEqual(after);
    const inputs = Array.from({ length: 60 }, (_, index) => inputAt(index + 1));
    expect([...before, ...after]).toEqual(runAlone(ARTEFACT, inputs));
    expect(after.length).toBeGreaterThan(10);
  });

  test('a lost, a doubled and a changed input each show in the outputs', () => {
    const inputs = Array.from({ length: 40 }, (_, index) => inputAt(index + 1));
    const right = runAlone(ARTEFACT, inputs);
    for (const wrong of [
      inputs.toSpliced(20, 1),
      inputs.toSpliced(20, 0, inputAt(21)),
      inputs.toSpliced(20, 1, { ...inputAt(21), payload: Uint8Array.of(0) }),
    ]) {
      expect(runAlone(ARTEFACT, wrong)).not.toEqual(right);
    }
  });

  test('the store refuses wrong pages, finds damage, and keeps what a kept increment needs', async () => {
    const { drive, disk, start } = setting(WRITE);
    const process = start();
    const runtime = new SimTaskRuntime({ process, rng: createRng(5) });
    const store = new DiskCheckpointStore(disk, process);
    const program = await drive.settle(
      runtime.start({ spec: SPEC, artefact: ARTEFACT, image: undefined, onEnded: () => undefined }),
    );
    const full = await drive.settle(program.capture('full'));
    const first = manifestOf(full, 1, undefined);
    await expect(drive.settle(store.put(first, new Uint8Array(full.pages.length).fill(7)))).rejects.toMatchObject({
      code: 'ERR_STORE_CORRUPT',
    });
    await outputsOf(drive, program, 1, 5);
    const delta = await drive.settle(program.capture('delta'));
    const second = manifestOf(delta, 2, 1);
    expect(await drive.settle(store.put(second, delta.pages))).toEqual({ stored: false });
    expect(store.newest('pid')).toBeUndefined();
    expect(await drive.settle(store.put(first, full.pages))).toEqual({ stored: true });
    expect(store.newest('pid')?.sequence).toBe(2);
    await drive.settle(store.retain('pid', { epoch: 1, sequence: 2 }));
    expect((await drive.settle(store.rebuild('pid', 1, 2))).manifest.sequence).toBe(2);
    expect(store.damage('pid')).toBe(true);
    await expect(drive.settle(store.rebuild('pid', 1, 2))).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
    await expect(drive.settle(store.rebuild('pid', 1, 9))).rejects.toMatchObject({ code: 'ERR_STORE_MISSING' });
  });

  test('what lies in a store is judged from outside: stored, spoiled, set aside by scrubbing, mended by a put', async () => {
    const { drive, disk, start } = setting({ ...WRITE, syncUs: { min: 5_000, max: 5_000 } });
    const process = start();
    const runtime = new SimTaskRuntime({ process, rng: createRng(5) });
    const store = new DiskCheckpointStore(disk, process);
    const other = new DiskCheckpointStore(disk, process, { name: 'weak', durability: 'process' });
    const program = await drive.settle(
      runtime.start({ spec: SPEC, artefact: ARTEFACT, image: undefined, onEnded: () => undefined }),
    );
    const full = await drive.settle(program.capture('full'));
    const manifest = manifestOf(full, 1, undefined);
    for (const one of [store, other]) await drive.settle(one.put(manifest, full.pages));
    const [pages, weak] = [new StoredPages(disk, 'checkpoints'), new StoredPages(disk, 'weak')];
    const order = { epoch: 1, sequence: 1 };
    expect([pages.hasStored('pid', order), pages.hasStored('pid', { epoch: 1, sequence: 2 }), pages.unused()]).toEqual([
      true,
      false,
      0,
    ]);
    expect(pages.spoil(createRng(1), () => false)).toBeUndefined();
    expect(pages.spoil(createRng(1), (digest) => weak.isIntact(digest))).toBeDefined();
    expect((await drive.settle(store.scrub(100))).damaged).toBe(1);
    expect(store.damaged()).toMatchObject([{ task: 'pid', epoch: 1, sequence: 1, what: 'pages', pages: 1 }]);
    expect([store.newest('pid'), pages.hasStored('pid', order)]).toEqual([undefined, true]);
    const missing = store.missing(manifest);
    expect(missing).toHaveLength(1);
    const at = missing[0] as number;
    await drive.settle(store.put(manifest, full.pages.subarray(at * PAGE_BYTES, (at + 1) * PAGE_BYTES)));
    expect([store.damaged(), store.newest('pid')?.sequence]).toEqual([[], 1]);
    // Without power the store that did not wait for the disk has nothing, the other one all.
    disk.powerLoss();
    expect([pages.hasStored('pid', order), weak.hasStored('pid', order)]).toEqual([true, false]);
  });

  test('T3: a program whose worker dies says so once, and fails its job', async () => {
    const { drive, start } = setting(WRITE);
    const runtime = new SimTaskRuntime({ process: start(), rng: createRng(5) });
    const ended: string[] = [];
    const program = await drive.settle(
      runtime.start({ spec: SPEC, artefact: ARTEFACT, image: undefined, onEnded: ({ code }) => ended.push(code) }),
    );
    const job = program.runJob(inputAt(1));
    runtime.breakProgram('pid', { code: 'ERR_JOB_HANG', sentence: 'its worker died' });
    runtime.breakProgram('pid', { code: 'ERR_JOB_HANG', sentence: 'its worker died' });
    expect((await drive.settle(job)).kind).toBe('failed');
    expect(ended).toEqual(['ERR_JOB_HANG']);
  });

  test('an image of another program is refused', async () => {
    const { drive, start } = setting(WRITE);
    const runtime = new SimTaskRuntime({ process: start(), rng: createRng(5) });
    const other = StandInTask.fresh(new TextEncoder().encode('another'));
    const image = { memory: other.memory, globals: other.globals() };
    await expect(
      drive.settle(runtime.start({ spec: SPEC, artefact: ARTEFACT, image, onEnded: () => undefined })),
    ).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' });
  });
});
