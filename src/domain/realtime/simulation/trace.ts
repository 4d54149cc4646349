/**
 * What a simulation writes down when it is asked to: who ran where and when, and what became of every job. Bounded by what
 * it was made for; what comes after is counted and not kept, so that a trace of a long run is its beginning.
 *
 * All times are µs from the start of the simulation, held in typed arrays: writing down makes no garbage.
 */

/** A job running on one core without a break. */
export interface Segment {
  readonly core: number;
  readonly task: number;
  /** Jobs of a task are numbered from 0. */
  readonly number: number;
  readonly startUs: number;
  readonly endUs: number;
  /** How much of its beginning went into resuming after a preemption or migration. */
  readonly overheadUs: number;
}

export interface TracedJob {
  readonly task: number;
  readonly number: number;
  readonly arrivalUs: number;
  readonly releaseUs: number;
  readonly deadlineUs: number;
  /** Undefined: it did not begin before the end of the simulation. */
  readonly startUs: number | undefined;
  /** Undefined: it was not done by the end of the simulation. */
  readonly finishUs: number | undefined;
}

const [SEGMENT_FIELDS, JOB_FIELDS] = [6, 7];

export class Trace {
  readonly #segmentsMax: number;
  readonly #jobsMax: number;
  readonly #segments: Float64Array;
  readonly #jobs: Float64Array;
  #segmentCount = 0;
  #jobCount = 0;

  constructor({ segmentsMax, jobsMax }: { readonly segmentsMax: number; readonly jobsMax: number }) {
    this.#segmentsMax = segmentsMax;
    this.#jobsMax = jobsMax;
    this.#segments = new Float64Array(segmentsMax * SEGMENT_FIELDS);
    this.#jobs = new Float64Array(jobsMax * JOB_FIELDS);
  }

  /** Segments that were not kept. */
  get droppedSegments(): number {
    return Math.max(0, this.#segmentCount - this.#segmentsMax);
  }

  get droppedJobs(): number {
    return Math.max(0, this.#jobCount - this.#jobsMax);
  }

  addSegment(core: number, task: number, number: number, startUs: number, endUs: number, overheadUs: number): void {
    const at = this.#segmentCount++ * SEGMENT_FIELDS;
    const s = this.#segments;
    if (at >= s.length) return;
    s[at] = core;
    s[at + 1] = task;
    s[at + 2] = number;
    s[at + 3] = startUs;
    s[at + 4] = endUs;
    s[at + 5] = overheadUs;
  }

  /** A start or finish below 0 says that there was none. */
  addJob(
    task: number,
    number: number,
    arrivalUs: number,
    releaseUs: number,
    deadlineUs: number,
    startUs: number,
    finishUs: number,
  ): void {
    const at = this.#jobCount++ * JOB_FIELDS;
    const j = this.#jobs;
    if (at >= j.length) return;
    j[at] = task;
    j[at + 1] = number;
    j[at + 2] = arrivalUs;
    j[at + 3] = releaseUs;
    j[at + 4] = deadlineUs;
    j[at + 5] = startUs;
    j[at + 6] = finishUs;
  }

  /** In the order in which they ended; core by core when the placement is partitioned. */
  *segments(): Generator<Segment> {
    for (let at = 0; at < Math.min(this.#segmentCount, this.#segmentsMax) * SEGMENT_FIELDS; at += SEGMENT_FIELDS) {
      const [core = 0, task = 0, number = 0, startUs = 0, endUs = 0, overheadUs = 0] = this.#segments.subarray(
        at,
        at + SEGMENT_FIELDS,
      );
      yield { core, task, number, startUs, endUs, overheadUs };
    }
  }

  /** In the order in which they were done; those that were not come last. */
  *jobs(): Generator<TracedJob> {
    for (let at = 0; at < Math.min(this.#jobCount, this.#jobsMax) * JOB_FIELDS; at += JOB_FIELDS) {
      const [task = 0, number = 0, arrivalUs = 0, releaseUs = 0, deadlineUs = 0, startUs = 0, finishUs = 0] =
        this.#jobs.subarray(at, at + JOB_FIELDS);
      yield {
        task,
        number,
        arrivalUs,
        releaseUs,
        deadlineUs,
        startUs: startUs < 0 ? undefined : startUs,
        finishUs: finishUs < 0 ? undefined : finishUs,
      };
    }
  }
}
