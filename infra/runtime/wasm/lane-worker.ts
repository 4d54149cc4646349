/** A lane of WebAssembly programs: what a worker thread of this runtime runs. */
import { parentPort } from 'node:worker_threads';
import { serveLane } from '../lane-thread.ts';
import type { WasmStart } from './lane-messages.ts';
import { WasmProgram } from './program.ts';

serveLane<WasmStart>(parentPort, ({ module, fuelPerJob, image }, log) => new WasmProgram({ module, fuelPerJob, image, log }));
