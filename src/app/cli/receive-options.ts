/** `--receive` and `--receive-interval`, wherever a fleet's receiving strategy can be chosen. */
import { type Command, Option } from 'commander';
import {
  RECEIVE_INTERVAL_US,
  RECEIVE_STRATEGIES,
  type ReceiveChoice,
  type ReceiveStrategy,
} from '../../domain/checkpoint/receiving.ts';
import { wholeNumber } from './numbers.ts';

export interface ReceiveFlags {
  readonly receive?: ReceiveStrategy;
  readonly receiveInterval: number;
}

export const withReceiveOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--receive <strategy>',
        'how all managers of the fleet receive checkpoints: pulled when announced, pushed, or fetched at intervals (a new fleet: notify)',
      ).choices([...RECEIVE_STRATEGIES]),
    )
    .option(
      '--receive-interval <ms>',
      'with --receive interval: between two rounds',
      wholeNumber(10, 3_600_000),
      RECEIVE_INTERVAL_US / 1000,
    );

/** Nothing where nothing was chosen: what the fleet has stays. */
export const receiveChoice = ({ receive, receiveInterval }: ReceiveFlags): { readonly receive?: ReceiveChoice } =>
  receive === undefined ? {} : { receive: { strategy: receive, intervalUs: receiveInterval * 1000 } };
