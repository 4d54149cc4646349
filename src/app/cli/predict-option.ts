/** `--predict on|off` of everything that starts managers. */
import { type Command, Option } from 'commander';

export interface PredictFlags {
  readonly predict: 'on' | 'off';
}

export const withPredictOption = (command: Command): Command =>
  command.addOption(
    new Option('--predict <when>', 'foresee ECUs that overheat, run out of memory or wear out, and move their tasks before')
      .choices(['on', 'off'])
      .default('on'),
  );
