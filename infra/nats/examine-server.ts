/** What a file called nats-server turns out to be: it is run with `--version`, because its name proves nothing. */
import { lastLines, runCommand } from '../system/run-command.ts';
import { isAtLeast, parseServerVersion, SERVER_VERSION_MIN, type ServerVersion } from './server-version.ts';

export type ServerOrigin = 'environment' | 'path' | 'cache' | 'fetched';

export interface FoundServer {
  readonly path: string;
  readonly version: ServerVersion;
  readonly origin: ServerOrigin;
}

/** One place that was looked at. */
export interface TriedServer {
  readonly origin: ServerOrigin;
  /** Undefined where the place itself is empty: an unset variable, an empty cache. */
  readonly path: string | undefined;
  readonly outcome: 'usable' | 'too-old' | 'unusable' | 'absent';
  readonly note: string;
}

/** Runs the candidate; a wrong architecture, a missing library or a shell script of that name all show here. */
export async function examine(
  origin: ServerOrigin,
  path: string,
): Promise<{ readonly server: FoundServer | undefined; readonly tried: TriedServer }> {
  const run = await runCommand(path, ['--version'], { timeoutUs: 10_000_000 });
  const version = run.kind === 'exited' && run.exitCode === 0 ? parseServerVersion(run.stdout) : undefined;
  if (version === undefined) {
    const why =
      run.kind === 'late'
        ? 'it did not answer --version in 10 s'
        : lastLines(run.stderr + run.stdout, 1) || 'it names no version';
    return { server: undefined, tried: { origin, path, outcome: 'unusable', note: `${path}: cannot be used (${why})` } };
  }
  if (!isAtLeast(version, SERVER_VERSION_MIN)) {
    const note = `${path}: version ${version.text} is older than ${SERVER_VERSION_MIN.text}`;
    return { server: undefined, tried: { origin, path, outcome: 'too-old', note } };
  }
  return {
    server: { path, version, origin },
    tried: { origin, path, outcome: 'usable', note: `${path}: version ${version.text}` },
  };
}
