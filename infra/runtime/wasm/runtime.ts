/**
 * The `wasm` task runtime: programs in a few warm lanes.
 *
 * A failover restores a dozen tasks at once, so nothing is started per task: lanes are up before they are needed, a module
 * is compiled once per artefact in this thread (V8 shares the code between threads) and a restore is an instantiation and
 * a copy. A program stays in its lane: that of the core it was admitted to, or else the one with the fewest.
 */
import { availableParallelism } from 'node:os';
import { type LaneOrder, urgencyOf } from '../../../src/domain/instance/lane-queue.ts';
import { assert } from '../../../src/domain/kernel/assert.ts';
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import type { RuntimeOffer } from '../../../src/domain/model/compatibility.ts';
import type { Digest } from '../../../src/domain/model/ids.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Log } from '../../../src/ports/log.ts';
import type { StartOptions, TaskProgram, TaskRuntime } from '../../../src/ports/task-runtime.ts';
import type { CoreTurns } from '../core-turns.ts';
import { Lane, threadFile } from '../lane.ts';
import { compactImage, LaneProgram, logFromTask } from '../lane-program.ts';
import { allowedImports } from './abi.ts';
import type { WasmRequest } from './lane-messages.ts';
import { MARK_VERSION, readMark } from './mark.ts';
import { WASM_PAGE_BYTES } from './prepare.ts';
import { compileArtefact } from './run-alone.ts';

export interface WasmRuntimeOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Worker threads; defaults to the number of cores. */
  readonly lanes?: number;
  /** Of the cores of the lanes, which other threads share. */
  readonly turns?: readonly CoreTurns[];
  /** Who goes first in a lane; absent: by fixed priorities. */
  readonly order?: LaneOrder;
  /** A lane that makes no progress for this long is ended. Fuel ends a job long before; this is for what fuel cannot see. */
  readonly watchdogUs?: number;
}

/** Runs what the deploy pass of this version, or an earlier one, has made. */
const RUNTIME_VERSION = MARK_VERSION;
const HOST_FUNCTIONS = Object.entries(allowedImports).flatMap(([module, functions]) =>
  Object.keys(functions).map((name) => `${module}.${name}`),
);
const WATCHDOG_US = 5_000_000;
/** Heaps stay small: programs live in array buffers, which these bounds do not count. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 };
/** Compiled modules kept, the least recently started given up first. Programs that run keep theirs in any case. */
const COMPILED_MAX = 64;

export interface WasmRuntime extends TaskRuntime {
  /** Resolves when every lane answers. Starting a program does not need to wait for it. */
  ready(): Promise<void>;
  /** Compiles ahead, so that a start finds the module there: what a manager does for tasks it may have to restore. */
  compile(digest: Digest, artefact: Uint8Array): Promise<void>;
}

export function createWasmRuntime(options: WasmRuntimeOptions): WasmRuntime {
  return new LanesRuntime(options);
}

interface HostedLane {
  lane: Lane<WasmRequest>;
  readonly programs: Map<number, LaneProgram>;
}

class LanesRuntime implements WasmRuntime {
  readonly kind = 'wasm';
  readonly offer: RuntimeOffer = { runtime: 'wasm', version: RUNTIME_VERSION, hostFunctions: HOST_FUNCTIONS };
  readonly #options: WasmRuntimeOptions;
  readonly #lanes: HostedLane[] = [];
  readonly #compiled = new Map<Digest, Promise<WebAssembly.Module>>();
  #lastProgram = 0;
  #closed = false;

  constructor(options: WasmRuntimeOptions) {
    this.#options = options;
    const count = Math.max(1, options.lanes ?? availableParallelism());
    for (let at = 0; at < count; at++) {
      const programs = new Map<number, LaneProgram>();
      const turns = options.turns?.[at];
      const hosted: HostedLane = { lane: this.#openLane(programs, { self: () => hosted, turns }), programs };
      this.#lanes.push(hosted);
    }
  }

  async ready(): Promise<void> {
    await Promise.all(this.#lanes.map(({ lane }) => lane.ask({ type: 'ping', program: 0 })));
  }

  async compile(digest: Digest, artefact: Uint8Array): Promise<void> {
    await this.#module(digest, artefact);
  }

  async start({ spec, artefact, image, core, onEnded }: StartOptions): Promise<TaskProgram> {
    assert(spec.runtime === this.kind, 'the caller chose the runtime by the spec');
    const module = await this.#module(spec.artefact, artefact);
    const { version, maximumPages } = readMark(module);
    if (maximumPages !== Math.ceil(spec.memoryBytesMax / WASM_PAGE_BYTES)) {
      throw new DroverError(
        'ERR_SPEC_INVALID',
        `memoryBytesMax: the artefact of '${spec.name}' was prepared for ${maximumPages * WASM_PAGE_BYTES} bytes, the spec says ${spec.memoryBytesMax}; deploy it again`,
      );
    }
    assert(!this.#closed, 'the runtime is open');
    const hosted = (core === undefined ? undefined : this.#lanes[core]) ?? this.#roomiest();
    const number = ++this.#lastProgram;
    const program = new LaneProgram({
      needs: { runtimeVersion: version, hostFunctions: hostFunctionsOf(module) },
      number,
      name: spec.name,
      lane: hosted.lane,
      core: this.#lanes.indexOf(hosted),
      onEnded,
      onStopped: () => hosted.programs.delete(number),
    });
    hosted.programs.set(number, program);
    try {
      await hosted.lane.ask({
        type: 'start',
        program: number,
        module,
        fuelPerJob: spec.fuelPerJob,
        image: image && compactImage(image),
        urgency: urgencyOf(spec),
      });
      program.started();
    } catch (error) {
      hosted.programs.delete(number);
      throw error;
    }
    return program;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#lanes.map(({ lane }) => lane.close()));
  }

  #openLane(
    programs: Map<number, LaneProgram>,
    at: { readonly self: () => HostedLane; readonly turns: CoreTurns | undefined },
  ): Lane<WasmRequest> {
    const { clock, log, watchdogUs = WATCHDOG_US, order = 'fp' } = this.#options;
    const seat = at.turns?.join();
    return new Lane<WasmRequest>({
      order,
      seat,
      onGone: () => {
        if (seat !== undefined) at.turns?.leave(seat);
      },
      file: threadFile(import.meta.url, 'lane-worker'),
      name: 'drover-lane',
      resourceLimits: RESOURCE_LIMITS,
      clock,
      watchdogUs,
      onLog: (number, level, sentence) => logFromTask(log, programs.get(number)?.name, level, sentence),
      onEnded: (failure) => {
        const ended = [...programs.values()];
        programs.clear();
        log.error(`a lane ended with ${ended.length} programs: ${failure.sentence}`, { code: failure.code });
        if (!this.#closed) at.self().lane = this.#openLane(programs, at);
        for (const program of ended) program.ended(failure);
      },
    });
  }

  #roomiest(): HostedLane {
    return this.#lanes.reduce((best, each) => (each.programs.size < best.programs.size ? each : best));
  }

  #module(digest: Digest, artefact: Uint8Array): Promise<WebAssembly.Module> {
    const module = this.#compiled.get(digest) ?? compileArtefact(artefact);
    this.#compiled.delete(digest);
    this.#compiled.set(digest, module);
    module.catch(() => this.#compiled.delete(digest));
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size > COMPILED_MAX && oldest !== undefined) this.#compiled.delete(oldest);
    return module;
  }
}

const hostFunctionsOf = (module: WebAssembly.Module): readonly string[] => [
  ...new Set(WebAssembly.Module.imports(module).map(({ module: from, name }) => `${from}.${name}`)),
];
