/**
 * What an incremental checkpoint costs: `drover bench checkpoint`.
 *
 * A task with 64 MiB of memory changes 1 % of its pages, spread evenly at random, and is captured. The yardstick is the bare
 * compare: the same memory compared with an equal copy in one native call, which is what any comparison has to pay. The two
 * are measured in turns in one thread, so that a noisy machine disturbs both alike; the ratio is that of the medians.
 *
 * Measured: finding the pages, copying them out, digesting them, renewing the shadow. Not measured: sending and storing.
 */
import { cpus, totalmem } from 'node:os';
import { prepareModule } from '../../../infra/runtime/wasm/prepare.ts';
import { openProgram } from '../../../infra/runtime/wasm/run-alone.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { PAGE_BYTES } from '../../domain/model/checkpoint.ts';

export interface CheckpointBenchOptions {
  readonly memoryBytes?: number;
  readonly dirtyPpm?: number;
  readonly samples?: number;
  readonly seed?: number;
}

export interface Spread {
  readonly n: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly max: number;
}

export interface CheckpointBench {
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryMiB: number; readonly node: string };
  readonly memoryBytes: number;
  readonly dirtyPages: number;
  readonly bareCompareUs: Spread;
  readonly captureUs: Spread;
  /** Median capture over median bare compare; the aim is at most 1.3. */
  readonly ratio: number;
  /** Best over best: what is left when others use the machine too, because being interrupted only ever adds time. */
  readonly ratioOfBest: number;
  readonly fullCaptureUs: Spread;
  /** Of the last capture: shows that the work was done, and that two runs with one seed did the same. */
  readonly hash: string;
}

export async function benchCheckpoint(options: CheckpointBenchOptions = {}): Promise<CheckpointBench> {
  const { memoryBytes = 64 * 1024 * 1024, dirtyPpm = 10_000, samples = 40, seed = 1 } = options;
  const pageCount = memoryBytes / PAGE_BYTES;
  const dirtyPages = Math.max(2, Math.round((pageCount * dirtyPpm) / 1_000_000));
  const program = await openProgram({
    artefact: prepareModule(dirtyingModule(memoryBytes), { memoryBytesMax: memoryBytes }),
    fuelPerJob: 1_000_000_000,
  });
  const random = createRng(seed).stream('pages');
  const job = (number: number, pages: Uint32Array): void => {
    const result = program.runJob({ kind: 'data', number, skipped: 0, payload: new Uint8Array(pages.buffer) });
    assert(result.kind === 'done', 'the bench task does its job');
  };
  // Every page holds something, as in a real task: a comparison of zero pages that the system never gave would be too kind.
  for (let first = INPUT_PAGES; first < pageCount; first += MESSAGE_PAGES)
    job(
      0,
      Uint32Array.from({ length: Math.min(MESSAGE_PAGES, pageCount - first) }, (_, at) => first + at),
    );
  const full = Array.from({ length: 3 }, () => program.capture('full').captureUs);
  const one = Buffer.from(program.capture('full').pages.buffer);
  const same = Buffer.from(one);
  const [bare, capture]: [number[], number[]] = [[], []];
  let hash = '';
  for (let sample = 1; sample <= samples; sample++) {
    const wanted = new Set<number>();
    // The message itself changes a page, the one it is written to.
    while (wanted.size < dirtyPages - 1) wanted.add(INPUT_PAGES + random.below(pageCount - INPUT_PAGES));
    job(sample, Uint32Array.from(wanted));
    const startedMs = performance.now();
    assert(one.equals(same), 'the two copies are equal');
    bare.push((performance.now() - startedMs) * 1000);
    const captured = program.capture('delta');
    assert(captured.pageIndexes.length === dirtyPages, 'exactly the pages that changed were found');
    capture.push(captured.captureUs);
    hash = Buffer.from(captured.pageDigests.subarray(0, 8)).toString('hex');
  }
  const [bareCompareUs, captureUs] = [spread(bare), spread(capture)];
  const [cpu] = cpus();
  return {
    machine: {
      cpu: cpu?.model ?? 'unknown',
      cores: cpus().length,
      memoryMiB: Math.round(totalmem() / 1_048_576),
      node: process.version,
    },
    memoryBytes,
    dirtyPages,
    bareCompareUs,
    captureUs,
    ratio: quotient(captureUs.p50, bareCompareUs.p50),
    ratioOfBest: quotient(captureUs.min, bareCompareUs.min),
    fullCaptureUs: spread(full),
    hash,
  };
}

const quotient = (a: number, b: number): number => Math.round((a / b) * 1000) / 1000;

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { n: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), max: at(1) };
}

/** The task's first 64 KiB are for the message: page indexes, from 32 KiB on. */
const INPUT_PAGES = 16;
const MESSAGE_PAGES = 8192;

/**
 * A module of the wanted size, as bytes: for every u32 of the input, adds the job's number plus one to the first word of that
 * page. Written by hand, because a compiled one would bring a heap of its own.
 */
function dirtyingModule(memoryBytes: number): Uint8Array {
  const leb = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]);
  const section = (id: number, ...content: number[]): number[] => [id, ...leb(content.length), ...content];
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  const [get, tee, set] = [0x20, 0x22, 0x21];
  const input = [0, 0x41, ...[0x80, 0x80, 0x02], 0x0b];
  // local 5: the address of the page
  const job = [
    ...[1, 1, 0x7f, 0x03, 0x40],
    ...[get, 3, 0x28, 2, 0, 0x41, 12, 0x74, tee, 5, get, 5, 0x28, 2, 0, get, 1, 0xab, 0x6a, 0x41, 1, 0x6a, 0x36, 2, 0],
    ...[get, 3, 0x41, 4, 0x6a, set, 3, get, 4, 0x41, 4, 0x6b, tee, 4, 0x0d, 0, 0x0b, 0x0b],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 5, 0x7f, 0x7c, 0x7c, 0x7f, 0x7f, 0),
    ...section(3, 2, 0, 1),
    ...section(5, 1, 0, ...leb(memoryBytes / 65_536)),
    ...section(7, 3, ...name('memory'), 2, 0, ...name('drover_input'), 0, 0, ...name('drover_job'), 0, 1),
    ...section(10, 2, ...leb(input.length), ...input, ...leb(job.length), ...job),
  ]);
}
