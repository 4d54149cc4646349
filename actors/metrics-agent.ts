/**
 * The metrics agent of an ECU: asks its sources, judges their sensors, and publishes samples.
 *
 * M1. It delays nobody. Sources answer at once (S1 of the port), nothing is awaited, and a sample is as long as its own work; where that is
 *     more than a tenth of the interval (a huge machine, a starved one), the interval grows until it is not, and the sample says so.
 * M2. A sample that is not heard is gone: nothing waits for a broker that is away, and nothing is sent later that was true before.
 * M3. Times and rates are by the monotonic clock; a process that stood still takes its next sample when it goes on, and makes none up.
 * M4. Some samples are appended for the stream METRICS, with the worst cases since the one before. Whether one was kept is counted, and that is all.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type EcuSample, MetricColumns } from '../src/domain/metrics/sample.ts';
import { SensorJudge } from '../src/domain/metrics/sensor-judge.ts';
import type { TaskCounters } from '../src/domain/metrics/task-counters.ts';
import type { MetricsPlan } from '../src/domain/model/ecu.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { ResourceKind } from '../src/domain/model/task.ts';
import { encodeEcuSample } from '../src/domain/protocol/codec-metrics.ts';
import { LIST_MAX } from '../src/domain/protocol/limits.ts';
import { ecuSubject } from '../src/domain/protocol/subjects.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { MetricsSource } from '../src/ports/metrics-source.ts';
import { envelope, type Host } from './host.ts';

/** What a sample says of a task. */
export interface SampledTask {
  readonly instance: {
    readonly spec: { readonly name: TaskName };
    readonly epoch: number;
    readonly totals: TaskCounters;
    readonly state: { readonly inputsWaiting: number };
  };
}

export interface MetricsAgentParts {
  readonly host: Host;
  readonly mac: Mac;
  readonly resourceKind: ResourceKind;
  /** For tasks. */
  readonly cores: number;
  readonly plan: MetricsPlan;
  /** Opened with the first sample: until then whoever starts has better things to do. */
  readonly openSources: () => readonly MetricsSource[];
  readonly tasks: () => Iterable<SampledTask>;
  /** One that sleeps goes on being measured, and says nothing; absent: it never does. */
  readonly isAsleep?: () => boolean;
}

/** M1, as a share of the interval. */
const COST_SHARE_MAX = 0.1;
const COST_SMOOTHING = 0.2;
const EVERY_US_MAX = 1_000_000;
/** A clock that is never early and counts whole milliseconds wakes twice for an exact moment; nobody needs one here. */
const EARLY_US = 999;
const KEEP_TIMEOUT_US = 5_000_000;
/** A broker without the stream is asked again: whoever makes it may come later. */
const NO_STREAM_US = 60_000_000;

export class MetricsAgent {
  private readonly parts: MetricsAgentParts;
  private readonly columns = new MetricColumns();
  private readonly judge = new SensorJudge();
  private sources: readonly MetricsSource[] | undefined;
  private waiting: Cancel | undefined;
  private dueUs = 0;
  private sequence = 0;
  private everyUs: number;
  private costUs = 0;
  private lastUs: number | undefined;
  private keptDueUs = 0;
  /** What each instance had executed at the last sample. */
  private readonly executed = new WeakMap<TaskCounters, number>();

  constructor(parts: MetricsAgentParts) {
    this.parts = parts;
    this.everyUs = parts.plan.everyUs;
  }

  start(): void {
    const { clock, rng } = this.parts.host;
    // ECUs that were started together need not sample together.
    this.dueUs = clock.monotonicUs() + this.everyUs + rng.below(Math.min(this.everyUs, 2 ** 32));
    this.wait();
  }

  stop(): void {
    this.waiting?.();
    for (const source of this.sources ?? []) source.close();
    this.sources = undefined;
  }

