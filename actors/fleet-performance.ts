/**
 * Learns, from the counters that travel in the samples of ECUs, what each task takes on each of them, and says what a task would take on one
 * where it may never have run (`src/domain/performance`).
 *
 * F1. A measurement is the mean of a task's jobs of one second on one ECU, with the load of everything else there. What happens to single jobs
 *     within a second is not seen: a task that is late once a minute counts as punctual.
 * F2. Nothing is said of a task that was never measured. Tasks that are gone are forgotten.
 * F3. It learns a step a second and ECU and solves nothing meanwhile; whoever asks waits for the solving, some milliseconds.
 */

import type { TaskSample } from '../src/domain/metrics/sample.ts';
import type { Mac, TaskName } from '../src/domain/model/ids.ts';
import type { ResourceKind, TaskSpec } from '../src/domain/model/task.ts';
import { deviationOf, lateWork, type PredictedPerformance } from '../src/domain/performance/late-work.ts';
import {
  type Performance,
  PerformanceModel,
  type ResourceView,
  type TaskView,
} from '../src/domain/performance/predict-performance.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';

/** What an ECU's samples of two seconds show between them. */
export interface MeasuredStep {
  readonly mac: Mac;
  readonly passedUs: number;
  /** Of the ECU's cores, everything on it. */
  readonly load: number;
  readonly before: readonly TaskSample[];
  readonly now: readonly TaskSample[];
}

export interface Place {
  readonly mac: Mac;
  /** Of everything there, forecast. */
  readonly load: number;
  /** Of an ECU that others watch; absent: it is known here. */
  readonly kind?: ResourceKind;
}

const FORGET_EVERY = 1_000;

export class FleetPerformance {
  private readonly model = new PerformanceModel();
  private readonly knowledge: FleetKnowledge;
  private readonly known = new Set<TaskName>();
  private steps = 0;

  constructor(knowledge: FleetKnowledge) {
    this.knowledge = knowledge;
  }

  measured({ mac, passedUs, load, before, now }: MeasuredStep): void {
    if (!(passedUs > 0)) return;
    if (++this.steps % FORGET_EVERY === 0) this.forget();
    for (const newest of now) {
      const last = before.find(({ task, epoch }) => task === newest.task && epoch === newest.epoch);
      const spec = this.knowledge.placement(newest.task)?.context.spec;
      if (last === undefined || spec === undefined) continue;
      const jobs = newest.jobs - last.jobs;
      const responses = newest.responses - last.responses;
      if (jobs <= 0) continue;
      const executedUs = newest.executionUs - last.executionUs;
      const isKnown = this.known.has(newest.task);
      this.known.add(newest.task);
      const others = Math.max(0, load - executedUs / (passedUs * this.coresOf(mac)));
      const counters = {
        executionUs: executedUs / jobs,
        responseUs: responses > 0 ? (newest.responseUs - last.responseUs) / responses : 0,
        load: others,
        contention: others,
      };
      this.model.observe(this.resource({ mac, load: others }), taskOf(spec, undefined), counters, isKnown);
    }
  }

  /** Where it runs, and where it could go; undefined: it was never measured. */
  compare(
    spec: TaskSpec,
    [from, to]: readonly [Place, Place],
    demand: { readonly jobsPerS: number; readonly horizonS: number },
  ): { readonly here: PredictedPerformance; readonly there: PredictedPerformance } | undefined {
    if (!this.known.has(spec.name)) return undefined;
    const whole = this.at(spec, from, demand);
    // The load where it runs is its own as well.
    const own = (demand.jobsPerS * whole.executionUs.expected) / (1e6 * this.coresOf(from.mac));
    const others = { mac: from.mac, load: Math.max(0, from.load - own) };
    const [here, there] = [this.at(spec, others, demand), this.at(spec, to, demand)];
    const about = { ...demand, deadlineUs: spec.deadlineUs, deviation: deviationOf(here.latencyUs) };
    const [lateHere, lateThere] = [lateWork(here, about), lateWork(there, about)];
    if (lateHere === undefined || lateThere === undefined) return undefined;
    return {
      here: { ...here, load: others.load, lateJobs: lateHere },
      there: { ...there, load: to.load, lateJobs: lateThere },
    };
  }

  private at(
    spec: TaskSpec,
    place: Place,
    { jobsPerS, horizonS }: { readonly jobsPerS: number; readonly horizonS: number },
  ): Performance {
    return this.model.predictPerformance(this.resource(place), taskOf(spec, jobsPerS), horizonS);
  }

  private resource({ mac, load, kind: said }: Place): ResourceView {
    const kind = said ?? this.knowledge.descriptions.get(mac)?.resourceKind ?? 'cpu';
    return { id: mac, kind, nominalSpeed: 1, loadAt: () => ({ load, contention: load }) };
  }

  private coresOf(mac: Mac): number {
    return Math.max(1, this.knowledge.descriptions.get(mac)?.cores ?? 1);
  }

  /** F2. */
  private forget(): void {
    for (const task of this.known) {
      const state = this.knowledge.placement(task)?.state;
      if (state !== undefined && state !== 'removed') continue;
      this.known.delete(task);
      this.model.forget({ task });
    }
  }
}

const taskOf = ({ name, artefact }: TaskSpec, jobsPerS: number | undefined): TaskView => ({
  id: name,
  family: artefact,
  size: 1,
  jobsPerS,
});
