/**
 * Starting a task's program from the state it goes on from. Where a migration brings it, that state is whole here a few steps before the
 * task may run: its program is started ahead then, and taken when the deploy names exactly that state. Nothing runs in it before, unless
 * it is to keep up with its task meanwhile (`follower.ts`).
 */
import type { RestoredAt } from '../src/domain/instance/instance-core.ts';
import { DroverError, type ErrorCode } from '../src/domain/kernel/error-codes.ts';
import { isFollowable } from '../src/domain/migration/following.ts';
import type { CheckpointOrder, CheckpointReference } from '../src/domain/model/checkpoint.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { RuntimeKind, TaskSpec } from '../src/domain/model/task.ts';
import type { Artefacts } from '../src/ports/artefacts.ts';
import type { StartOptions, TaskProgram, TaskRuntime } from '../src/ports/task-runtime.ts';
import { Follower } from './follower.ts';
import type { Host } from './host.ts';
import type { InputFeed } from './input-feed.ts';
import type { RestoredState, RestoreImage } from './restore-image.ts';
import type { StandbyCopies } from './standby.ts';

export interface BegunProgram {
  readonly program: TaskProgram;
  readonly restored: RestoredAt | undefined;
  /** Of whoever kept it up with its task; absent: its inputs are to be asked for. */
  readonly feed?: InputFeed | undefined;
  /** Set by whoever takes it: told when it ends by itself, also when that was before. */
  hear(ended: (code: ErrorCode, sentence: string) => void): void;
}

export interface ProgramStartsParts {
  readonly host: Host;
  readonly runtimes: ReadonlyMap<RuntimeKind, TaskRuntime>;
  readonly artefacts: Artefacts;
  readonly restoreImage: RestoreImage;
  readonly standby: StandbyCopies;
}

interface Ahead {
  readonly state: CheckpointReference;
  readonly core: number | undefined;
  readonly begun: Promise<BegunProgram>;
  /** Absent: it stands still, as its source does. */
  readonly follower?: Promise<Follower> | undefined;
}

/** The source runs on meanwhile; after this long another way is quicker. */
const CAUGHT_UP_US_MAX = 500_000;

export class ProgramStarts {
  private readonly parts: ProgramStartsParts;
  private readonly ahead = new Map<TaskName, Ahead>();

  constructor(parts: ProgramStartsParts) {
    this.parts = parts;
  }

  async begin(
    spec: TaskSpec,
    checkpoint: CheckpointReference | undefined,
    { standsAt, core }: { readonly standsAt: Mac | undefined; readonly core: number | undefined },
  ): Promise<BegunProgram> {
    const ahead = this.ahead.get(spec.name);
    this.ahead.delete(spec.name);
    if (ahead !== undefined && checkpoint !== undefined && isSame(ahead.state, checkpoint) && ahead.core === core) {
      try {
        const begun = await ahead.begun;
        const followed = await (await ahead.follower)?.take();
        this.parts.host.counters.add(followed === undefined ? 'restore.ahead' : 'restore.followed');
        if (followed === undefined) return begun;
        this.parts.standby.discard(spec.name);
        return { ...begun, ...followed };
      } catch (cause) {
        this.parts.host.log.info('a program that was started ahead is of no use', { task: spec.name, cause });
      }
    } else if (ahead !== undefined) stop(ahead);
    const runtime = this.runtimeOf(spec);
    const [artefact, restored] = await Promise.all([
      this.parts.artefacts.get(spec.artefact),
      checkpoint === undefined ? undefined : this.parts.restoreImage.fetch(checkpoint, standsAt),
    ]);
    return begin(runtime, { spec, core, artefact }, restored);
  }

  /** From the copy that is at hand, if it is of this order; what it fails by, the deploy will say. */
  startAhead(spec: TaskSpec, { epoch, sequence }: CheckpointOrder, core: number | undefined): void {
    const copy = this.parts.standby.find(spec.name);
    if (copy === undefined || copy.manifest.epoch !== epoch || copy.manifest.sequence !== sequence) return;
    const { input, outputNumber, stateDigest } = copy.manifest;
    const state = { task: spec.name, epoch, sequence, input, outputNumber, stateDigest, holders: [] };
    this.drop(spec.name);
    const begun = this.beginAhead(spec, state, core);
    begun.catch(() => undefined); // heard by whoever takes it
    this.ahead.set(spec.name, { state, core, begun });
  }

