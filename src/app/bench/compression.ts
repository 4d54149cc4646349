/**
 * What packing pages saves and costs: `drover bench compression`.
 *
 * The states are those of the examples after some hundred jobs with their usual inputs, and pages of noise, which is what
 * encrypted or compressed data looks like. Pages are packed as they travel: a whole state in requests of 128, an increment by
 * itself. Every packing is unpacked and compared.
 *
 * Time is CPU time of this thread, in µs per MiB of pages as they are. Break-even is the link on which packing and sending
 * less takes as long as sending all: on a faster one packing only costs.
 */
import { createCompression } from '../../../infra/system/compression.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { createRng } from '../../domain/kernel/rng.ts';
import { PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { JobInput } from '../../ports/task-runtime.ts';
import { workloadOf } from '../chaos/workload.ts';
import { openAlone } from '../open-alone.ts';
import { prepareTask } from '../prepare-task.ts';
import { exampleFolder } from '../task-module.ts';
import { type Machine, machine } from './machine.ts';

/** What is measured; the built-in ones by default. */
export interface MeasuredCodec {
  readonly name: string;
  pack(pages: Uint8Array): Uint8Array | undefined;
  unpack(packed: Uint8Array, bytes: number): Uint8Array;
}

export interface CompressionFigure {
  readonly state: string;
  readonly what: 'whole' | 'increments';
  readonly codec: string;
  readonly bytes: number;
  readonly packedBytes: number;
  /** Bytes as they are over bytes packed. */
  readonly ratio: number;
  readonly packUsPerMib: number;
  readonly unpackUsPerMib: number;
  /** Below this many Mbit/s packing saves time; undefined: nothing is saved. */
  readonly breakEvenMbps: number | undefined;
}

export interface CompressionBench {
  readonly machine: Machine;
  readonly figures: readonly CompressionFigure[];
}

export interface CompressionBenchOptions {
  readonly jobs?: number;
  readonly rounds?: number;
  readonly codecs?: readonly MeasuredCodec[];
}

const STATES = ['grid', 'counter-1m', 'kalman', 'gateway', 'window'];
const PAGES_PER_REQUEST = 128;
const JOBS_PER_INCREMENT = 10;
const MIB = 1024 * 1024;
const BUILT_IN: readonly MeasuredCodec[] = (['deflate', 'brotli'] as const).map((encoding) => ({
  name: encoding,
  ...createCompression(encoding),
}));

export async function benchCompression(options: CompressionBenchOptions = {}): Promise<CompressionBench> {
  const { jobs = 400, rounds = 3, codecs = BUILT_IN } = options;
  const measuredOn = machine();
  const figures: CompressionFigure[] = [];
  for (const state of [...STATES, 'noise']) {
    const { whole, increments } = state === 'noise' ? noise() : await stateOf(state, jobs);
    for (const [what, chunks] of [['whole', whole] as const, ['increments', increments] as const]) {
      for (const codec of codecs) figures.push({ state, what, ...measure(codec, chunks, rounds) });
    }
  }
  return { machine: measuredOn, figures };
}

interface Chunks {
  readonly whole: readonly Uint8Array[];
  readonly increments: readonly Uint8Array[];
}

async function stateOf(example: string, jobs: number): Promise<Chunks> {
  const rng = createRng(1, example);
  const feed = workloadOf(7, rng).find((task) => task.example === example)?.feed;
  const program = await openAlone(await prepareTask(exampleFolder(example)));
  program.capture('full');
  const increments: Uint8Array[] = [];
  for (let number = 1; number <= jobs; number++) {
    const inputs: JobInput[] = [{ kind: 'tick', number, skipped: 0, payload: new Uint8Array(0) }];
    if (feed !== undefined) inputs.push({ kind: 'data', number, skipped: 0, payload: feed.payload(number) });
    for (const input of inputs) assert(program.runJob(input).kind === 'done', 'an example does its job');
    if (number % JOBS_PER_INCREMENT === 0) increments.push(program.capture('delta').pages);
  }
  return { whole: inRequests(program.capture('full').pages), increments: increments.filter(({ length }) => length > 0) };
}

function noise(): Chunks {
  const rng = createRng(1, 'noise');
  const pages = Uint8Array.from({ length: 4 * MIB }, () => rng.below(256));
  return { whole: inRequests(pages), increments: [pages.subarray(0, 20 * PAGE_BYTES)] };
}

function inRequests(pages: Uint8Array): Uint8Array[] {
  const requests: Uint8Array[] = [];
  for (let at = 0; at < pages.length; at += PAGES_PER_REQUEST * PAGE_BYTES)
    requests.push(pages.subarray(at, at + PAGES_PER_REQUEST * PAGE_BYTES));
  return requests;
}

function measure(
  codec: MeasuredCodec,
  chunks: readonly Uint8Array[],
  rounds: number,
): Omit<CompressionFigure, 'state' | 'what'> {
  let [bytes, packedBytes] = [0, 0];
  let [packUs, unpackUs] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // The best of a few rounds: being interrupted only ever adds time. The first also warms up.
  for (let round = 0; round <= rounds; round++) {
    [bytes, packedBytes] = [0, 0];
    const packed: (Uint8Array | undefined)[] = [];
    packUs = Math.min(
      packUs,
      cpuUs(() => {
        for (const chunk of chunks) packed.push(codec.pack(chunk));
      }),
    );
    const unpacked: Uint8Array[] = [];
    unpackUs = Math.min(
      unpackUs,
      cpuUs(() => {
        for (const [at, chunk] of chunks.entries()) {
          const one = packed[at];
          unpacked.push(one === undefined ? chunk : codec.unpack(one, chunk.length));
        }
      }),
    );
    for (const [at, chunk] of chunks.entries()) {
      bytes += chunk.length;
      packedBytes += packed[at]?.length ?? chunk.length;
      assert(Buffer.compare(chunk, unpacked[at] as Uint8Array) === 0, 'what is unpacked is what was packed');
    }
  }
  const perMib = (us: number): number => Math.round((us * MIB) / bytes);
  const savedBits = (bytes - packedBytes) * 8;
  return {
    codec: codec.name,
    bytes,
    packedBytes,
    ratio: Math.round((bytes / packedBytes) * 100) / 100,
    packUsPerMib: perMib(packUs),
    unpackUsPerMib: perMib(unpackUs),
    breakEvenMbps: savedBits === 0 ? undefined : Math.round(savedBits / (packUs + unpackUs)),
  };
}

/** Of the whole process, whose only work this is. */
function cpuUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
