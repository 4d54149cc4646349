/** A simulation in words and as a picture: what platform it was on, times in the unit that is shortest. */
import { drawGantt } from '../../domain/realtime/simulation/gantt.ts';
import type { SimulatedPlatform } from '../../domain/realtime/simulation/platform.ts';
import type { Simulation } from '../../domain/realtime/simulation/simulate.ts';
import type { ScheduleRequest } from './schedule.ts';

/** SVG; undefined when the simulation wrote no trace. `name` stands before the platform in the title. */
export function pictureOf(request: ScheduleRequest, { trace }: Simulation, name: string): string | undefined {
  if (trace === undefined) return undefined;
  return drawGantt({
    title: `${name}: ${platformWords(request.platform)}`,
    cores: request.platform.cores,
    tasks: request.tasks.map((task) => ({ name: task.name, note: `${shortUs(task.wcetUs)} / ${shortUs(task.periodUs)}` })),
    trace,
    endUs: request.durationUs,
  });
}

const SCHEDULERS = { fp: 'fixed priorities', edf: 'earliest deadline first', rr: 'round robin' };

export function platformWords({ cores, scheduler, preemptive, placement, sliceUs }: SimulatedPlatform): string {
  return [
    cores === 1 ? '1 core' : `${cores} cores`,
    ...(cores === 1 ? [] : [placement]),
    `${SCHEDULERS[scheduler]}${scheduler === 'rr' && preemptive ? ` of ${shortUs(sliceUs)}` : ''}`,
    ...(preemptive ? [] : ['not preemptive']),
  ].join(', ');
}

export function shortUs(us: number): string {
  if (us >= 1_000_000) return `${us / 1_000_000} s`;
  return us >= 1000 ? `${us / 1000} ms` : `${us} µs`;
}
