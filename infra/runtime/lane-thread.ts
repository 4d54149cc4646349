/**
 * The thread's side of a lane: hosts programs and does one thing at a time, always the most urgent that waits
 * (`src/domain/instance/lane-queue.ts`). What has begun runs to its end; of several jobs each is decided on anew, after a look at what
 * has been asked meanwhile. The decision is made here and not in the main thread, so that nothing waits for a round trip between jobs.
 *
 * What one program does wrong (a trap, no fuel left, too many outputs) is an answer, and its lane mates go on. Only a job
 * that does not end in time takes the lane with it, because a thread is ended as a whole.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { type LaneEntry, LaneQueue, type Urgency } from '../../src/domain/instance/lane-queue.ts';
import { assert, unreachable } from '../../src/domain/kernel/assert.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { JOBS_BUDGET_US, type JobInput, type JobResult, type TaskCapture } from '../../src/ports/task-runtime.ts';
import { CoreSeat } from './core-turns.ts';
import type { LaneAnswer, LaneData, LaneRequest, Numbered, StartRequest } from './lane-messages.ts';

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

/** What a program takes up and how urgent that is. */
interface Hosted {
  readonly program: HostedProgram;
  readonly urgency: Urgency;
}

/** Jobs of one request that are done, and the time they took. */
interface JobsDone {
  readonly results: JobResult[];
  spentMs: number;
}

interface Work<Start extends StartRequest> {
  readonly request: Numbered<LaneRequest<Start>>;
  readonly jobs: JobsDone;
}

const NO_URGENCY: Urgency = { priority: 0, periodUs: 0, deadlineUs: 0 };
const KINDS = {
  start: 'command',
  stop: 'command',
  ping: 'command',
  jobs: 'jobs',
  capture: 'upkeep',
  'read-shadow': 'upkeep',
} as const;

export function serveLane<Start extends StartRequest>(port: MessagePort | null, open: OpenProgram<Start>): void {
  assert(port !== null, 'a lane runs in a worker thread');
  const programs = new Map<number, Hosted>();
  const { order, seat } = workerData as LaneData;
  const queue = new LaneQueue<Work<Start>>(order);
  const core = seat && new CoreSeat(seat);
  const find = (program: number): HostedProgram => {
    const found = programs.get(program);
    assert(found !== undefined, `program ${program} runs in this lane`);
    return found.program;
  };
  const perform = (request: Exclude<LaneRequest<Start>, { type: 'jobs' }>): Performed | Promise<Performed> => {
    switch (request.type) {
      case 'ping':
        return { value: undefined };
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
        const { program, urgency } = request;
        const opened = open(request, (level, sentence) =>
          port.postMessage({ type: 'log', program, level, sentence } satisfies LaneAnswer),
        );
        const keep = (hosted: HostedProgram): Performed => {
          programs.set(program, { program: hosted, urgency });
          return { value: undefined };
        };
        return opened instanceof Promise ? opened.then(keep) : keep(opened);
      }
      default:
        return unreachable(request);
    }
  };
  const answer = (number: number, { value, transfer }: Performed): void =>
    port.postMessage({ type: 'done', number, value } satisfies LaneAnswer, transfer);
  const fail = (number: number, error: unknown): void => port.postMessage(failedAnswer(number, error));

  const take = (request: Numbered<LaneRequest<Start>>): void => {
    const { type, program, askedUs } = request;
    const urgency = programs.get(program)?.urgency ?? NO_URGENCY;
    const arrivedUs = type === 'jobs' ? arrivalOf(request, 0) : askedUs;
    const work = { request, jobs: { results: [], spentMs: 0 } };
    queue.add({ program, kind: KINDS[type], urgency, arrivedUs, queuedUs: performance.now() * 1000, work });
  };
  /** One job of it; true when the request is answered with that. */
  const runOneJob = (entry: LaneEntry<Work<Start>>, request: JobsRequest): boolean => {
    const { jobs } = entry.work;
    const startedMs = performance.now();
    const result = find(request.program).runJob(request.inputs[jobs.results.length] as JobInput);
    jobs.spentMs += performance.now() - startedMs;
    jobs.results.push(result);
    const { length } = jobs.results;
    if (result.kind !== 'failed' && jobs.spentMs * 1000 < JOBS_BUDGET_US && length < request.inputs.length) {
      entry.arrivedUs = arrivalOf(request, length);
      return false;
    }
    // Small payloads are cheaper to copy than to transfer.
    answer(request.number, { value: jobs.results });
    return true;
  };
  /** Does the entry, or one job of it. A promise: a program opens, and everything else waits for it. */
  const serve = (entry: LaneEntry<Work<Start>>): Promise<void> | undefined => {
    const { request } = entry.work;
    const { number } = request;
    try {
      if (request.type === 'jobs') {
        if (runOneJob(entry, request as JobsRequest)) queue.remove(entry);
        return undefined;
      }
      queue.remove(entry);
      const performed = perform(request as Exclude<LaneRequest<Start>, { type: 'jobs' }>);
      if (performed instanceof Promise)
        return performed.then(
          (value) => answer(number, value),
          (error: unknown) => fail(number, error),
        );
      answer(number, performed);
    } catch (error) {
      if (request.type === 'jobs') queue.remove(entry);
      fail(number, error);
    }
    return undefined;
  };
  const nextAsked = (): LaneEntry<Work<Start>> | undefined => {
    for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port))
      take(more.message as Numbered<LaneRequest<Start>>);
    return queue.next(performance.now() * 1000);
  };
  /** The turn is the lane's: what is the most urgent when it comes is what is done in it. */
  const nextInTurn = (asked: LaneEntry<Work<Start>>): LaneEntry<Work<Start>> => {
    if (core === undefined || asked.kind === 'command') return asked;
    const waitsMs = performance.now();
    const { tier, rank } = queue.standing(asked, waitsMs * 1000);
    core.take(tier, rank);
    const entry = nextAsked() ?? asked;
    entry.work.jobs.spentMs += performance.now() - waitsMs;
    return entry;
  };
  let opening = false;
  const serveAll = (): void => {
    while (!opening) {
      const asked = nextAsked();
      if (asked === undefined) return;
      const serving = serve(nextInTurn(asked));
      core?.give();
      if (serving === undefined) continue;
      opening = true;
      void serving.then(() => {
        opening = false;
        serveAll();
      });
    }
  };
  port.on('message', (request: Numbered<LaneRequest<Start>>) => {
    take(request);
    serveAll();
  });
  port.postMessage({ type: 'up' } satisfies LaneAnswer);
}

type JobsRequest = Numbered<Extract<LaneRequest, { type: 'jobs' }>>;

const arrivalOf = ({ inputs, askedUs }: JobsRequest, at: number): number => inputs[at]?.arrivedUs ?? askedUs;

function failedAnswer(number: number, error: unknown): LaneAnswer {
  if (error instanceof DroverError)
    return { type: 'failed', number, code: error.code, sentence: error.message, retryable: error.retryable };
  return { type: 'broken', number, stack: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