  private wait(): void {
    const { clock } = this.parts.host;
    this.waiting = clock.after(Math.max(0, this.dueUs - EARLY_US - clock.monotonicUs()), () => {
      const startedUs = clock.monotonicUs();
      this.open();
      // M3: what should have been sampled meanwhile is not made up. Counted from the moment that the sample bears.
      const takenUs = clock.monotonicUs();
      this.dueUs = Math.max(this.dueUs, takenUs) + this.everyUs;
      this.wait();
      this.sample(takenUs);
      this.weigh(clock.monotonicUs() - startedUs);
    });
  }

  /** M1. */
  private weigh(costUs: number): void {
    const { plan, host } = this.parts;
    this.costUs += (costUs - this.costUs) * COST_SMOOTHING;
    const least = Math.ceil(this.costUs / COST_SHARE_MAX);
    const everyUs = Math.min(Math.max(plan.everyUs, least), Math.max(plan.everyUs, EVERY_US_MAX));
    if (everyUs > plan.everyUs) host.counters.add('metrics.stretched');
    this.everyUs = everyUs;
  }

  private open(): readonly MetricsSource[] {
    this.sources ??= this.parts.openSources();
    return this.sources;
  }

  /** Takes one sample now and publishes it. */
  sample(nowUs = this.parts.host.clock.monotonicUs()): void {
    const { host, mac, plan } = this.parts;
    const sources = this.open();
    const { columns } = this;
    columns.clear();
    this.readTasks(nowUs);
    for (const source of sources) source.read(columns, nowUs);
    this.judge.judge(columns, nowUs);
    this.lastUs = nowUs;
    this.sequence++;
    if (!host.bus.connected() || this.parts.isAsleep?.() === true) return;
    try {
      host.bus.publish(ecuSubject.metrics(mac), this.encoded(nowUs, 'flying'));
      if (plan.keptEveryUs > 0 && nowUs >= this.keptDueUs) {
        this.keptDueUs = nowUs + plan.keptEveryUs;
        void this.keep(this.encoded(nowUs, 'kept'));
      }
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.counters.add('metrics.failed');
      host.log.debug('a sample could not be published', { cause });
    }
  }

  private readTasks(nowUs: number): void {
    let executedUs = 0;
    for (const { instance } of this.parts.tasks()) {
      const { totals } = instance;
      executedUs += totals.executionUs - (this.executed.get(totals) ?? 0);
      this.executed.set(totals, totals.executionUs);
    }
    const passedUs = nowUs - (this.lastUs ?? nowUs);
    // A job counts when it ends, so a long one may seem to have taken more than there was.
    if (passedUs > 0) this.columns.set('tasks.load', Math.min(1, executedUs / (passedUs * this.parts.cores)));
  }

  private encoded(nowUs: number, sort: 'flying' | 'kept'): Uint8Array {
    const { host, mac, resourceKind } = this.parts;
    const { values, qualities } = this.columns;
    const tasks = [];
    for (const { instance } of this.parts.tasks()) {
      if (tasks.length >= LIST_MAX) break;
      const { spec, epoch, totals, state } = instance;
      tasks.push(totals.sample({ task: spec.name, epoch, inputsBehind: state.inputsWaiting }, sort));
    }
    const sample: EcuSample = {
      mac,
      incarnation: host.incarnation,
      sequence: this.sequence,
      atUs: nowUs,
      everyUs: this.everyUs,
      resourceKind,
      values,
      qualities,
      tasks,
    };
    return encodeEcuSample(envelope(host, sample));
  }

  /** M4. */
  private async keep(bytes: Uint8Array): Promise<void> {
    const { host, mac } = this.parts;
    try {
      const answer = await host.bus.append(ecuSubject.metricsKept(mac), bytes, { timeoutUs: KEEP_TIMEOUT_US });
      if (answer.kind !== 'appended') host.counters.add('metrics.notKept');
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.counters.add('metrics.notKept');
      if (cause.code === 'ERR_BUS_NO_STREAM') this.keptDueUs = host.clock.monotonicUs() + NO_STREAM_US;
      host.log.debug('a sample was not kept', { cause });
    }
  }
}
