/**
 * The mark the deploy pass leaves in a module: a custom section that says what the runtime has to know and cannot ask the
 * engine (how large the memory is and may become, which globals are state). A module without it is not run.
 */
import { DroverError } from '../../../src/domain/kernel/error-codes.ts';
import { type GlobalType, globalTypes } from './globals.ts';

export const markSection = 'drover.prepared';
/** Rises when the meaning of a prepared module changes; a module of another version has to be deployed again. */
export const MARK_VERSION = 1;

export interface Mark {
  readonly version: number;
  /** WebAssembly pages (64 KiB). */
  readonly initialPages: number;
  readonly maximumPages: number;
  /** Types of the mutable globals, in the order of their index: `drover.global.0`, `drover.global.1`, … */
  readonly globals: readonly GlobalType[];
}

export const encodeMark = (mark: Mark): Uint8Array => new TextEncoder().encode(JSON.stringify(mark));

export function readMark(module: WebAssembly.Module): Mark {
  const refused = (why: string, cause?: unknown): DroverError =>
    new DroverError('ERR_MODULE_REFUSED', `the artefact ${why}; deploy it again with 'drover task deploy'`, { cause });
  const [section, second] = WebAssembly.Module.customSections(module, markSection);
  if (section === undefined || second !== undefined) throw refused("was not prepared by drover's deploy pass");
  let mark: unknown;
  try {
    mark = JSON.parse(new TextDecoder().decode(section));
  } catch (cause) {
    throw refused('carries a mark that does not decode', cause);
  }
  if (!isMark(mark)) throw refused('carries a mark this build cannot read');
  if (mark.version !== MARK_VERSION)
    throw refused(`was prepared by version ${mark.version} of the deploy pass, not ${MARK_VERSION}`);
  return mark;
}

function isMark(value: unknown): value is Mark {
  if (typeof value !== 'object' || value === null) return false;
  const { version, initialPages, maximumPages, globals } = value as Partial<Record<keyof Mark, unknown>>;
  const known = Object.values(globalTypes) as unknown[];
  return (
    [version, initialPages, maximumPages].every(Number.isSafeInteger) &&
    Array.isArray(globals) &&
    globals.every((type) => known.includes(type))
  );
}
