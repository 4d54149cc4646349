/**
 * Fits the models of a forecast to a whole history, without delaying whoever asks: the answer comes when it comes, and is a function of
 * the request alone (`fitBatch`).
 *
 * F1  The series of a request is the fitter's from then on; the caller keeps nothing of it.
 * F2  A fit that cannot be done fails with ERR_FIT_FAILED, and the next one may be asked for.
 */
import type { BatchModels, FitRequest } from '../domain/forecast/batch.ts';

export interface ModelFitter {
  fit(request: FitRequest): Promise<BatchModels>;
  /** What is under way fails. */
  close(): Promise<void>;
}
