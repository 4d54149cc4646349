/**
 * The `worker` task runtime: TypeScript classes that serialise themselves, each in a worker thread of its own.
 *
 * One thread a task, because JavaScript has no fuel: a job that does not end can only be ended with its thread, and a heap
 * that fills is bounded by thread. So a task that hangs or asks for everything ends alone (T3), and the bridge goes on. The
 * price is the start of a thread at a restore; tasks that must be back at once are WebAssembly tasks. A task's jobs run in its core's turns
 * (`core-turns.ts`), as those of the core's lane do.
 *
 * Wall time bounds a job, not CPU time: as with lanes, a thread that makes no progress for several ticks of the watchdog is
 * ended. What of determinism is enforced says `realm.ts`.
 */
import { type LaneOrder, urgencyOf } from '../../../src/domain/instance/lane-queue.ts';
import { assert } from '../../../src/domain/kernel/assert.ts';
import type { RuntimeOffer } from '../../../src/domain/model/compatibility.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { StartOptions, TaskProgram, TaskRuntime } from '../../../src/ports/task-runtime.ts';
import type { CoreTurns } from '../core-turns.ts';
import { Lane, threadFile } from '../lane.ts';
import type { LaneRequest, StartRequest } from '../lane-messages.ts';
import { compactImage, LaneProgram, logFromTask } from '../lane-program.ts';
import { HOST_FUNCTIONS, RUNTIME_VERSION } from './abi.ts';
import { readArtefact } from './prepare.ts';

export interface WorkerRuntimeOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** A job may take this long, or eight times its task's deadline where that is longer. */
  readonly watchdogUs?: number;
  /** Of the cores that tasks are admitted to; absent: a task takes no turns. */
  readonly turns?: readonly CoreTurns[];
  /** Who goes first where a core is shared; absent: by fixed priorities. */
  readonly order?: LaneOrder;
}

export interface WorkerStart extends StartRequest {
  readonly source: string;
  readonly memoryBytesMax: number;
}

const WATCHDOG_US = 5_000_000;
const DEADLINES_MAX = 8;
/** A heap for the state as objects, its bytes and a copy of them; array buffers are not counted by V8's bound. */
const HEAP_PER_STATE = 4;
const HEAP_MIB_MIN = 64;
const MIB = 1024 * 1024;

export function createWorkerRuntime(options: WorkerRuntimeOptions): TaskRuntime {
  return new ThreadsRuntime(options);
}

class ThreadsRuntime implements TaskRuntime {
  readonly kind = 'worker';
  readonly offer: RuntimeOffer = { runtime: 'worker', version: RUNTIME_VERSION, hostFunctions: HOST_FUNCTIONS };
  readonly #options: WorkerRuntimeOptions;
  readonly #lanes = new Set<Lane<LaneRequest<WorkerStart>>>();

  constructor(options: WorkerRuntimeOptions) {
    this.#options = options;
  }

  async start({ spec, artefact, image, core, onEnded }: StartOptions): Promise<TaskProgram> {
    assert(spec.runtime === this.kind, 'the caller chose the runtime by the spec');
    const { source, version } = readArtefact(artefact);
    const { clock, log, watchdogUs = WATCHDOG_US, order = 'fp' } = this.#options;
    const place = this.#placeOf(core);
    const seat = place?.turns.join();
    const lane = new Lane<LaneRequest<WorkerStart>>({
      file: threadFile(import.meta.url, 'program-worker'),
      name: `drover-${spec.name}`,
      resourceLimits: {
        maxYoungGenerationSizeMb: 8,
        maxOldGenerationSizeMb: HEAP_MIB_MIN + HEAP_PER_STATE * Math.ceil(spec.memoryBytesMax / MIB),
      },
      order,
      seat,
      onGone: () => {
        if (seat !== undefined) place?.turns.leave(seat);
      },
      clock,
      watchdogUs: Math.max(watchdogUs, DEADLINES_MAX * spec.deadlineUs),
      onLog: (_program, level, sentence) => logFromTask(log, spec.name, level, sentence),
      onEnded: (failure) => {
        this.#lanes.delete(lane);
        program.ended(failure);
      },
    });
    this.#lanes.add(lane);
    const end = (): void => {
      if (this.#lanes.delete(lane)) void lane.close();
    };
    const program = new LaneProgram({
      needs: { runtimeVersion: version, hostFunctions: HOST_FUNCTIONS },
      number: 1,
      name: spec.name,
      lane,
      core: place?.core,
      onEnded,
      onStopped: end,
    });
    try {
      const { memoryBytesMax } = spec;
      const start = { type: 'start', program: 1, source, memoryBytesMax, urgency: urgencyOf(spec) } as const;
      await lane.ask({ ...start, image: image && compactImage(image) });
    } catch (error) {
      end();
      throw error;
    }
    program.started();
    return program;
  }

  /** The core of a task, and its turns; a single core is that of all. */
  #placeOf(core: number | undefined): { readonly core: number; readonly turns: CoreTurns } | undefined {
    const { turns = [] } = this.#options;
    const at = core ?? (turns.length === 1 ? 0 : undefined);
    const found = at === undefined ? undefined : turns[at];
    return at === undefined || found === undefined ? undefined : { core: at, turns: found };
  }

  async close(): Promise<void> {
    const lanes = [...this.#lanes];
    this.#lanes.clear();
    await Promise.all(lanes.map((lane) => lane.close()));
  }
}
