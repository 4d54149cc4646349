/** The files that processes of the fleet run, and how Node is told to run them. */
import { statSync } from 'node:fs';

export type ProcessKind = 'supervisor' | 'bridge' | 'manager';

/**
 * A child process needs JavaScript, from the source tree (vitest) as from `dist`: the bundle (`tools/bundle-processes.mjs`) where
 * it is not older than what the compiler wrote, else the compiled file itself.
 */
export function entryFile(kind: ProcessKind): URL {
  const dist = distFolder();
  const bundled = new URL(`processes/${kind}-main.js`, dist);
  const compiled = new URL(`src/app/processes/${kind}-main.js`, dist);
  return changedAtMs(bundled) >= changedAtMs(new URL('.tsbuildinfo', dist)) && changedAtMs(bundled) > 0 ? bundled : compiled;
}

/** This file runs as `src/…ts`, as `dist/src/…js`, and as part of a bundle in `dist/processes`. */
function distFolder(): URL {
  const here = import.meta.url;
  if (here.endsWith('.ts')) return new URL('../../../dist/', here);
  return new URL(here.includes('/dist/processes/') ? '../' : '../../../', here);
}

/** 0 where there is no such file. An installed package has no `.tsbuildinfo`: its bundle is right. */
const changedAtMs = (file: URL): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** The exit code of a process that would fail the same way however often it is started. */
export const EXIT_FOR_GOOD = 78;

/**
 * Small young generations: what these processes allocate dies at once or stays, and V8's default of 3 × 16 MiB semi-spaces
 * is memory that an ECU's tasks should have. But they are there from the start, and the old generation may fill up to its
 * initial size before it is looked through: V8 would otherwise begin small and collect the whole heap at every 2 MiB of pages
 * that pass through (in six failovers of twelve tasks 92 times, for 1.1 s; so, 12 times, for 0.14 s).
 */
export const SUPERVISOR_FLAGS: readonly string[] = ['--max-semi-space-size=1', '--max-old-space-size=64'];
export const BRIDGE_FLAGS: readonly string[] = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--initial-old-space-size=64',
  '--max-old-space-size=256',
];
export const MANAGER_FLAGS: readonly string[] = [
  '--min-semi-space-size=8',
  '--max-semi-space-size=8',
  '--initial-old-space-size=128',
];
