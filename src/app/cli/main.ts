/**
 * The entry that `./drover` becomes. It only ties the command line to this process; what there is to run is in
 * `commands.ts`, how failures read and exit is in `run.ts`.
 */
import { run } from './run.ts';

// A reader that has seen enough (`drover status | head`) closes the pipe: that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  error: (text) => void process.stderr.write(text),
  debug: (process.env['DROVER_DEBUG'] ?? '') !== '',
});
