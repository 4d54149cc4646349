/**
 * Models fitted in a thread of their own, one request after the other. The thread starts with the first request (a manager that never
 * fits has none), keeps no process alive by itself, and is started again by the next request when it died.
 */
import { Worker } from 'node:worker_threads';
import type { BatchModels, FitRequest } from '../../src/domain/forecast/batch.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ModelFitter } from '../../src/ports/model-fitter.ts';
import type { FitAnswer, FitQuestion } from './fit-messages.ts';

interface Open {
  readonly resolve: (models: BatchModels) => void;
  readonly reject: (error: Error) => void;
}

const MEMORY = { maxOldGenerationSizeMb: 128 };

export function createWorkerFitter(): ModelFitter {
  let worker: Worker | undefined;
  const open: Open[] = [];
  let isClosed = false;

  const failAll = (why: string): void => {
    worker = undefined;
    for (const { reject } of open.splice(0)) reject(new DroverError('ERR_FIT_FAILED', why, { retryable: true }));
  };
  const start = (): Worker => {
    const started = new Worker(threadFile(import.meta.url), { resourceLimits: MEMORY, execArgv: [], name: 'fitter' });
    started.on('message', (answer: FitAnswer) => {
      const first = open.shift();
      if (open.length === 0) started.unref();
      if (answer.kind === 'fitted') first?.resolve(answer.models);
      else first?.reject(new DroverError('ERR_FIT_FAILED', `models could not be fitted: ${answer.why}`));
    });
    started.on('error', ({ message }) => failAll(`the thread that fits models died: ${message}`));
    started.on('exit', (code) => {
      if (worker === started) failAll(`the thread that fits models ended with code ${code}`);
    });
    return started;
  };
  return {
    fit: (request: FitRequest) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(new DroverError('ERR_FIT_FAILED', 'the fitter was closed'));
        worker ??= start();
        worker.ref();
        open.push({ resolve, reject });
        worker.postMessage(request satisfies FitQuestion, [request.series.buffer as ArrayBuffer]);
      }),
    close: async () => {
      isClosed = true;
      const ended = worker;
      failAll('the fitter was closed');
      await ended?.terminate();
    },
  };
}

/** A thread needs JavaScript: from the source tree (vitest) that is the compiled file in `dist`; else it lies beside this one. */
function threadFile(here: string): URL {
  if (!here.endsWith('.ts')) return new URL('./fit-worker.js', here);
  return new URL('../../dist/infra/forecast/fit-worker.js', here);
}
