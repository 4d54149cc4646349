/** Every answer of SchedCAT, pyCPA and the Rust crate response-time-analysis that is at hand, reproduced exactly. */
import { describe, expect, test } from 'vitest';
import { analyse } from '../../../src/domain/realtime/analyse.ts';
import { EDF_FITS, edfVerdict } from '../../../src/domain/realtime/edf-demand.ts';
import { edfResponses } from '../../../src/domain/realtime/edf-response-time.ts';
import { ALL_MEET, fixedPriorityMiss, fixedPriorityResponses } from '../../../src/domain/realtime/fixed-priority.ts';
import { globalEdfByDensity, globalEdfByWorkload, globalEdfResponsesUs } from '../../../src/domain/realtime/global-edf.ts';
import { nonPreemptiveEdfResponses, nonPreemptiveEdfVerdict } from '../../../src/domain/realtime/nonpreemptive-edf.ts';
import { nonPreemptiveResponse } from '../../../src/domain/realtime/nonpreemptive-fixed-priority.ts';
import type { Platform } from '../../../src/domain/realtime/platform.ts';
import type { RealtimeTask } from '../../../src/domain/realtime/realtime-task.ts';
import { responseTimesUs, type WorstResponse, worstResponse } from '../../../src/domain/realtime/response-time.ts';
import { tableOf, urgencyOrder } from '../../../src/domain/realtime/task-table.ts';
import { ours, readVectors, relaxed, type Vector, vectorsAtHand, WITHOUT_VECTORS } from '../../support/realtime-vectors.ts';

interface Uni extends Vector {
  readonly fpResponseUs: readonly (number | null)[] | null;
  readonly fpSchedulable: boolean | null;
  readonly edfSchedulable: boolean;
}
interface JitterBlocking extends Vector {
  readonly fpResponseFromArrivalUs: readonly (number | null)[];
}
interface PyCpa extends Vector {
  readonly sppWcrtFromReleaseUs: readonly number[];
  readonly spnpWcrtFromReleaseUs: readonly number[];
}
interface Rust extends Vector {
  readonly fpResponseUs: readonly number[];
  readonly npfpResponseUs: readonly number[];
  readonly edfResponseUs: readonly number[];
  readonly npedfResponseUs: readonly number[];
}
interface Packed {
  readonly edfPerCore: readonly boolean[];
}
interface Multi extends Vector {
  readonly cores: number;
  readonly globalEdfTests: Readonly<Record<'GFB' | 'BCL' | 'RTA', boolean>>;
  readonly gedfSimFirstMissUs: number;
  readonly partition: Readonly<Record<'FFD' | 'BFD' | 'WFD', Packed | null>>;
}

type Outcome = { readonly ok: true; readonly value: WorstResponse } | { readonly ok: false };
const fromRelease = (outcome: Outcome): number | null => (outcome.ok ? outcome.value.fromReleaseUs : null);
const fromArrival = (outcome: Outcome): number | null => (outcome.ok ? outcome.value.responseUs : null);
const oneCore = (scheduler: 'fp' | 'edf'): Platform => ({ cores: 1, scheduler, preemptive: true, placement: 'partitioned' });

