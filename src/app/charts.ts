/** Every chart drover runs, with its version: what the shells of all hosts are built from and what the docs are drawn from. */
import type { Chart } from '../../actors/chart.ts';
import { arbiterMachine } from '../../statecharts/arbiter.machine.ts';
import { bridgeMachine } from '../../statecharts/bridge.machine.ts';
import { chainMachine } from '../../statecharts/chain.machine.ts';
import { checkpointMachine } from '../../statecharts/checkpoint.machine.ts';
import { drainMachine } from '../../statecharts/drain.machine.ts';
import { ecuMachine } from '../../statecharts/ecu.machine.ts';
import { managerMachine } from '../../statecharts/manager.machine.ts';
import { migrationMachine } from '../../statecharts/migration.machine.ts';
import { placementMachine } from '../../statecharts/placement.machine.ts';
import { powerMachine } from '../../statecharts/power.machine.ts';
import { predictorMachine } from '../../statecharts/predictor.machine.ts';
import { routeMachine } from '../../statecharts/route.machine.ts';
import { supervisorMachine } from '../../statecharts/supervisor.machine.ts';
import { taskMachine } from '../../statecharts/task.machine.ts';

export const CHARTS: readonly Chart[] = [
  { kind: 'arbiter', version: 1, machine: arbiterMachine },
  { kind: 'bridge', version: 1, machine: bridgeMachine },
  { kind: 'chain', version: 1, machine: chainMachine },
  { kind: 'checkpoint', version: 1, machine: checkpointMachine },
  { kind: 'drain', version: 1, machine: drainMachine },
  { kind: 'ecu', version: 1, machine: ecuMachine },
  { kind: 'manager', version: 1, machine: managerMachine },
  { kind: 'migration', version: 1, machine: migrationMachine },
  { kind: 'placement', version: 1, machine: placementMachine },
  { kind: 'power', version: 1, machine: powerMachine },
  { kind: 'predictor', version: 1, machine: predictorMachine },
  { kind: 'route', version: 1, machine: routeMachine },
  { kind: 'supervisor', version: 1, machine: supervisorMachine },
  { kind: 'task', version: 1, machine: taskMachine },
];
