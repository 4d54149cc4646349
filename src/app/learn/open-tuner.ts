/**
 * The fine-tuner of a manager: a thread for each training, gone with its memory when it has answered. A manager that runs from a bundle starts the
 * compiled file beside it, because TensorFlow.js looks for its WebAssembly relative to its own files.
 */
import { Worker } from 'node:worker_threads';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { FineTuner, Tuned, TuneRequest } from '../../ports/fine-tuner.ts';
import { packedReports, type TunerAnswer, type TunerQuestion } from './tuner-messages.ts';

const PATIENCE_MS = 10 * 60_000;
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512 };

export function createTuner(options: { readonly patienceMs?: number } = {}): FineTuner {
  const { patienceMs = PATIENCE_MS } = options;
  let working: Worker | undefined;
  return {
    tune: ({ reports, ...request }: TuneRequest): Promise<Tuned> => {
      const worker = new Worker(workerFile(), { resourceLimits: RESOURCE_LIMITS, execArgv: [], name: 'drover-tuner' });
      working = worker;
      const packed = packedReports(reports);
      const question: TunerQuestion = { ...request, packed };
      return new Promise<Tuned>((resolve, reject) => {
        const fail = (sentence: string, cause?: unknown): void =>
          reject(new DroverError('ERR_LEARN_WORKER', sentence, { cause }));
        const late = setTimeout(() => fail(`training took longer than ${patienceMs / 1000} s and was ended`), patienceMs);
        late.unref();
        worker.on('message', (answer: TunerAnswer) => {
          if (answer.kind === 'answer') resolve(answer.tuned);
          else reject(new DroverError(answer.code, answer.sentence));
        });
        worker.on('error', (cause) => fail(`the thread that trains died: ${cause.message}`, cause));
        worker.on('exit', (code) => {
          clearTimeout(late);
          fail(`the thread that trains ended with code ${code}`);
        });
        worker.postMessage(question, [packed.bytes.buffer as ArrayBuffer, packed.lengths.buffer as ArrayBuffer]);
      }).finally(() => {
        working = undefined;
        void worker.terminate();
      });
    },
    close: async () => {
      await working?.terminate();
    },
  };
}

/** This file runs as `src/…ts`, as `dist/src/…js`, and as part of a bundle in `dist/processes`. */
function workerFile(): URL {
  const here = import.meta.url;
  const compiled = 'src/app/learn/tuner-worker.js';
  if (here.endsWith('.ts')) return new URL(`../../../dist/${compiled}`, here);
  return here.includes('/dist/processes/') ? new URL(`../${compiled}`, here) : new URL('./tuner-worker.js', here);
}
