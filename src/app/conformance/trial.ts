/**
 * One task under test: the suite commands it as the placement's manager would, feeds it as a user would, and watches its
 * inputs and outputs in the streams.
 */

import { envelope } from '../../../actors/host.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { stateDigest } from '../../domain/checkpoint/manifest.ts';
import {
  type CheckpointManifest,
  type CheckpointReference,
  DIGEST_BYTES,
  type InputCursor,
  PAGE_BYTES,
} from '../../domain/model/checkpoint.ts';
import { shardOf } from '../../domain/model/ids.ts';
import { NO_AFFINITY, type TaskSpec } from '../../domain/model/task.ts';
import { decodePageAnswer, encodePageRequest } from '../../domain/protocol/codec-checkpoint.ts';
import type { Answer, PageAnswer } from '../../domain/protocol/messages.ts';
import { ecuSubject, header, streams, taskSubject } from '../../domain/protocol/subjects.ts';
import type { StreamMessage } from '../../ports/bus.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { Announced, Bench } from './bench.ts';
import { countsAfter, isMarker, wrongOutput } from './judge-outputs.ts';
import { NotAsPromised, promised, same } from './promised.ts';
import type { HeldState } from './stand-in-manager.ts';

export interface TrialOptions {
  readonly periodUs?: number;
  readonly checkpointIntervalUs?: number;
  readonly chainMax?: number;
  readonly spec?: Partial<TaskSpec>;
}

export interface DeployOptions {
  readonly epoch?: number;
  readonly effectId?: string;
  readonly revision?: number;
  readonly incarnation?: number;
  readonly checkpoint?: CheckpointReference;
  /** Inputs up to here may be gone. */
  readonly trimmed?: InputCursor;
  readonly spec?: Partial<TaskSpec>;
}

export type Running = Extract<Answer, { kind: 'running' }>;
export type Manifest = Announced<CheckpointManifest>;

/** Long enough that no checkpoint is taken unless it is asked for. */
const NEVER_US = 3_600_000_000;
const APPEND_TIMEOUT_US = 60_000_000;
const PAGES_PER_REQUEST = 128;
const QUORUM = 2;

export class Trial {
  readonly task: string;
  readonly spec: TaskSpec;
  /** Highest epoch commanded so far. */
  epoch = 0;
  revision = 0;
  readonly inputs: StreamMessage[] = [];
  readonly outputs: StreamMessage[] = [];
  private readonly bench: Bench;
  private readonly cancels: Cancel[] = [];
  private effects = 0;
  private dataNumber = 0;
  /** Sequence of the last input that the suite appended: it has to be seen before inputs and outputs are compared. */
  private fedThrough = 0;

  constructor(bench: Bench, task: string, options: TrialOptions) {
    this.bench = bench;
    this.task = task;
    const { runtime, artefact, artefactBytes, memoryBytesMax } = bench.parts.program;
    const periodUs = options.periodUs ?? 0;
    this.spec = {
      name: task,
      runtime,
      artefact,
      artefactBytes,
      periodUs,
      wcetUs: 100,
      deadlineUs: periodUs > 0 ? periodUs : 100_000,
      priority: 10,
      criticality: 0,
      hardDeadline: false,
      memoryBytesMax,
      capabilities: [],
      affinity: NO_AFFINITY,
      reservation: undefined,
      checkpoint: {
        intervalUs: options.checkpointIntervalUs ?? NEVER_US,
        chainMax: options.chainMax ?? 16,
        quorum: QUORUM,
        standbys: 0,
      },
      inputs: { backlogMax: 10_000, catchUpTicks: false },
      fuelPerJob: 10_000_000,
      ...options.spec,
    };
  }

  async watch(): Promise<void> {
    const { bus, names } = this.bench.host;
    const shard = shardOf(this.task, names.shardCount);
    this.cancels.push(
      await bus.consume(streams.inputs(shard), { filter: taskSubject.inputs(names, this.task), from: 1 }, (message) =>
        this.inputs.push(message),
      ),
      await bus.consume(streams.outputs(shard), { filter: this.outputSubject, from: 1 }, (message) =>
        this.outputs.push(message),
      ),
    );
  }

