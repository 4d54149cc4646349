/**
 * What a `worker` task is: the default export of its module, a class. `docs/TASKS.md` has it for people, `examples/sdk/worker.ts`
 * as types.
 *
 * The artefact is one bundled script that leaves the class in `exports.default`, with a mark in its first line. A script and
 * not an ES module, because Node loads modules into a context of their own only behind an experimental flag.
 */

/** Rises when a task of before could no longer run as it did. */
export const RUNTIME_VERSION = 1;

export const HOST_FUNCTIONS = ['drover.output', 'drover.log'] as const;

/** First line of an artefact. A script without it was not made by the deploy pass, and is not run. */
export const markOf = (version: number): string => `// drover.worker ${version}`;
const MARK = /^\/\/ drover\.worker ([1-9][0-9]{0,4})\n/;

/** The version an artefact was made for; undefined: it was not made by the deploy pass. */
export function versionOf(source: string): number | undefined {
  const version = MARK.exec(source)?.[1];
  return version === undefined ? undefined : Number(version);
}

/** Bounds of what one job may put out, as for WebAssembly: a NATS message holds 1 MiB. */
export const OUTPUT_COUNT_MAX = 512;
export const OUTPUT_BYTES_MAX = 256 * 1024;
export const OUTPUT_BYTES_PER_JOB_MAX = 4 * 1024 * 1024;
export const CHANNEL_MAX = 65_535;
export const LOG_LINES_PER_JOB_MAX = 64;
export const LOG_CHARS_MAX = 4096;
