/**
 * The entry that `./drover` becomes. It only ties the command line to this process; what there is to run is in
 * `commands.ts`, how failures read and exit is in `run.ts`.
 */
import { watchOutput } from './output-gone.ts';
import { run } from './run.ts';

/** What is written has long been taken by then; nothing that a command began outlives it. */
const LINGER_MS = 500;

watchOutput();

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  debug: (process.env['DROVER_DEBUG'] ?? '') !== '',
});
// A library may hold on to what is of no use any more: the socket to a server that took the connection and never said a word.
setTimeout(() => process.exit(), LINGER_MS).unref();
