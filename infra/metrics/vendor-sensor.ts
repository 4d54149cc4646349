/**
 * A vendor's tool described in words: what to run, and where in its lines the numbers are. The description is plain data, so that it travels to
 * the bridge with the rest of its configuration (`src/app/sensor-file.ts` reads it from a small file).
 */
import type { Metric } from '../../src/domain/metrics/kinds.ts';
import type { CommandSensor } from './command-source.ts';

export interface VendorSensor {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly everyUs: number | 'stream';
  readonly staleUs: number;
  readonly values: readonly VendorValue[];
}

export interface VendorValue {
  readonly metric: Metric;
  /** A regular expression with one group, which holds the number; tried on each line. */
  readonly match: string;
  /** What the number times `scale` plus `offset` is in the metric's unit. */
  readonly scale: number;
  readonly offset: number;
}

export function vendorCommand({ name, command, everyUs, staleUs, values }: VendorSensor): CommandSensor {
  const [program = '', ...args] = command;
  const rules = values.map((value) => ({ ...value, pattern: new RegExp(value.match) }));
  return {
    name,
    program,
    args,
    everyUs,
    staleUs,
    isAskedFor: true,
    metrics: [...new Set(values.map(({ metric }) => metric))],
    readLine: (line, put) => {
      for (const { pattern, metric, scale, offset } of rules) {
        const text = pattern.exec(line)?.[1]?.trim() ?? '';
        if (text !== '') put(metric, Number(text) * scale + offset);
      }
    },
  };
}
