/**
 * The runtimes of a bridge, opened for one trial. They are loaded when the first trial begins: a manager that proves nothing holds
 * nothing of them. One lane, because one program runs; its thread ends with the trial.
 */
import type { RuntimeKind } from '../../domain/model/task.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Sandbox } from '../../ports/sandbox.ts';
import type { TaskRuntime } from '../../ports/task-runtime.ts';

export async function openSandbox(clock: Clock): Promise<Sandbox> {
  const { createWasmRuntime } = await import('../../../infra/runtime/wasm/runtime.ts');
  const { createWorkerRuntime } = await import('../../../infra/runtime/worker/runtime.ts');
  const opened = [createWasmRuntime({ clock, log: NO_LOG, lanes: 1 }), createWorkerRuntime({ clock, log: NO_LOG })];
  return {
    runtimes: new Map<RuntimeKind, TaskRuntime>(opened.map((runtime) => [runtime.kind, runtime])),
    close: async () => {
      await Promise.all(opened.map((runtime) => runtime.close()));
    },
  };
}

const nothing = (): void => {};
/** What a task says in a trial it has said before, on its ECU. */
const NO_LOG: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, bind: () => NO_LOG };
