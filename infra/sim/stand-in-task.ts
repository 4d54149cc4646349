/**
 * A cheap deterministic task for the simulated world: sixteen pages of memory into which each job folds its input, and which
 * decides what comes out. Everything it will ever do follows from its artefact, its state and its inputs, and every byte of
 * the state matters to some later output, so that a lost page, a lost input or one applied twice shows in the outputs.
 *
 * A program that begins with `small ` has no memory at all: its whole state are its globals, for fleets of a hundred thousand.
 *
 * Globals (16 bytes, big-endian): jobs done (u32), running hash (u32), hash of the artefact (u32), page count (u32).
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { PAGE_BYTES } from '../../src/domain/model/checkpoint.ts';
import type { JobInput, JobOutput, TaskImage } from '../../src/ports/task-runtime.ts';

const GLOBAL_BYTES = 16;
/** One WebAssembly page of 64 KiB, so that everything that holds of real images holds of these. */
const PAGES = 16;
const SMALL = new TextEncoder().encode('small ');
/** Most writes stay in the first pages, as real tasks' do; one in sixteen goes anywhere. */
const HOT_BYTES = 3 * PAGE_BYTES;
const WRITES_PER_JOB = 3;

export class StandInTask {
  readonly memory: Uint8Array;
  /** 1 for each page that was written to since somebody set it to 0. */
  readonly touched: Uint8Array;
  private jobs: number;
  private hash: number;
  private readonly program: number;

  private constructor(memory: Uint8Array, state: { readonly jobs: number; readonly hash: number; readonly program: number }) {
    this.memory = memory;
    this.touched = new Uint8Array(memory.length / PAGE_BYTES);
    this.jobs = state.jobs;
    this.hash = state.hash;
    this.program = state.program;
  }

  static fresh(artefact: Uint8Array): StandInTask {
    const program = fold(0x811c9dc5, artefact);
    const memory = isSmall(artefact) ? NO_MEMORY : new Uint8Array(PAGES * PAGE_BYTES);
    for (let at = 0; at < memory.length; at += 512) memory[at] = mix(program ^ at) & 0xff;
    return new StandInTask(memory, { jobs: 0, hash: program, program });
  }

  /** Fails with ERR_STORE_CORRUPT where the image is another program's. */
  static restored(artefact: Uint8Array, image: TaskImage): StandInTask {
    const program = fold(0x811c9dc5, artefact);
    const view = new DataView(image.globals.buffer, image.globals.byteOffset, image.globals.byteLength);
    if (
      image.globals.length !== GLOBAL_BYTES ||
      view.getUint32(8) !== program ||
      view.getUint32(12) * PAGE_BYTES !== image.memory.length
    ) {
      throw new DroverError('ERR_STORE_CORRUPT', 'the image belongs to another program');
    }
    return new StandInTask(image.memory.slice(), { jobs: view.getUint32(0), hash: view.getUint32(4), program });
  }

  globals(): Uint8Array {
    const bytes = new Uint8Array(GLOBAL_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.jobs);
    view.setUint32(4, this.hash);
    view.setUint32(8, this.program);
    view.setUint32(12, this.memory.length / PAGE_BYTES);
    return bytes;
  }

  /** One job: 0 to 3 outputs of 16 bytes. */
  run(input: JobInput): JobOutput[] {
    const { memory } = this;
    let h = mix(this.hash ^ (input.kind === 'tick' ? 0x5bd1e995 : 0x1b873593));
    h = mix(h ^ input.number);
    h = mix(h ^ input.skipped);
    h = fold(h, input.payload);
    for (let write = 0; write < WRITES_PER_JOB && memory.length > 0; write++) {
      const at = (h >>> 4) % ((h & 15) === 0 ? memory.length - 4 : HOT_BYTES);
      const seen =
        ((memory[at] as number) << 24) |
        ((memory[at + 1] as number) << 16) |
        ((memory[at + 2] as number) << 8) |
        (memory[at + 3] as number);
      h = mix(h ^ seen);
      memory[at] = h >>> 24;
      memory[at + 1] = h >>> 16;
      memory[at + 2] = h >>> 8;
      memory[at + 3] = h;
      this.touched[Math.floor(at / PAGE_BYTES)] = 1;
      this.touched[Math.floor((at + 3) / PAGE_BYTES)] = 1;
    }
    this.hash = h;
    this.jobs++;
    const outputs: JobOutput[] = [];
    for (let index = 0; index < h % 4; index++) {
      const payload = new Uint8Array(16);
      const view = new DataView(payload.buffer);
      view.setUint32(0, this.jobs);
      view.setUint32(4, mix(h ^ (index + 1)));
      view.setUint32(8, input.number);
      view.setUint32(12, index);
      outputs.push({ channel: index, payload });
    }
    return outputs;
  }
}

const NO_MEMORY = new Uint8Array(0);
const isSmall = (artefact: Uint8Array): boolean => SMALL.every((byte, at) => artefact[at] === byte);

/** What the task gives when it is run alone, once, over these inputs: the yardstick of no-lost-work. */
export function runAlone(artefact: Uint8Array, inputs: Iterable<JobInput>): JobOutput[] {
  const task = StandInTask.fresh(artefact);
  const outputs: JobOutput[] = [];
  for (const input of inputs) outputs.push(...task.run(input));
  return outputs;
}

/** Murmur3's avalanche. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** FNV-1a. */
function fold(basis: number, bytes: Uint8Array): number {
  let h = basis;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ (bytes[i] as number), 0x01000193) >>> 0;
  return mix(h);
}
