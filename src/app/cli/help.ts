/** Help texts end with examples that can be pasted: a person learns a command from them faster than from its options. */
import type { Command } from 'commander';

export interface Example {
  /** What it does, as a short sentence without a full stop. */
  readonly does: string;
  /** The whole line to type, starting with `drover`. */
  readonly line: string;
}

export function withExamples(command: Command, examples: readonly Example[]): Command {
  const lines = examples.map(({ does, line }) => `  # ${does}\n  $ ${line.replace(/^drover/, './drover')}`);
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n\n')}`);
}
