/** What the main thread asks of a lane of WebAssembly programs; the answers are those of every lane (`../lane-answer.ts`). */
import type { JobInput, TaskImage } from '../../../src/ports/task-runtime.ts';

export type LaneRequestBody =
  | {
      readonly type: 'start';
      readonly program: number;
      readonly module: WebAssembly.Module;
      readonly fuelPerJob: number;
      readonly image: TaskImage | undefined;
    }
  | { readonly type: 'job'; readonly program: number; readonly input: JobInput }
  | { readonly type: 'capture'; readonly program: number; readonly mode: 'full' | 'delta' }
  | { readonly type: 'read-shadow'; readonly program: number; readonly pageIndexes: Uint32Array }
  | { readonly type: 'stop'; readonly program: number }
  /** Answered at once: the lane is up. */
  | { readonly type: 'ping' };
