/** `--power on|off` of everything that starts managers, and how long an ECU must be spared before it sleeps. */
import { type Command, Option } from 'commander';
import type { ManagerConfig } from '../compose/process-config.ts';
import { durationUs } from './numbers.ts';

export interface PowerFlags {
  readonly power: 'on' | 'off';
  readonly powerAfter?: number;
}

export const withPowerOption = (command: Command): Command =>
  command
    .addOption(
      new Option('--power <when>', 'let ECUs sleep that nobody needs, and wake them before somebody does')
        .choices(['on', 'off'])
        .default('off'),
    )
    .option(
      '--power-after <time>',
      'how long an ECU must have been one that can be spared (default 60s)',
      durationUs(1_000_000, 86_400_000_000),
    );

/** One that woke, or could not be emptied, is left alone for five times as long. */
const RESTS = 5;
const AFTER_US = 60_000_000;

export const powerConfigOf = ({ power, powerAfter: afterUs = AFTER_US }: PowerFlags): Pick<ManagerConfig, 'power'> =>
  power === 'on' ? { power: { afterUs, restUs: RESTS * afterUs } } : {};
