import type { Adviser, AssignRequest } from '../domain/placement/assign.ts';
import type { LearningView } from '../domain/protocol/messages.ts';

/** Whoever ranks candidates just now: a learned model that may be followed by a newer one at any moment. */
export interface Advising {
  current(): { readonly adviser: Adviser; readonly name: string } | undefined;
  /** For people. */
  told(): LearningView;
}

/** For one plan: all of its decisions by the same adviser. */
export function advised(advising: Advising | undefined): Pick<AssignRequest, 'adviser' | 'advisedBy'> {
  const now = advising?.current();
  return now === undefined ? {} : { adviser: now.adviser, advisedBy: now.name };
}
