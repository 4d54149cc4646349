/** The tasks of the demo: what feeds each, and how its newest output reads to a person. */

import { createRng } from '../../domain/kernel/rng.ts';
import type { RecordedOutput } from '../chaos/recording.ts';
import { workloadOf } from '../chaos/workload.ts';
import { liveMetrics } from '../feed/live-metrics.ts';

export interface DemoTask {
  /** Its name is that of its example. */
  readonly name: 'kalman' | 'pid' | 'gateway' | 'grid';
  readonly does: string;
  readonly feed: { readonly periodUs: number; readonly next: () => Promise<Uint8Array> } | undefined;
  /** Undefined: this output says nothing new to a person. */
  readonly reads: (output: RecordedOutput) => string | undefined;
}

const METRICS_PERIOD_US = 100_000;
const MESSAGES_PERIOD_US = 20_000;

export function demoTasks(): DemoTask[] {
  return [
    {
      name: 'kalman',
      does: "filters this machine's own load",
      feed: { periodUs: METRICS_PERIOD_US, next: nextMetrics() },
      reads: readKalman,
    },
    { name: 'pid', does: 'controls a heater at 100 Hz', feed: undefined, reads: readPid },
    {
      name: 'gateway',
      does: 'routes 50 messages a second',
      feed: { periodUs: MESSAGES_PERIOD_US, next: nextMessage() },
      reads: readGateway,
    },
    { name: 'grid', does: 'maps a hall in 8 MiB of state', feed: undefined, reads: readGrid },
  ];
}

function nextMetrics(): () => Promise<Uint8Array> {
  const samples = liveMetrics();
  return async () => ((await samples.next()).value as Uint8Array | undefined) ?? new Uint8Array(0);
}

function nextMessage(): () => Promise<Uint8Array> {
  const gateway = workloadOf(2, createRng(1, 'demo')).find(({ example }) => example === 'gateway');
  let number = 0;
  return async () => gateway?.feed?.payload(++number) ?? new Uint8Array(0);
}

const text = ({ payload }: RecordedOutput): string => new TextDecoder().decode(payload);

/** `number,level,trend,nis` per column: cores first, then memory (`live-metrics.ts`). */
function readKalman(output: RecordedOutput): string | undefined {
  if (output.channel === 1) return `alarm: ${text(output)}`;
  const numbers = text(output).split(',').slice(1).map(Number);
  const levels = numbers.filter((_, at) => at % 3 === 0);
  const load = levels[0];
  return load === undefined
    ? undefined
    : `core 0 at ${Math.max(0, load).toFixed(0)} %, filtered (sample ${Number(text(output).split(',')[0])})`;
}

function readPid({ payload }: RecordedOutput): string | undefined {
  if (payload.byteLength < 32) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return `${view.getFloat64(16, true).toFixed(2)} °C, set point ${view.getFloat64(8, true).toFixed(0)} °C (tick ${view.getFloat64(0, true)})`;
}

function readGateway(output: RecordedOutput): string | undefined {
  if (output.channel === 1) return undefined;
  const [id = ''] = text(output).split(':');
  return `${id} → channel ${output.channel}`;
}

function readGrid(output: RecordedOutput): string | undefined {
  const [scans, occupied] = text(output).split(',');
  return `${occupied} cells occupied after ${scans} scans`;
}
