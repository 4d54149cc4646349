/**
 * The thread in which models of forecasts are fitted: a tenth of a second of nothing but arithmetic, which would otherwise stand between a
 * heartbeat and its moment. It gives way to every other thread of the process where a thread has a priority of its own (Linux).
 */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { fitBatch } from '../../src/domain/forecast/batch.ts';
import { assert } from '../../src/domain/kernel/assert.ts';
import type { FitAnswer, FitQuestion } from './fit-messages.ts';

const NICE = 10;

assert(parentPort !== null, 'models are fitted in a worker thread');
const port = parentPort;
if (process.platform === 'linux') {
  try {
    // Of the calling thread alone.
    setPriority(0, NICE);
  } catch {
    // Not allowed: then it shares the cores as any other thread.
  }
}
port.on('message', (request: FitQuestion) => {
  let answer: FitAnswer;
  try {
    answer = { kind: 'fitted', models: fitBatch(request) };
  } catch (error) {
    answer = { kind: 'failed', why: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(answer);
});
