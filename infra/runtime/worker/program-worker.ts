/** A thread for one `worker` task: a class that runs for ever, or asks for all memory, takes nobody with it. */
import { parentPort } from 'node:worker_threads';
import { serveLane } from '../lane-thread.ts';
import { openWorkerProgram } from './program.ts';
import type { WorkerStart } from './runtime.ts';

serveLane<WorkerStart>(parentPort, ({ source, memoryBytesMax, image }, log) =>
  openWorkerProgram({ source, memoryBytesMax, image, log }),
);