  /** Stops the task, if it runs, and stops watching. */
  async end(): Promise<void> {
    if (this.epoch > 0) await this.stop().catch(() => undefined);
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  get outputSubject(): string {
    return taskSubject.outputs(this.bench.host.names, this.task);
  }

  get tickSubject(): string {
    return taskSubject.tick(this.bench.host.names, this.task);
  }

  get ticks(): readonly StreamMessage[] {
    return this.inputs.filter(({ subject }) => subject === this.tickSubject);
  }

  /** Those that stand in the stream now: what is watched may be behind it. */
  async ticksNow(): Promise<readonly StreamMessage[]> {
    return this.seenOf(this.tickSubject, () => this.ticks);
  }

  /** As `ticksNow`, of outputs and markers. */
  async outputsNow(): Promise<readonly StreamMessage[]> {
    return this.seenOf(this.outputSubject, () => this.outputs);
  }

  private async seenOf(subject: string, watched: () => readonly StreamMessage[]): Promise<readonly StreamMessage[]> {
    const through = (await this.bench.host.bus.readLast(subject))?.sequence ?? 0;
    return this.bench.eventually(`what stands on ${subject} to arrive`, () =>
      (watched().at(-1)?.sequence ?? 0) >= through ? watched() : undefined,
    );
  }

  get markers(): readonly StreamMessage[] {
    return this.outputs.filter(isMarker);
  }

  get counted(): readonly StreamMessage[] {
    return this.outputs.filter((output) => !isMarker(output));
  }

  // ——— commands ———

  header(options: { readonly epoch?: number; readonly effectId?: string; readonly revision?: number } = {}) {
    const actorRevision = options.revision ?? ++this.revision;
    const effectId = options.effectId ?? `placement/${this.task}#${actorRevision}/${this.effects++}`;
    return { task: this.task, epoch: options.epoch ?? this.epoch, effectId, actor: `placement/${this.task}`, actorRevision };
  }

  deploy(options: DeployOptions = {}): Promise<Answer> {
    const { checkpoint, trimmed, incarnation = this.bench.incarnation } = options;
    const command = {
      kind: 'deploy',
      ...this.header(options),
      spec: { ...this.spec, ...options.spec },
      incarnation,
      checkpoint,
      ...(trimmed === undefined ? {} : { trimmed }),
    } as const;
    this.epoch = Math.max(this.epoch, command.epoch);
    return this.bench.ask(command);
  }

  /** Deploys with the next epoch (or the given one) and expects it to run. */
  async run(options: DeployOptions = {}): Promise<Running> {
    const answer = await this.deploy({ ...options, epoch: options.epoch ?? this.epoch + 1 });
    promised(answer.kind === 'running', `deploy to be answered with running`, answer);
    return answer;
  }

  async refused(answer: Promise<Answer>, code: string): Promise<void> {
    const got = await answer;
    promised(got.kind === 'refused' && got.code === code, `a refusal with ${code}`, got);
  }

  pause(options: { readonly epoch?: number; readonly revision?: number } = {}): Promise<Answer> {
    return this.bench.ask({ kind: 'pause', ...this.header(options) });
  }

  resume(options: { readonly epoch?: number; readonly revision?: number } = {}): Promise<Answer> {
    return this.bench.ask({ kind: 'resume', ...this.header(options) });
  }

  stop(options: { readonly epoch?: number } = {}): Promise<Answer> {
    return this.bench.ask({ kind: 'stop', ...this.header(options), reason: 'the check is over' });
  }

  async accepted(): Promise<boolean> {
    return (await this.bench.load()).tasks.some(({ task }) => task === this.task);
  }

  // ——— inputs and outputs ———

  /** Appends data inputs, numbered on from the last one. */
  async feed(...values: readonly number[]): Promise<void> {
    for (const value of values) await this.feedNumbered(++this.dataNumber, value);
  }

  async feedNumbered(number: number, value: number): Promise<void> {
    await this.feedText(String(value), number);
  }

  async feedText(text: string, number = ++this.dataNumber): Promise<void> {
    const subject = taskSubject.data(this.bench.host.names, this.task);
    this.fedThrough = await this.append(subject, { [header.number]: String(number) }, new TextEncoder().encode(text));
  }

  /** Data inputs appended so far. */
  get fed(): number {
    return this.dataNumber;
  }

  /** Answers with the sequence. */
  async append(subject: string, headers: Readonly<Record<string, string>>, payload = new Uint8Array(0)): Promise<number> {
    const answer = await this.bench.host.bus.append(subject, payload, { headers, timeoutUs: APPEND_TIMEOUT_US });
    if (answer.kind !== 'appended') throw new Error(`the broker did not take a message for ${subject}: ${answer.kind}`);
    return answer.sequence;
  }

  /** Appends a marker of another instance: from here on everything of the present one must be refused. */
  async fence(epoch: number): Promise<void> {
    const last = this.outputs.at(-1)?.headers[header.output] ?? '0';
    await this.append(this.outputSubject, {
      [header.epoch]: String(epoch),
      [header.nonce]: 'another-instance',
      [header.output]: last,
      [header.marker]: '1',
    });
  }

  /** Waits until every input has its output, and all of them are right. */
  async settle(): Promise<void> {
    await this.bench.eventually(
      'an output for every input',
      () => (this.wrong() !== undefined || this.isSettled() ? true : undefined),
      () => `${this.counted.length} outputs for ${countsAfter(this.inputs).length} inputs`,
    );
    this.allRight();
  }

  private isSettled(): boolean {
    return (this.inputs.at(-1)?.sequence ?? 0) >= this.fedThrough && this.counted.length === countsAfter(this.inputs).length;
  }

  /** Waits until `count` outputs are there. */
  async outputsReach(count: number): Promise<void> {
    await this.bench.eventually(
      `${count} outputs`,
      () => (this.counted.length >= count ? true : undefined),
      () => `${this.counted.length}`,
    );
    this.allRight();
  }

  allRight(): void {
    const wrong = this.wrong();
    if (wrong !== undefined) throw new NotAsPromised(wrong);
  }

  private wrong(): string | undefined {
    return wrongOutput(this.outputs, this.inputs);
  }

  // ——— checkpoints ———

  get manifests(): readonly Manifest[] {
    return this.bench.notices.flatMap(({ body, atUs }) =>
      body.kind === 'announced' && body.manifest.task === this.task ? [{ body: body.manifest, atUs }] : [],
    );
  }

  get freed(): readonly { readonly epoch: number; readonly sequence: number }[] {
    return this.bench.notices.flatMap(({ body }) => (body.kind === 'freed' && body.task === this.task ? [body] : []));
  }

  /** Orders a checkpoint and waits until it is announced. */
  async checkpoint(mode: 'full' | 'delta'): Promise<Manifest> {
    const answer = await this.bench.ask({ kind: 'checkpoint', ...this.header(), mode });
    promised(answer.kind === 'checkpointed', 'a checkpoint order to be answered with checkpointed', answer);
    return this.announced(answer.sequence);
  }

  announced(sequence: number): Promise<Manifest> {
    return this.bench.eventually(
      `checkpoint ${this.epoch}.${sequence} to be announced`,
      () => this.manifests.find(({ body }) => body.epoch === this.epoch && body.sequence === sequence),
      () => this.manifests.map(({ body }) => `${body.epoch}.${body.sequence}`),
    );
  }

  async askPages(manifest: CheckpointManifest, positions: Uint32Array): Promise<PageAnswer> {
    const { epoch, sequence } = manifest;
    const request = encodePageRequest(
      envelope(this.bench.host, { kind: 'pages', task: this.task, epoch, sequence, positions }),
    );
    const subject = ecuSubject.pages(this.bench.mac);
    const answer = decodePageAnswer(
      await this.bench.host.bus.request(subject, request, { timeoutUs: this.bench.parts.patienceUs }),
    );
    promised(answer.ok, 'an answer to a page request that decodes', answer.ok ? undefined : answer.error.sentence);
    return answer.value.body;
  }

  /** Pulls the pages that a manifest names, compares every digest, and puts them over `base`. */
  async pull(manifest: CheckpointManifest, base?: HeldState): Promise<HeldState> {
    const { pageCount, pageIndexes, pageDigests } = manifest;
    const memory = new Uint8Array(pageCount * PAGE_BYTES);
    const pageTable = new Uint8Array(pageCount * DIGEST_BYTES);
    if (base !== undefined) {
      memory.set(base.memory);
      pageTable.set(base.pageTable);
    }
    const digest = new Uint8Array(DIGEST_BYTES);
    for (let first = 0; first < pageIndexes.length; first += PAGES_PER_REQUEST) {
      const some = pageIndexes.slice(first, first + PAGES_PER_REQUEST);
      const answer = await this.askPages(manifest, some);
      promised(answer.kind === 'pages', `the pages of checkpoint ${manifest.epoch}.${manifest.sequence}`, answer);
      same(answer.pages.length, some.length * PAGE_BYTES, 'the length of the pages answered');
      for (const [order, index] of some.entries()) {
        const page = answer.pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES);
        systemHasher.digestInto(page, digest, 0);
        const named = pageDigests.subarray((first + order) * DIGEST_BYTES, (first + order + 1) * DIGEST_BYTES);
        promised(
          Buffer.compare(digest, named) === 0,
          `page ${index} to have the digest that the manifest names`,
          Buffer.from(digest).toString('hex'),
        );
        memory.set(page, index * PAGE_BYTES);
        pageTable.set(digest, index * DIGEST_BYTES);
      }
    }
    const { globals, input, outputNumber } = manifest;
    same(
      stateDigest({ table: pageTable, globals, input, outputNumber }, (bytes) => systemHasher.hex(bytes)),
      manifest.stateDigest,
      'the state digest over what was pulled',
    );
    return { manifest, pageTable, memory };
  }
}

/** A task of its own for one check; `end` it. */
export async function openTrial(bench: Bench, options: TrialOptions = {}): Promise<Trial> {
  const trial = new Trial(bench, bench.nextTask(), options);
  await trial.watch();
  return trial;
}

/** Runs `use` with a task of its own, and stops it whatever happened. */
export async function withTrial(bench: Bench, options: TrialOptions, use: (trial: Trial) => Promise<void>): Promise<void> {
  const trial = await openTrial(bench, options);
  try {
    await use(trial);
  } finally {
    await trial.end();
  }
}

/** What a manager would hand to a restore target. */
export function referenceTo(state: HeldState, holders: readonly string[]): CheckpointReference {
  const { task, epoch, sequence, input, outputNumber, stateDigest: digest } = state.manifest;
  return { task, epoch, sequence, input, outputNumber, stateDigest: digest, holders };
}
