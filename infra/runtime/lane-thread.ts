/**
 * The thread's side of a lane: hosts programs and does one thing at a time, in the order it was asked.
 *
 * What one program does wrong (a trap, no fuel left, too many outputs) is an answer, and its lane mates go on. Only a job
 * that does not end in time takes the lane with it, because a thread is ended as a whole.
 */
import type { MessagePort } from 'node:worker_threads';
import { assert, unreachable } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { JOBS_BUDGET_US, type JobInput, type JobResult, type TaskCapture } from '../../src/ports/task-runtime.ts';
import type { LaneAnswer, LaneRequest, StartRequest } from './lane-messages.ts';

/** A program in the thread that calls. */
export interface HostedProgram {
  runJob(input: JobInput): JobResult;
  capture(mode: 'full' | 'delta'): TaskCapture;
  readShadow(pageIndexes: Uint32Array): Uint8Array;
}

export type OpenProgram<Start extends StartRequest> = (
  request: Start,
  log: (level: number, sentence: string) => void,
) => HostedProgram | Promise<HostedProgram>;

interface Performed {
  readonly value: unknown;
  readonly transfer?: ArrayBuffer[];
}

export function serveLane<Start extends StartRequest>(port: MessagePort | null, open: OpenProgram<Start>): void {
  assert(port !== null, 'a lane runs in a worker thread');
  const programs = new Map<number, HostedProgram>();
  const find = (program: number): HostedProgram => {
    const found = programs.get(program);
    assert(found !== undefined, `program ${program} runs in this lane`);
    return found;
  };
  const perform = (request: LaneRequest<Start>): Performed | Promise<Performed> => {
    switch (request.type) {
      case 'ping':
        return { value: undefined };
      case 'jobs':
        // Small payloads are cheaper to copy than to transfer.
        return { value: runJobs(find(request.program), request.inputs) };
      case 'capture': {
        const value = find(request.program).capture(request.mode);
        return { value, transfer: [value.pages.buffer, value.pageDigests.buffer, value.pageIndexes.buffer] as ArrayBuffer[] };
      }
      case 'read-shadow': {
        const value = find(request.program).readShadow(request.pageIndexes);
        return { value, transfer: [value.buffer as ArrayBuffer] };
      }
      case 'stop':
        programs.delete(request.program);
        return { value: undefined };
      case 'start': {
        const { program } = request;
        const opened = open(request, (level, sentence) =>
          port.postMessage({ type: 'log', program, level, sentence } satisfies LaneAnswer),
        );
        const keep = (hosted: HostedProgram): Performed => {
          programs.set(program, hosted);
          return { value: undefined };
        };
        return opened instanceof Promise ? opened.then(keep) : keep(opened);
      }
      default:
        return unreachable(request);
    }
  };
  const answer = ({ value, transfer }: Performed): void =>
    port.postMessage({ type: 'done', value } satisfies LaneAnswer, transfer);
  const fail = (error: unknown): void => port.postMessage(failedAnswer(error));
  /** While a program opens, what comes after it waits: answers keep the order of the requests. */
  let opening: Promise<void> | undefined;
  const serve = (request: LaneRequest<Start>): void | Promise<void> => {
    try {
      const performed = perform(request);
      return performed instanceof Promise ? performed.then(answer, fail) : answer(performed);
    } catch (error) {
      fail(error);
    }
  };
  port.on('message', (request: LaneRequest<Start>) => {
    const serving = opening === undefined ? serve(request) : opening.then(() => serve(request));
    if (!(serving instanceof Promise)) return;
    const mine = serving.then(() => {
      if (opening === mine) opening = undefined;
    });
    opening = mine;
  });
  port.postMessage({ type: 'up' } satisfies LaneAnswer);
}

function runJobs(program: HostedProgram, inputs: readonly JobInput[]): JobResult[] {
  const endMs = performance.now() + JOBS_BUDGET_US / 1000;
  const results: JobResult[] = [];
  for (const input of inputs) {
    const result = program.runJob(input);
    results.push(result);
    if (result.kind === 'failed' || performance.now() >= endMs) break;
  }
  return results;
}

function failedAnswer(error: unknown): LaneAnswer {
  if (error instanceof DroverError)
    return { type: 'failed', code: error.code, sentence: error.message, retryable: error.retryable };
  return { type: 'broken', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
