/**
 * Exit codes, and how a command ends with one of them. A failure that a person must read is a `DroverError`; a command
 * that has already said everything (a failed check, a chaos run with losses) throws `QuietExit` with its code.
 */
export const EXIT_OK = 0;
/** What was asked for was understood and did not succeed. */
export const EXIT_FAILED = 1;
/** What was asked for was not understood: the usage is shown in `--help`. */
export const EXIT_USAGE = 2;

export class QuietExit extends Error {
  override readonly name = 'QuietExit';
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`ends with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}