describe.skipIf(!vectorsAtHand)(`analyses against peers (${WITHOUT_VECTORS})`, () => {
  test('SchedCAT, one core: every response, every verdict of RTA and of QPA, by the full and the quick way', () => {
    let compared = 0;
    for (const vector of readVectors<Uni>('schedcat_uni.jsonl')) {
      const tasks = ours(vector);
      const n = tasks.length;
      expect([vector.id, edfVerdict(tableOf(tasks), 0, n) === EDF_FITS]).toEqual([vector.id, vector.edfSchedulable]);
      compared++;
      if (vector.fpResponseUs === null) continue;
      const full = tasks.map((_, index) => fromArrival(worstResponse(tasks, index)));
      expect([vector.id, ...full]).toEqual([vector.id, ...vector.fpResponseUs]);
      expect(responseTimesUs(tasks).ok).toBe(vector.fpSchedulable);
      const order = urgencyOrder(tasks);
      const table = tableOf(order.map((index) => tasks[index] as RealtimeTask));
      const responseUs = new Float64Array(n);
      expect(fixedPriorityResponses(table, 0, n, responseUs) === ALL_MEET).toBe(vector.fpSchedulable);
      expect(fixedPriorityMiss(table, 0, n) === ALL_MEET).toBe(vector.fpSchedulable);
      const quick: (number | null)[] = [...full];
      order.forEach((index, at) => {
        const value = responseUs[at] as number;
        quick[index] = value <= (tasks[index] as RealtimeTask).deadlineUs ? value : null;
      });
      expect(quick).toEqual(full);
      compared += n;
    }
    expect(compared).toBeGreaterThan(20_000);
  });

  test('SchedCAT: jitter and blocking, from the arrival', () => {
    let compared = 0;
    for (const vector of readVectors<JitterBlocking>('schedcat_jitter_blocking.jsonl')) {
      const tasks = ours(vector);
      vector.fpResponseFromArrivalUs.forEach((value, index) => {
        const { deadlineUs } = tasks[index] as RealtimeTask;
        // The peer's verdict leaves the jitter out; its value does not.
        const expected = value !== null && value <= deadlineUs ? value : null;
        expect([vector.id, index, fromArrival(worstResponse(tasks, index))]).toEqual([vector.id, index, expected]);
        compared++;
      });
    }
    expect(compared).toBeGreaterThan(3_000);
  });

  test('pyCPA: pre-emptive and not, jitter, deadlines beyond the period, from the release', () => {
    let compared = 0;
    for (const vector of readVectors<PyCpa>('pycpa_spp_spnp.jsonl')) {
      const tasks = relaxed(ours(vector));
      const preemptive = tasks.map((_, index) => fromRelease(worstResponse(tasks, index)));
      expect([vector.id, ...preemptive]).toEqual([vector.id, ...vector.sppWcrtFromReleaseUs]);
      const not = tasks.map((_, index) => fromRelease(nonPreemptiveResponse(tasks, index)));
      expect([vector.id, ...not]).toEqual([vector.id, ...vector.spnpWcrtFromReleaseUs]);
      compared += tasks.length;
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  test('Rust response-time-analysis: FP and EDF, pre-emptive and not, deadlines beyond the period', () => {
    let compared = 0;
    for (const vector of readVectors<Rust>('rtars_fp_npfp_edf_npedf.jsonl')) {
      const tasks = ours(vector);
      const unbounded = relaxed(tasks);
      const edf = edfResponses(tasks, { all: true });
      const notEdf = nonPreemptiveEdfResponses(tasks, true);
      const answers = tasks.map((_, index) => [
        fromArrival(worstResponse(unbounded, index)),
        fromArrival(nonPreemptiveResponse(unbounded, index)),
        fromArrival(edf(index)),
        fromArrival(notEdf(index)),
      ]);
      const { fpResponseUs, npfpResponseUs, edfResponseUs, npedfResponseUs } = vector;
      const expected = tasks.map((_, i) => [fpResponseUs[i], npfpResponseUs[i], edfResponseUs[i], npedfResponseUs[i]]);
      expect([vector.id, ...answers]).toEqual([vector.id, ...expected]);
      const met = (responses: readonly number[]): boolean =>
        tasks.every(({ deadlineUs }, index) => (responses[index] as number) <= deadlineUs);
      expect(edfVerdict(tableOf(tasks), 0, tasks.length) === EDF_FITS).toBe(met(edfResponseUs));
      expect(nonPreemptiveEdfVerdict(tasks) === EDF_FITS).toBe(met(npedfResponseUs));
      compared += tasks.length;
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  test('SchedCAT, many cores: the three tests of global EDF; none accepts what its simulator saw fail', () => {
    let accepted = 0;
    for (const vector of readVectors<Multi>('schedcat_multi.jsonl')) {
      const tasks = ours(vector);
      const { cores, globalEdfTests } = vector;
      const verdicts = {
        GFB: globalEdfByDensity(tasks, cores),
        BCL: globalEdfByWorkload(tasks, cores),
        RTA: globalEdfResponsesUs(tasks, cores).every((bound) => bound !== undefined),
      };
      const { GFB, BCL, RTA } = globalEdfTests;
      expect([vector.id, verdicts]).toEqual([vector.id, { GFB, BCL, RTA }]);
      const { schedulable } = analyse(tasks, { cores, scheduler: 'edf', preemptive: true, placement: 'global' });
      expect(schedulable === true).toBe(GFB || BCL || RTA);
      if (schedulable === true) {
        expect(vector.gedfSimFirstMissUs).toBe(0);
        accepted++;
      }
    }
    expect(accepted).toBeGreaterThan(100);
  });

  test('SchedCAT, many cores: the test inside packs whatever packing by utilisation found schedulable, and more', () => {
    let byUtilisation = 0;
    let byTest = 0;
    for (const vector of readVectors<Multi>('schedcat_multi.jsonl')) {
      const tasks = ours(vector);
      const { cores } = vector;
      const found = Object.values(vector.partition).some((packing) => packing?.edfPerCore.every((fits) => fits) ?? false);
      const { schedulable, tasks: verdicts } = analyse(
        tasks,
        { cores, scheduler: 'edf', preemptive: true, placement: 'partitioned' },
        { responses: false },
      );
      if (found) byUtilisation++;
      if (found) expect([vector.id, schedulable]).toEqual([vector.id, true]);
      if (schedulable !== true) continue;
      byTest++;
      for (let core = 0; core < cores; core++) {
        const members = tasks.filter((_, index) => verdicts[index]?.core === core);
        if (members.length > 0) expect(analyse(members, oneCore('edf'), { responses: false }).schedulable).toBe(true);
      }
    }
    expect(byTest).toBeGreaterThan(byUtilisation);
  });
});
