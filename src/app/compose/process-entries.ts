/** The files that processes of the fleet run, and how Node is told to run them. */

export type ProcessKind = 'supervisor' | 'bridge' | 'manager';

/** A child process needs JavaScript: from the source tree (vitest) that is the compiled file in `dist`. */
export function entryFile(kind: ProcessKind): URL {
  const here = import.meta.url;
  const file = `src/app/processes/${kind}-main.js`;
  return new URL(here.endsWith('.ts') ? `../../../dist/${file}` : `../../../${file}`, here);
}

/** The exit code of a process that would fail the same way however often it is started. */
export const EXIT_FOR_GOOD = 78;

/**
 * Small young generations: what these processes allocate dies at once or stays, and V8's default of 3 × 16 MiB semi-spaces
 * is memory that an ECU's tasks should have.
 */
export const SUPERVISOR_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--max-old-space-size=64'];
export const BRIDGE_FLAGS: readonly string[] = ['--max-semi-space-size=2', '--max-old-space-size=256'];
export const MANAGER_FLAGS: readonly string[] = ['--max-semi-space-size=8'];
