/**
 * Every task of a recording run alone, once, over its recorded inputs, as far as they are there: what the fleet's accepted
 * outputs are compared with. Goes along with the recording, so that it also knows when the fleet has come to rest.
 */

import { type InputCursor, START_OF_INPUTS } from '../../domain/model/checkpoint.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { advance, contiguityOf } from '../../domain/task/contiguity.ts';
import { openAlone } from '../open-alone.ts';
import type { PreparedTask } from '../prepare-task.ts';
import type { Recording } from './recording.ts';
import type { AloneOutput } from './verdict.ts';

interface RunAlone {
  readonly program: Awaited<ReturnType<typeof openAlone>>;
  readonly outputs: AloneOutput[];
  /** How many of the recorded inputs were looked at. */
  looked: number;
  cursor: InputCursor;
  failed: boolean;
}

export class RunsAlone {
  private readonly recording: Recording;
  private readonly runs = new Map<TaskName, RunAlone>();

  constructor(recording: Recording) {
    this.recording = recording;
  }

  async open(prepared: ReadonlyMap<TaskName, PreparedTask>): Promise<void> {
    for (const [task, one] of prepared) {
      const program = await openAlone(one);
      this.runs.set(task, { program, outputs: [], looked: 0, cursor: START_OF_INPUTS, failed: false });
    }
  }

  /** Runs what was recorded since the last call. */
  advance(): void {
    for (const [task, run] of this.runs) {
      const inputs = this.recording.tasks.get(task)?.inputs ?? [];
      for (; run.looked < inputs.length && !run.failed; run.looked++) {
        const input = inputs[run.looked];
        // What an instance would pass over is passed over here; a gap is the verdict's to find.
        if (input === undefined || contiguityOf(run.cursor, input).kind === 'duplicate') continue;
        const result = run.program.runJob(input);
        run.cursor = advance(run.cursor, input, input.sequence);
        if (result.kind === 'failed') run.failed = true;
        else run.outputs.push(...result.outputs);
      }
    }
  }

  /** Tasks whose accepted outputs are fewer than the run alone gives by now. */
  behind(): TaskName[] {
    return [...this.runs].flatMap(([task, { outputs }]) => {
      const last = this.recording.tasks.get(task)?.outputs.at(-1)?.number ?? 0;
      return last < outputs.length ? [task] : [];
    });
  }

  outputs(): ReadonlyMap<TaskName, readonly AloneOutput[]> {
    return new Map([...this.runs].map(([task, { outputs }]) => [task, outputs]));
  }
}
