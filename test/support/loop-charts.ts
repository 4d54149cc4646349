/** The charts that the loop's scenarios run. */
import type { Chart } from '../../actors/chart.ts';
import { arbiterMachine } from '../../statecharts/arbiter.machine.ts';
import { placementMachine } from '../../statecharts/placement.machine.ts';

export const placementChart: Chart = { kind: 'placement', version: 1, machine: placementMachine };
export const arbiterChart: Chart = { kind: 'arbiter', version: 1, machine: arbiterMachine };
