/** `--predict on|off` and `--policy FILE` of everything that starts managers. */
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { PredictionPolicy } from '../../domain/proposal/prediction-policy.ts';

export interface PredictFlags {
  readonly predict: 'on' | 'off';
  readonly policy?: string;
}

export const withPredictOption = (command: Command): Command =>
  command
    .addOption(
      new Option('--predict <when>', 'foresee ECUs that overheat, run out of memory or wear out, and move their tasks before')
        .choices(['on', 'off'])
        .default('on'),
    )
    .option('--policy <file>', 'thresholds, limits and budget of that, in YAML (examples/policy.yaml)');

/** Read once here, so that a bad file is told before anything starts. */
export async function policyOf({ predict, policy: file }: PredictFlags): Promise<{ readonly policy?: PredictionPolicy }> {
  if (file === undefined) return {};
  if (predict === 'off')
    throw new DroverError(
      'ERR_USAGE',
      '--policy says by what is foreseen, and --predict off that nothing is: leave one of them out',
    );
  const { loadPolicyFile } = await import('../policy-file.ts');
  return { policy: await loadPolicyFile(file) };
}
