/** The charts that a manager's shells run, and at which version their records are. */
import { arbiterMachine } from '../statecharts/arbiter.machine.ts';
import { chainMachine } from '../statecharts/chain.machine.ts';
import { checkpointMachine } from '../statecharts/checkpoint.machine.ts';
import { drainMachine } from '../statecharts/drain.machine.ts';
import { ecuMachine } from '../statecharts/ecu.machine.ts';
import { managerMachine } from '../statecharts/manager.machine.ts';
import { migrationMachine } from '../statecharts/migration.machine.ts';
import { placementMachine } from '../statecharts/placement.machine.ts';
import { powerMachine } from '../statecharts/power.machine.ts';
import { predictorMachine } from '../statecharts/predictor.machine.ts';
import { routeMachine } from '../statecharts/route.machine.ts';
import type { Chart } from './chart.ts';

/** Of the records that all managers share. */
export const REPLICATED_CHARTS: readonly Chart[] = [
  { kind: 'placement', version: 1, machine: placementMachine },
  { kind: 'arbiter', version: 1, machine: arbiterMachine },
  { kind: 'migration', version: 1, machine: migrationMachine },
  { kind: 'drain', version: 1, machine: drainMachine },
  { kind: 'power', version: 1, machine: powerMachine },
  { kind: 'chain', version: 1, machine: chainMachine },
  { kind: 'route', version: 1, machine: routeMachine },
];

/** Of those that are one manager's own. */
export const OWN_CHARTS: readonly Chart[] = [
  { kind: 'manager', version: 1, machine: managerMachine },
  { kind: 'ecu', version: 1, machine: ecuMachine },
  { kind: 'checkpoint', version: 1, machine: checkpointMachine },
  { kind: 'predictor', version: 1, machine: predictorMachine },
];
