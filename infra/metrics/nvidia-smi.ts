/**
 * NVIDIA's GPUs, by `nvidia-smi` printing on and on (starting it for every sample would cost more than the sample). One line a GPU and
 * round; an ECU with several is told as one: mean load, the hottest, the slowest clock, sums of memory and power.
 */
import type { CommandSensor, Put } from './command-source.ts';

const FIELDS = ['index', 'utilization.gpu', 'memory.used', 'memory.free', 'temperature.gpu', 'power.draw', 'clocks.sm'];
const MIB = 1024 * 1024;
const STALE_US = 3_000_000;

export function nvidiaSmi(options: { readonly everyUs: number; readonly program?: string }): CommandSensor {
  const gpus = new Map<number, readonly number[]>();
  return {
    name: 'nvidia-smi',
    program: options.program ?? 'nvidia-smi',
    args: [
      `--query-gpu=${FIELDS.join(',')}`,
      '--format=csv,noheader,nounits',
      `--loop-ms=${Math.max(20, Math.round(options.everyUs / 1000))}`,
    ],
    everyUs: 'stream',
    metrics: ['gpu.load', 'gpu.memoryUsed', 'gpu.memoryAvailable', 'gpu.temperature', 'gpu.power', 'gpu.clock'],
    staleUs: STALE_US,
    readLine: (line, put) => {
      // `[N/A]`, `[Not Supported]`: this GPU does not say.
      const cells = line.split(',').map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
      const [index = Number.NaN] = cells;
      if (cells.length !== FIELDS.length || !Number.isInteger(index)) return;
      gpus.set(index, cells);
      putAll([...gpus.values()], put);
    },
  };
}

function putAll(gpus: readonly (readonly number[])[], put: Put): void {
  const known = (field: string): number[] =>
    gpus.map((cells) => cells[FIELDS.indexOf(field)] ?? Number.NaN).filter((value) => !Number.isNaN(value));
  const sum = (values: readonly number[], factor: number): number =>
    values.length === 0 ? Number.NaN : values.reduce((total, value) => total + value, 0) * factor;
  const loads = known('utilization.gpu');
  put('gpu.load', sum(loads, 0.01 / Math.max(1, loads.length)));
  put('gpu.memoryUsed', sum(known('memory.used'), MIB));
  put('gpu.memoryAvailable', sum(known('memory.free'), MIB));
  put('gpu.power', sum(known('power.draw'), 1));
  const temperatures = known('temperature.gpu');
  if (temperatures.length > 0) put('gpu.temperature', Math.max(...temperatures));
  const clocks = known('clocks.sm');
  if (clocks.length > 0) put('gpu.clock', Math.min(...clocks) * 1e6);
}
