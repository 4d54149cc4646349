/**
 * Sliding-window statistics over the newest samples of many signals, in TypeScript. The window is a table (a ring buffer in
 * columns), and so is the state: an Apache Arrow table that other tools read.
 *
 * A ring buffer and not a list that is shifted: a sample then changes a few bytes of each column, so a checkpoint carries a few
 * pages and not all of them.
 */
import type { Input, Job, TableState, Tick, WorkerTask } from '../../sdk/worker.ts';

/** Rows of the window: 4096 of 3 columns are 80 KiB. */
const ROWS = 4096;
const SIGNALS = 16;

export default class Window implements WorkerTask<TableState> {
  static readonly format = 'arrow';
  static readonly version = 1;

  private tick = new Float64Array(ROWS);
  private signal = new Int32Array(ROWS);
  private value = new Float64Array(ROWS);
  /** Where the next sample goes, and how many there are. */
  private next = 0;
  private count = 0;
  private now = 0;

  /** `signal,value` as text, e.g. `3,41.5`. */
  onInput(input: Input, job: Job): void {
    const [signal = NaN, value = NaN] = input.text().split(',').map(Number);
    if (!Number.isInteger(signal) || signal < 0 || signal >= SIGNALS || !Number.isFinite(value)) {
      job.log(2, `no sample, ignored: ${input.text().slice(0, 80)}`);
      return;
    }
    this.tick[this.next] = this.now;
    this.signal[this.next] = signal;
    this.value[this.next] = value;
    this.next = (this.next + 1) % ROWS;
    this.count = Math.min(this.count + 1, ROWS);
    job.output(1, `${signal} ${this.mean(signal)}`);
  }

  onTick(tick: Tick, job: Job): void {
    this.now = tick.number;
    const means = Array.from({ length: SIGNALS }, (_, signal) => this.mean(signal));
    job.output(0, `${tick.number} ${this.count} ${means.join(' ')}`);
  }

  serialize(): TableState {
    const { tick, signal, value, next, count, now } = this;
    return { columns: { tick, signal, value }, values: { next, count, now } };
  }

  deserialize({ columns, values }: TableState): void {
    this.tick = columns['tick'] as Float64Array<ArrayBuffer>;
    this.signal = columns['signal'] as Int32Array<ArrayBuffer>;
    this.value = columns['value'] as Float64Array<ArrayBuffer>;
    const { next, count, now } = values as { next: number; count: number; now: number };
    Object.assign(this, { next, count, now });
  }

  /** Summed in the order of the rows: the same sum on every machine. */
  private mean(signal: number): number {
    let sum = 0;
    let count = 0;
    for (let row = 0; row < this.count; row++) {
      if (this.signal[row] !== signal) continue;
      sum += this.value[row] as number;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }
}
