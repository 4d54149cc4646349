/** Why a set is not said to be schedulable, with the numbers; one sentence for people. */
import type { SetRefusal } from './set-check.ts';

export type Refusal =
  | SetRefusal
  /** A number of the platform or of the overheads that means nothing. */
  | { readonly kind: 'bad-platform'; readonly what: string }
  /** No test here speaks about this: a sum of tests could be a wrong yes. */
  | { readonly kind: 'not-modelled'; readonly what: string }
  | { readonly kind: 'overloaded'; readonly loadPpm: number; readonly cores: number }
  /** This task alone is more than a core. */
  | { readonly kind: 'task-overload'; readonly index: number; readonly wcetUs: number; readonly periodUs: number }
  /** Certain: this task has a job that can be late. Its response is at least so long. */
  | { readonly kind: 'deadline-missed'; readonly index: number; readonly responseUs: number; readonly deadlineUs: number }
  /** Certain, though not which task is late: so much must run in the first `atUs`. */
  | { readonly kind: 'demand-exceeded'; readonly atUs: number }
  /** The test does not prove it; another might. */
  | {
      readonly kind: 'not-proven';
      readonly index: number;
      readonly responseUs: number | undefined;
      readonly deadlineUs: number;
    }
  /** No packing was found: on the last core tried this task would be late because of the one that had no place. */
  | {
      readonly kind: 'not-packed';
      readonly index: number;
      readonly lateIndex: number | undefined;
      readonly responseUs: number | undefined;
      readonly deadlineUs: number;
    }
  /** The answer takes too long to find (a load of exactly 1, a hyperperiod of years). */
  | { readonly kind: 'work-limit'; readonly index: number | undefined };

export type RefusalKind = Refusal['kind'];

export function sentenceOfRefusal(refusal: Refusal, nameOf: (index: number) => string): string {
  switch (refusal.kind) {
    case 'empty-set':
      return 'there is no task in the set';
    case 'too-many-tasks':
      return `${refusal.count} tasks are more than the ${refusal.max} that are analysed together`;
    case 'not-whole':
      return `${nameOf(refusal.index)}: ${refusal.field} ${refusal.value} is no whole number`;
    case 'not-positive':
      return `${nameOf(refusal.index)}: ${refusal.field} ${refusal.value} is too small`;
    case 'too-large':
      return `${nameOf(refusal.index)}: ${refusal.field} ${refusal.value} is too large to be added up exactly`;
    case 'bad-platform':
      return refusal.what;
    case 'not-modelled':
      return `no test here covers ${refusal.what}`;
    case 'overloaded':
      return refusal.loadPpm <= refusal.cores * 1_000_000 + 50
        ? `the tasks need a little more than the ${refusal.cores * 100} % of one core that there are`
        : `the tasks need ${(refusal.loadPpm / 10_000).toFixed(2)} % of one core, there are ${refusal.cores * 100} %`;
    case 'task-overload':
      return `${nameOf(refusal.index)} needs ${refusal.wcetUs} µs in every ${refusal.periodUs} µs, more than a core has`;
    case 'deadline-missed':
      return `${nameOf(refusal.index)} would answer after ${refusal.responseUs} µs or more, its deadline is ${refusal.deadlineUs} µs`;
    case 'demand-exceeded':
      return `more than ${refusal.atUs} µs of work can be due within ${refusal.atUs} µs`;
    case 'not-proven':
      return refusal.responseUs === undefined
        ? `the deadline of ${nameOf(refusal.index)}, ${refusal.deadlineUs} µs, is not proven to hold`
        : `${nameOf(refusal.index)} is only known to answer within ${refusal.responseUs} µs, its deadline is ${refusal.deadlineUs} µs`;
    case 'not-packed': {
      const late =
        refusal.lateIndex === undefined
          ? ''
          : refusal.responseUs === undefined
            ? `: ${nameOf(refusal.lateIndex)} could miss its deadline of ${refusal.deadlineUs} µs`
            : `: ${nameOf(refusal.lateIndex)} would answer after ${refusal.responseUs} µs or more, its deadline is ${refusal.deadlineUs} µs`;
      return `no core was found for ${nameOf(refusal.index)}${late}`;
    }
    case 'work-limit':
      return refusal.index === undefined
        ? 'the answer takes too long to find: the load is too near what the cores can do'
        : `the response of ${nameOf(refusal.index)} takes too long to find: the load is too near what the core can do`;
  }
}
