/** How failures read and exit: one clear line, a code, and never a stack trace unless it was asked for. */
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { COMMANDS, type RegisterCommand } from '../../../src/app/cli/commands.ts';
import { QuietExit } from '../../../src/app/cli/exit.ts';
import { withExamples } from '../../../src/app/cli/help.ts';
import { run } from '../../../src/app/cli/run.ts';
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';

async function runWith(act: () => void, args: readonly string[], { debug = false } = {}) {
  const out: string[] = [];
  const error: string[] = [];
  const terminal = { out: (text: string) => void out.push(text), error: (text: string) => void error.push(text), debug };
  const probe: RegisterCommand = (program: Command) => {
    const command = program.command('probe').option('--level <n>').action(act);
    withExamples(command, [{ does: 'Probe it', line: 'drover probe --level 3' }]);
  };
  const exitCode = await run(args, terminal, [probe]);
  return { exitCode, out: out.join(''), error: error.join('') };
}

const fail = (error: unknown) => () => {
  throw error;
};

describe('exit codes and what is said', () => {
  test('a command that succeeds exits with 0 and says nothing of its own', async () => {
    expect(await runWith(() => {}, ['probe'])).toEqual({ exitCode: 0, out: '', error: '' });
  });

  test('a failure is one line with its code, exit code 1', async () => {
    const { exitCode, out, error } = await runWith(fail(new DroverError('ERR_NO_MANAGER', 'no manager answered')), ['probe']);
    expect({ exitCode, out, error }).toEqual({ exitCode: 1, out: '', error: 'drover: no manager answered (ERR_NO_MANAGER)\n' });
  });

  test('a value that was not understood is a usage error, exit code 2', async () => {
    const { exitCode, error } = await runWith(fail(new DroverError('ERR_USAGE', '--level takes a number')), ['probe']);
    expect({ exitCode, error }).toEqual({ exitCode: 2, error: 'drover: --level takes a number (ERR_USAGE)\n' });
  });

  test.each([
    ['an unknown option', ['probe', '--lever'], "drover: unknown option '--lever' (ERR_USAGE)\n(Did you mean --level?)"],
    ['an option without its value', ['probe', '--level'], "drover: option '--level <n>' argument missing (ERR_USAGE)"],
    ['an unknown command', ['prob'], "drover: unknown command 'prob' (ERR_USAGE)\n(Did you mean probe?)"],
    [
      'an argument too many',
      ['probe', 'x'],
      "drover: too many arguments for 'probe'. Expected 0 arguments but got 1 (ERR_USAGE)",
    ],
  ])('%s is said in the same form, with the way out', async (_, args, said) => {
    const { exitCode, out, error } = await runWith(() => {}, args);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(error).toMatch(said);
    expect(error).toContain('--help');
  });

  test('a command that has said everything ends with its own code, silently', async () => {
    expect(await runWith(fail(new QuietExit(7)), ['probe'])).toEqual({ exitCode: 7, out: '', error: '' });
  });

  test('a bug is one line as well, and names the way to its trace', async () => {
    const { exitCode, error } = await runWith(fail(new TypeError('x is undefined')), ['probe']);
    expect(exitCode).toBe(1);
    expect(error).toBe('drover: x is undefined (a bug in drover; set DROVER_DEBUG=1 to see where)\n');
  });

  test('with DROVER_DEBUG the trace and the chain of causes follow', async () => {
    const failure = new DroverError('ERR_BUS_TIMEOUT', 'no answer', { cause: new Error('socket closed') });
    const { error } = await runWith(fail(failure), ['probe'], { debug: true });
    expect(error).toMatch(/^drover: no answer \(ERR_BUS_TIMEOUT\)\n/);
    expect(error).toMatch(/DroverError: no answer\n\s+at [\s\S]*caused by: Error: socket closed\n\s+at /);
  });
});

describe('help', () => {
  test('goes to standard output, exits with 0 and ends with examples that can be pasted', async () => {
    const { exitCode, out, error } = await runWith(() => {}, ['probe', '--help']);
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(out).toMatch(/Examples:\n {2}# Probe it\n {2}\$ \.\/drover probe --level 3\n+$/);
  });

  test('every command of the table describes itself and shows an example', async () => {
    const terminal = (said: string[]) => ({ out: (text: string) => void said.push(text), error: () => {}, debug: false });
    const top: string[] = [];
    await run(['--help'], terminal(top));
    const names = [...top.join('').matchAll(/^ {2}([a-z]+)(?: .*)? {2,}\S/gm)].map((match) => match[1] ?? '');
    const commands = names.filter((name) => name !== 'help');
    // `bridge` is what a supervisor starts; no person does.
    expect(commands).toHaveLength(COMMANDS.length - 1);
    for (const name of commands) {
      const said: string[] = [];
      expect(await run([name, '--help'], terminal(said))).toBe(0);
      expect(said.join(''), name).toMatch(new RegExp(`Examples:\\n(?: {2}#.*\\n {2}\\$ \\./drover ${name}.*\\n\\n?)+`));
    }
  });
});
