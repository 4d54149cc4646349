/**
 * Bundles the processes of a fleet into `dist/processes`, one file each with shared chunks (`npm run build:processes`). Loading a
 * hundred and fifty small modules is most of what a bridge does between its start and its first heartbeat: bundled it takes a
 * third of the CPU time and 10 MiB less memory, in every supervisor, bridge and manager of a machine. Where there is no bundle, or
 * an older one than what it was made of, the modules themselves are run (`process-entries.ts`).
 *
 * `lmdb` stays outside: it finds its native library relative to its own file. Nothing is minified, so that stack traces can
 * be read.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'rolldown';

const compiled = join(import.meta.dirname, '..', 'dist');
const folder = join(compiled, 'processes');

await rm(folder, { recursive: true, force: true });
await build({
  input: {
    'supervisor-main': join(compiled, 'src/app/processes/supervisor-main.js'),
    'bridge-main': join(compiled, 'src/app/processes/bridge-main.js'),
    'manager-main': join(compiled, 'src/app/processes/manager-main.js'),
    // Where `lane.ts` looks for them: beside the file that holds its own code.
    'lane-worker': join(compiled, 'infra/runtime/wasm/lane-worker.js'),
    'fit-worker': join(compiled, 'infra/forecast/fit-worker.js'),
    'program-worker': join(compiled, 'infra/runtime/worker/program-worker.js'),
  },
  platform: 'node',
  external: ['lmdb'],
  logLevel: 'warn',
  output: { dir: folder, format: 'esm', entryFileNames: '[name].js', chunkFileNames: 'shared-[hash].js' },
});
