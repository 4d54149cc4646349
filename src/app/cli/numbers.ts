/** Parsers for option values; commander shows what they say beside the option's name. */
import { InvalidArgumentError } from 'commander';

export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number between ${least} and ${most}.`);
  };

export const collect = (value: string, before: readonly string[]): string[] => [...before, value];
