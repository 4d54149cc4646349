/**
 * The ECU of `store.ts`: real checkpoint sources (`actors/checkpoint-source.ts`) on the bus, of tasks that do nothing but change
 * pages. What is missing against a bridge is the program and its shadow copy: the pages are made here.
 */
import { CheckpointSource } from '../../../actors/checkpoint-source.ts';
import { envelope, type Host } from '../../../actors/host.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { SocketLocalPath } from '../../../infra/system/local-path.ts';
import { assert } from '../../domain/kernel/assert.ts';
import { createRng, type Rng } from '../../domain/kernel/rng.ts';
import { DIGEST_BYTES, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../../domain/model/ids.ts';
import type { TaskSpec } from '../../domain/model/task.ts';
import {
  decodeCheckpointNotice,
  decodeManifestRequest,
  decodePageRequest,
  encodeManifestAnswer,
  encodePageAnswer,
} from '../../domain/protocol/codec-checkpoint.ts';
import { checkpointSubject, ecuSubject, streams } from '../../domain/protocol/subjects.ts';
import type { BusMessage } from '../../ports/bus.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { TaskCapture } from '../../ports/task-runtime.ts';

/** Above what a placement that was never deployed has. */
const EPOCH = 1;
/** A change leaves most of a page as it was; what it is does not matter to anybody but the digest. */
const CHANGED_BYTES = 64;

export interface FeedOptions {
  readonly host: Host;
  readonly mac: Mac;
  readonly specs: readonly TaskSpec[];
  readonly memoryBytes: number;
  readonly dirtyPages: number;
  /** Where its pages are served past the server, too; absent: over the bus alone. */
  readonly localFolder?: string | undefined;
}

export class CheckpointFeed {
  private readonly options: FeedOptions;
  private readonly tasks = new Map<TaskName, FeedTask>();
  private readonly cancels: Cancel[] = [];

  constructor(options: FeedOptions) {
    this.options = options;
    for (const [at, spec] of options.specs.entries()) this.tasks.set(spec.name, new FeedTask(options, spec, at + 1));
  }

  async start(): Promise<void> {
    const { host, mac, localFolder } = this.options;
    if (localFolder !== undefined) {
      const path = new SocketLocalPath({ folder: localFolder, log: host.log, counters: host.counters });
      this.cancels.push(() => path.close());
      await path.serve(ecuSubject.pages(mac), (payload) => this.answer(payload));
    }
    this.cancels.push(
      host.bus.onConnection((connected) => {
        if (connected) for (const { source } of this.tasks.values()) source.announceAgain();
      }),
      await host.bus.serve({ service: 'drover-bridge', subject: ecuSubject.pages(mac) }, ({ payload }) => this.answer(payload)),
      await host.bus.consume(
        streams.checkpoints,
        { filter: checkpointSubject.allStoredOf(mac), from: 'last-per-subject' },
        (message) => this.heard(message),
      ),
    );
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  get names(): readonly TaskName[] {
    return [...this.tasks.keys()];
  }

  /** Announces the task's next checkpoint, the first one full. Resolves when the quorum has stored it. */
  next(task: TaskName): Promise<void> {
    return this.task(task).next();
  }

  private task(name: TaskName): FeedTask {
    const task = this.tasks.get(name);
    assert(task !== undefined, 'a task of this feed');
    return task;
  }

  private async answer(payload: Uint8Array): Promise<Uint8Array> {
    const { host } = this.options;
    const pages = decodePageRequest(payload);
    if (pages.ok) {
      const { body } = pages.value;
      return encodePageAnswer(envelope(host, await this.task(body.task).source.pages(body)));
    }
    const manifest = decodeManifestRequest(payload);
    assert(manifest.ok, 'managers ask for pages or for a manifest');
    const { body } = manifest.value;
    return encodeManifestAnswer(envelope(host, await this.task(body.task).source.wholeManifest(body)));
  }

  private heard({ payload }: BusMessage): void {
    const notice = decodeCheckpointNotice(payload);
    if (notice.ok && notice.value.body.kind === 'stored') {
      const { task, manager, sequence } = notice.value.body;
      this.tasks.get(task)?.stored(manager, sequence);
    }
  }
}

class FeedTask {
  readonly source: CheckpointSource;
  private readonly memory: Uint8Array;
  private readonly dirtyPages: number;
  private readonly rng: Rng;
  private sequence = 0;
  private durable: (() => void) | undefined;

  constructor({ host, mac, memoryBytes, dirtyPages }: FeedOptions, spec: TaskSpec, programId: number) {
    this.memory = new Uint8Array(memoryBytes);
    this.dirtyPages = dirtyPages;
    this.rng = createRng(programId, spec.name);
    // Every page of every task differs from every other, so that none is shared by chance.
    const words = new DataView(this.memory.buffer);
    for (let at = 0; at < memoryBytes; at += 4) words.setUint32(at, this.rng.u32());
    const { memory } = this;
    this.source = new CheckpointSource({
      host,
      spec,
      mac,
      epoch: EPOCH,
      nonce: 'bench',
      programId,
      hasher: systemHasher,
      localStore: undefined,
      coLocatedManagers: new Set(),
      standbys: () => [],
      program: {
        needs: { runtimeVersion: 1, hostFunctions: [] },
        readShadow: async (indexes) => pagesOf(memory, indexes),
        runJob: () => Promise.reject(new Error('the tasks of this bench have no jobs')),
        runJobs: () => Promise.reject(new Error('the tasks of this bench have no jobs')),
        capture: () => Promise.reject(new Error('the captures of this bench are made by its feed')),
        stop: async () => {},
      },
    });
  }

  next(): Promise<void> {
    const full = this.sequence === 0;
    const pageIndexes = full ? Uint32Array.from({ length: this.pageCount }, (_, at) => at) : this.changeSome();
    this.sequence++;
    const boundary = {
      sequence: this.sequence,
      baseSequence: full ? undefined : this.sequence - 1,
      input: { sequence: this.sequence, dataNumber: 0, tickNumber: this.sequence },
      outputNumber: this.sequence,
    };
    this.source.hold(boundary, this.capture(full ? 'full' : 'delta', pageIndexes));
    const stored = new Promise<void>((resolve) => {
      this.durable = resolve;
    });
    void this.source.announce(this.sequence);
    return stored;
  }

  stored(manager: string, sequence: number): void {
    this.source.stored(manager, sequence);
    if (this.source.state.durableSequence === this.sequence) this.durable?.();
  }

  private get pageCount(): number {
    return this.memory.length / PAGE_BYTES;
  }

  private changeSome(): Uint32Array {
    const wanted = new Set<number>();
    while (wanted.size < this.dirtyPages) wanted.add(this.rng.below(this.pageCount));
    const indexes = Uint32Array.from(wanted).sort();
    for (const index of indexes) {
      for (let at = 0; at < CHANGED_BYTES; at++) this.memory[index * PAGE_BYTES + at] = this.rng.u32() & 0xff;
    }
    return indexes;
  }

  private capture(mode: 'full' | 'delta', pageIndexes: Uint32Array): TaskCapture {
    const pages = pagesOf(this.memory, pageIndexes);
    const pageDigests = new Uint8Array(pageIndexes.length * DIGEST_BYTES);
    for (let order = 0; order < pageIndexes.length; order++) {
      systemHasher.digestInto(pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES), pageDigests, order * DIGEST_BYTES);
    }
    return { mode, pageCount: this.pageCount, pageIndexes, pages, pageDigests, globals: new Uint8Array(8), captureUs: 0 };
  }
}

function pagesOf(memory: Uint8Array, indexes: Uint32Array): Uint8Array {
  const pages = new Uint8Array(indexes.length * PAGE_BYTES);
  for (const [order, index] of indexes.entries())
    pages.set(memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), order * PAGE_BYTES);
  return pages;
}
