/**
 * Colours where a person looks, and nowhere else: a stream that is no terminal gets plain text, also on build machines (the package's own
 * guess takes `CI` for a terminal). `NO_COLOR` and `FORCE_COLOR` (no-color.org, force-color.org) are the user's word and win.
 */
import picocolors from 'picocolors';

export const stdoutColours = picocolors.createColors(wanted(process.stdout));
export const stderrColours = picocolors.createColors(wanted(process.stderr));

function wanted(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: terminal } = process.env;
  if (no !== undefined && no !== '') return false;
  if (force !== undefined && force !== '') return force !== '0';
  return stream.isTTY === true && terminal !== 'dumb';
}
