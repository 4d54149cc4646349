/** What a fitting thread is asked and what it answers, in order: one answer a request. */
import type { BatchModels, FitRequest } from '../../src/domain/forecast/batch.ts';

export type FitQuestion = FitRequest;
export type FitAnswer =
  | { readonly kind: 'fitted'; readonly models: BatchModels }
  | { readonly kind: 'failed'; readonly why: string };
