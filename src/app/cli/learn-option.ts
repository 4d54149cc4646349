/** `--learn` and what belongs to it, of everything that starts managers or ECUs. */
import { type Command, Option } from 'commander';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { EcuConfig, ManagerConfig } from '../compose/process-config.ts';
import { wholeNumber } from './numbers.ts';

export interface LearnFlags {
  readonly learn?: boolean;
  /** Seconds. */
  readonly learnWindow?: number;
  readonly learnSets?: number;
  /** Seconds. */
  readonly learnEvery?: number;
}

const WINDOW_S = 10;
const SETS_LEAST = 32;
const EVERY_S = 60;
const SECOND_US = 1_000_000;

const windowOption = (): Option =>
  new Option('--learn-window <s>', `how long a set is watched before anything is said of it (default ${WINDOW_S})`).argParser(
    wholeNumber(1, 3_600),
  );

const withManagerOptions = (command: Command): Command =>
  command
    .option(
      '--learn-sets <n>',
      `different sets that must have been seen before the model is trained (default ${SETS_LEAST})`,
      wholeNumber(8, 100_000),
    )
    .option('--learn-every <s>', `between two trainings (default ${EVERY_S})`, wholeNumber(1, 86_400));

export const withEcuLearnOption = (command: Command): Command =>
  command
    .option('--learn', 'watch whether the task sets of its lanes meet their deadlines, learn on from it, and report it')
    .addOption(windowOption());

export const withManagerLearnOption = (command: Command): Command =>
  withManagerOptions(
    command.option('--learn', 'train the fleet’s model on what ECUs report, and rank targets by its newest version'),
  );

export const withFleetLearnOption = (command: Command): Command =>
  withManagerOptions(
    command
      .option(
        '--learn',
        'ECUs report how task sets do, managers train a model on it, and targets are ranked by its newest version',
      )
      .addOption(windowOption()),
  );

export function ecuLearning(flags: LearnFlags): Pick<EcuConfig, 'learnWindowUs'> {
  refuseWithout(flags);
  return flags.learn === true ? { learnWindowUs: (flags.learnWindow ?? WINDOW_S) * SECOND_US } : {};
}

export function managerLearning(flags: LearnFlags): Pick<ManagerConfig, 'learns'> {
  refuseWithout(flags);
  const { learn, learnSets = SETS_LEAST, learnEvery = EVERY_S } = flags;
  return learn === true ? { learns: { setsLeast: learnSets, everyUs: learnEvery * SECOND_US } } : {};
}

function refuseWithout({ learn, learnWindow, learnSets, learnEvery }: LearnFlags): void {
  const named = Object.entries({ '--learn-window': learnWindow, '--learn-sets': learnSets, '--learn-every': learnEvery });
  const given = named.find(([, value]) => value !== undefined);
  if (learn !== true && given !== undefined)
    throw new DroverError('ERR_USAGE', `${given[0]} says how to learn: give --learn as well`);
}
