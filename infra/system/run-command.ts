/**
 * Runs a program of this machine to its end and hands back what it said. For small tools (apt, dpkg, tar, `--version`),
 * not for servers: output is kept in memory up to a bound, and the run is ended after `timeoutUs`.
 */
import { spawn } from 'node:child_process';

export interface CommandOptions {
  readonly timeoutUs: number;
  readonly cwd?: string;
  readonly env?: Readonly<NodeJS.ProcessEnv>;
  /** Called for every line of stdout and stderr, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** `absent`: no such program, or it may not be run. `late`: ended by us after `timeoutUs`. */
  readonly kind: 'exited' | 'signalled' | 'late' | 'absent';
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** More than any tool used here prints; what goes beyond is dropped. */
const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;

/** Never rejects: whatever became of the program is in the result. */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout = collect(child.stdout, options.onLine);
    const stderr = collect(child.stderr, options.onLine);
    let late = false;
    let failure: string | undefined;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, options.timeoutUs / 1000);
    child.on('error', (error) => {
      failure = error.message;
      // A program that never started emits no `close` on every platform; one that did is reported below.
      if (child.pid === undefined) finish('absent', undefined);
    });
    child.on('close', (exitCode, signal) =>
      finish(late ? 'late' : signal === null ? 'exited' : 'signalled', exitCode ?? undefined),
    );

    function finish(kind: CommandResult['kind'], exitCode: number | undefined): void {
      clearTimeout(timer);
      resolve({ kind, exitCode, stdout: stdout(), stderr: failure === undefined ? stderr() : `${stderr()}${failure}\n` });
    }
  });
}

/** The last lines that tell a person why a tool failed. */
export function lastLines(text: string, count: number): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-count).join('\n');
}

function collect(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): () => string {
  let text = '';
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    if (text.length < OUTPUT_CHARS_MAX) text += chunk;
    if (onLine === undefined) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  return () => text;
}
