import type { Metric } from '../domain/metrics/kinds.ts';
import type { MetricColumns } from '../domain/metrics/sample.ts';

/**
 * Something that measures: the kernel, a tool of a vendor, the way to the broker, a simulated machine.
 *
 * S1. `read` answers at once with what is known. What takes longer is measured on the side (a file of a sensor may answer after tens of
 *     milliseconds, a program's output comes when it comes) and handed out here while it is fresh, so that sampling delays nobody.
 * S2. What is not there, or too old, is not written. Nothing is made up, and nothing is thrown: a source that fails is absent.
 * S3. Rates are told of the time between two readings, by the monotonic clock.
 */
export interface MetricsSource {
  /** For people: `proc`, `nvidia-smi`. */
  readonly name: string;
  /** All that it may ever write. */
  readonly metrics: readonly Metric[];
  /** Later sources see what earlier ones have written, and may write it anew. */
  read(into: MetricColumns, nowUs: number): void;
  close(): void;
}
