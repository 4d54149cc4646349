/** Fitting in the simulated world: the same models, a virtual while later; nothing when the process ended meanwhile. */
import { fitBatch } from '../../src/domain/forecast/batch.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { ModelFitter } from '../../src/ports/model-fitter.ts';

/** About what it takes on a real machine. */
const FIT_US = 200_000;

export const createSimFitter = (clock: Clock): ModelFitter => ({
  fit: (request) => new Promise((resolve) => clock.after(FIT_US, () => resolve(fitBatch(request)))),
  close: async () => {},
});
