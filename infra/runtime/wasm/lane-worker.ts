/**
 * A lane: one worker thread that hosts many programs and does one thing at a time, in the order it was asked.
 *
 * What one program does wrong (a trap, no fuel left, too many outputs) is an answer, and its lane mates go on. Only a job
 * that neither ends nor uses up its fuel in time takes the lane with it, because a thread is ended as a whole.
 */
import { parentPort } from 'node:worker_threads';
import { assert, unreachable } from '../../../src/domain/kernel/assert.ts';
import type { JobResult } from '../../../src/ports/task-runtime.ts';
import { failedAnswer, type LaneAnswer, type Performed, performedCapture, performedPages } from '../lane-answer.ts';
import type { LaneRequestBody } from './lane-messages.ts';
import { WasmProgram } from './program.ts';

assert(parentPort !== null, 'a lane runs in a worker thread');
const port = parentPort;
const programs = new Map<number, WasmProgram>();
port.postMessage({ type: 'up' } satisfies LaneAnswer);

port.on('message', (request: LaneRequestBody) => {
  try {
    const { value, transfer } = perform(request);
    port.postMessage({ type: 'done', value } satisfies LaneAnswer, transfer);
  } catch (error) {
    port.postMessage(failedAnswer(error));
  }
});

function perform(request: LaneRequestBody): Performed {
  if (request.type === 'ping') return { value: undefined };
  const { program } = request;
  switch (request.type) {
    case 'start': {
      const { module, fuelPerJob, image } = request;
      const log = (level: number, sentence: string): void =>
        port.postMessage({ type: 'log', program, level, sentence } satisfies LaneAnswer);
      programs.set(program, new WasmProgram({ module, fuelPerJob, image, log }));
      return { value: undefined };
    }
    case 'job':
      return performJob(find(program).runJob(request.input));
    case 'capture':
      return performedCapture(find(program).capture(request.mode));
    case 'read-shadow':
      return performedPages(find(program).readShadow(request.pageIndexes));
    case 'stop':
      programs.delete(program);
      return { value: undefined };
    default:
      return unreachable(request);
  }
}

function find(program: number): WasmProgram {
  const found = programs.get(program);
  assert(found !== undefined, `program ${program} runs in this lane`);
  return found;
}

/** Small payloads are cheaper to copy than to transfer. */
const performJob = (result: JobResult): Performed => ({ value: result });
