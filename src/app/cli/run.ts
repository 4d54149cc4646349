/**
 * Builds the program out of the table of commands, runs one, and turns whatever happens into an exit code and, where a
 * person must act, one line: `drover: <sentence> (CODE)`. Stack traces are for the programmer: DROVER_DEBUG shows them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { projectRoot } from '../project-root.ts';
import { COMMANDS, type RegisterCommand } from './commands.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, QuietExit } from './exit.ts';
import { withExamples } from './help.ts';

export interface Terminal {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Whether failures carry their stack trace and causes. */
  readonly debug: boolean;
}

export async function run(
  args: readonly string[],
  terminal: Terminal,
  commands: readonly RegisterCommand[] = COMMANDS,
): Promise<number> {
  try {
    await createProgram(terminal, commands).parseAsync([...args], { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    return report(error, terminal);
  }
}

function createProgram(terminal: Terminal, commands: readonly RegisterCommand[]): Command {
  const program = new Command('drover')
    .description(
      'Keeps the software of a fleet of ECUs alive: tasks are checkpointed, restored after a failure and moved before one.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .showHelpAfterError('Try the command again with --help.')
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.error,
      outputError: (text, write) => write(inHouseForm(text)),
    })
    // Failures come back as exceptions; subcommands inherit this because it is set before they are made.
    .exitOverride();
  for (const register of commands) register(program);
  return withExamples(program, [
    { does: 'See what drover does, in twenty seconds', line: 'drover demo' },
    { does: 'Check that everything works on this machine', line: 'drover test --fast' },
  ]);
}

/** Says what happened, where that was not said already, and gives the exit code. */
function report(error: unknown, terminal: Terminal): number {
  if (error instanceof QuietExit) return error.exitCode;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE; // commander has printed it
  if (error instanceof DroverError) {
    terminal.error(`drover: ${error.message} (${error.code})\n`);
    if (terminal.debug) terminal.error(trace(error));
    return error.code === 'ERR_USAGE' ? EXIT_USAGE : EXIT_FAILED;
  }
  const sentence = error instanceof Error ? error.message : String(error);
  const hint = terminal.debug ? '' : ' (a bug in drover; set DROVER_DEBUG=1 to see where)';
  terminal.error(`drover: ${sentence}${hint}\n`);
  if (terminal.debug) terminal.error(trace(error));
  return EXIT_FAILED;
}

function trace(error: unknown): string {
  const lines: string[] = [];
  for (let next: unknown = error; next !== undefined; next = next instanceof Error ? next.cause : undefined) {
    lines.push(next instanceof Error ? (next.stack ?? next.message) : String(next));
  }
  return `${lines.join('\ncaused by: ')}\n`;
}

/** Commander says `error: unknown option '--x'`; every line of ours starts with who speaks and ends with the code. */
function inHouseForm(text: string): string {
  const match = /^error: (.*?)\.?\n([\s\S]*)$/.exec(text);
  return match === null ? text : `drover: ${match[1]} (ERR_USAGE)\n${match[2]}`;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : 'unknown';
}
