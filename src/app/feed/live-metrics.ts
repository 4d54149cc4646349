/** This machine's own load as inputs for ever: the loads of its cores in per cent, then used memory in per cent, then °C where known. */
import { createHostMetrics } from '../../../infra/metrics/linux.ts';

/** The Kalman example takes up to eight columns. */
const CORES_MAX = 6;

const percent = (share: number): string => (share * 100).toFixed(2);

export async function* liveMetrics(): AsyncGenerator<Uint8Array> {
  const metrics = createHostMetrics();
  const encoder = new TextEncoder();
  for (;;) {
    const { coreLoad, memoryTotalBytes, memoryAvailableBytes, temperatureCelsius } = metrics.read();
    const columns = [...coreLoad.slice(0, CORES_MAX).map(percent), percent(1 - memoryAvailableBytes / memoryTotalBytes)];
    if (temperatureCelsius !== undefined) columns.push(temperatureCelsius.toFixed(1));
    yield encoder.encode(columns.join(','));
  }
}
