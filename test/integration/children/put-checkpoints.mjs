// Puts checkpoints until it is killed, and says so line by line: `try` before a put, `ack` after it was answered. The
// memory of checkpoint n is a function of (seed, n) alone, so the parent can say what each one has to rebuild to.
// Arguments: path of the store, seed, durable (1 or 0), first sequence. With DROVER_FAULT=<point>:<count> it kills itself there.
// Runs from the compiled files in dist.
import { writeSync } from 'node:fs';
import { openLmdbCheckpointStore } from '../../../dist/infra/lmdb/checkpoint-store.js';
import { FAULT_VARIABLE, plannedFaults } from '../../../dist/infra/system/fault-plan.js';
import { systemHasher } from '../../../dist/infra/system/hasher.js';
import { checkpointAt, imageAt } from './images.mjs';

const [path, seed, durable, first] = process.argv.slice(2);
const faults = plannedFaults(process.env[FAULT_VARIABLE]);
const store = openLmdbCheckpointStore({ path, hasher: systemHasher, durable: durable === '1', faults });
const newest = store.newest('killed');
let base = newest === undefined ? undefined : { sequence: newest.sequence, memory: imageAt(Number(seed), newest.sequence) };
for (let sequence = Number(first); ; sequence++) {
  const taken = checkpointAt(Number(seed), sequence, sequence % 7 === 0 ? undefined : base);
  writeSync(1, `try ${sequence}\n`);
  const positions = store.missing(taken.manifest);
  const pages = new Uint8Array(positions.length * 4096);
  for (const [i, position] of positions.entries())
    pages.set(taken.pages.subarray(position * 4096, (position + 1) * 4096), i * 4096);
  const { stored } = await store.put(taken.manifest, pages);
  if (!stored) throw new Error(`checkpoint ${sequence} was not stored`);
  writeSync(1, `ack ${sequence}\n`);
  base = { sequence, memory: taken.memory };
  // Damage that somebody did before is found here, and set aside.
  await store.scrub(32);
  if (sequence % 11 === 10) {
    writeSync(1, `retain ${sequence - 3}\n`);
    await store.retain('killed', { epoch: 1, sequence: sequence - 3 });
  }
}