  isAhead(task: TaskName, { epoch, sequence }: CheckpointOrder): boolean {
    const ahead = this.ahead.get(task);
    return ahead?.follower === undefined && ahead?.state.epoch === epoch && ahead.state.sequence === sequence;
  }

  /**
   * Starts a program from the copy that is at hand and lets it keep up with the task, which runs elsewhere in that epoch. Answers from which
   * state it began, when it has consumed every input that was there; undefined: it cannot, and there is no such program.
   */
  async follow(spec: TaskSpec, epoch: number, core: number | undefined): Promise<CheckpointReference | undefined> {
    const { name } = spec;
    if (!isFollowable(spec)) return undefined;
    const before = this.ahead.get(name);
    const isOn = before?.follower !== undefined && before.state.epoch === epoch && before.core === core;
    const ahead = isOn ? before : this.beginFollowing(spec, epoch, core);
    if (ahead === undefined) return undefined;
    const hasCaughtUp = await ahead.follower?.then((follower) => follower.caughtUp(CAUGHT_UP_US_MAX)).catch(() => false);
    if (this.ahead.get(name) !== ahead) return undefined;
    if (hasCaughtUp) return ahead.state;
    this.drop(name);
    return undefined;
  }

  private beginFollowing(spec: TaskSpec, epoch: number, core: number | undefined): Ahead | undefined {
    this.drop(spec.name);
    const { host, restoreImage, artefacts } = this.parts;
    const copy = restoreImage.copyAtHand(spec.name, epoch);
    if (copy === undefined) return undefined;
    const { reference: state, image } = copy;
    const start = async (): Promise<BegunProgram> =>
      begin(this.runtimeOf(spec), { spec, core, artefact: await artefacts.get(spec.artefact) }, { ...state, image });
    const begun = start();
    const follower = begun.then(({ program, hear }) => {
      const following = new Follower({ host, spec, program, from: state });
      hear(() => following.stop());
      return following;
    });
    follower.catch(() => undefined); // heard by whoever takes it
    const ahead: Ahead = { state, core, begun, follower };
    this.ahead.set(spec.name, ahead);
    return ahead;
  }

  dropAll(): void {
    for (const task of [...this.ahead.keys()]) this.drop(task);
  }

  drop(task: TaskName): void {
    const ahead = this.ahead.get(task);
    this.ahead.delete(task);
    if (ahead !== undefined) stop(ahead);
  }

  private async beginAhead(spec: TaskSpec, state: CheckpointReference, core: number | undefined): Promise<BegunProgram> {
    const restored = this.parts.restoreImage.atHand(state);
    if (restored === undefined) throw new DroverError('ERR_STORE_MISSING', 'the copy at hand is not of that state');
    return begin(this.runtimeOf(spec), { spec, core, artefact: await this.parts.artefacts.get(spec.artefact) }, restored);
  }

  private runtimeOf({ runtime: kind }: TaskSpec): TaskRuntime {
    const runtime = this.parts.runtimes.get(kind);
    if (runtime === undefined) throw new DroverError('ERR_RUNTIME_UNKNOWN', `this bridge has no runtime ${kind}`);
    return runtime;
  }
}

async function begin(
  runtime: TaskRuntime,
  what: Pick<StartOptions, 'spec' | 'core' | 'artefact'>,
  restored: RestoredState | undefined,
): Promise<BegunProgram> {
  let end: { readonly code: ErrorCode; readonly sentence: string } | undefined;
  let heard: ((code: ErrorCode, sentence: string) => void) | undefined;
  const program = await runtime.start({
    ...what,
    image: restored?.image,
    onEnded: (failure) => {
      end = failure;
      heard?.(failure.code, failure.sentence);
    },
  });
  return {
    program,
    restored,
    hear: (ended) => {
      heard = ended;
      if (end !== undefined) ended(end.code, end.sentence);
    },
  };
}

const isSame = (a: CheckpointReference, b: CheckpointReference): boolean =>
  a.epoch === b.epoch && a.sequence === b.sequence && a.stateDigest === b.stateDigest;

function stop({ begun, follower }: Ahead): void {
  const done = (): void => undefined;
  if (follower !== undefined) follower.then((following) => following.stop(), done);
  else begun.then(({ program }) => void program.stop(), done);
}
