/**
 * Has the models of forecasters fitted in the background, one fit at a time, and adopts them when they come: meanwhile forecasts are made
 * with what was there before. A fit that fails is only a forecaster that goes on without; it is due again when its series has grown.
 */
import type { Forecaster } from '../src/domain/forecast/forecaster.ts';
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { ModelFitter } from '../src/ports/model-fitter.ts';
import type { Host } from './host.ts';

export class BackgroundFits {
  private readonly host: Host;
  private readonly fitter: ModelFitter;
  private underWay = false;

  constructor(host: Host, fitter: ModelFitter) {
    this.host = host;
    this.fitter = fitter;
  }

  /** Begins a fit where one is due and none is under way. Whoever was served is not due for long, so nobody waits for ever. */
  look(forecasters: Iterable<Forecaster>): void {
    if (this.underWay) return;
    for (const forecaster of forecasters) {
      if (!forecaster.fitDue) continue;
      void this.refit(forecaster);
      return;
    }
  }

  private async refit(forecaster: Forecaster): Promise<void> {
    this.underWay = true;
    try {
      forecaster.adopt(await this.fitter.fit(forecaster.fitRequest()));
      this.host.counters.add('forecast.fitted');
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      this.host.counters.add('forecast.fitFailed');
      this.host.log.info('a forecast goes on with the models it has', { cause });
    } finally {
      this.underWay = false;
    }
  }
}
