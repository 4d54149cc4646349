/**
 * The table of all commands, in the order in which `drover --help` shows them. Each is one file with one function that
 * hangs it onto the program. A command file imports only what its options need and loads the rest (brokers, stores,
 * compilers) inside its action with `await import(…)`, so that `drover --help` stays instant.
 */
import type { Command } from 'commander';
import { registerAnalyze } from './analyze.ts';
import { registerBench } from './bench.ts';
import { registerChaos } from './chaos.ts';
import { registerConformance } from './conformance.ts';
import { registerDataset } from './dataset.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerDown } from './down.ts';
import { registerDrain } from './drain.ts';
import { registerBridge, registerEcu } from './ecu.ts';
import { registerExplain } from './explain.ts';
import { registerFeed } from './feed.ts';
import { registerForecast } from './forecast.ts';
import { registerHazard } from './hazard.ts';
import { registerLearn } from './learn.ts';
import { registerManager } from './manager.ts';
import { registerMetrics } from './metrics.ts';
import { registerMigrate } from './migrate.ts';
import { registerPerformance } from './performance.ts';
import { registerPower } from './power.ts';
import { registerProposals } from './proposals.ts';
import { registerRoute } from './route.ts';
import { registerSchedule } from './schedule.ts';
import { registerSimulate } from './simulate.ts';
import { registerStatus } from './status.ts';
import { registerStore } from './store.ts';
import { registerTask } from './task.ts';
import { registerTest } from './test.ts';
import { registerUp } from './up.ts';

export type RegisterCommand = (program: Command) => void;

export const COMMANDS: readonly RegisterCommand[] = [
  registerDemo,
  registerUp,
  registerDown,
  registerStatus,
  registerMetrics,
  registerTask,
  registerRoute,
  registerMigrate,
  registerDrain,
  registerProposals,
  registerPower,
  registerExplain,
  registerFeed,
  registerEcu,
  registerManager,
  registerBridge,
  registerStore,
  registerChaos,
  registerAnalyze,
  registerSimulate,
  registerSchedule,
  registerDataset,
  registerLearn,
  registerHazard,
  registerForecast,
  registerPerformance,
  registerBench,
  registerConformance,
  registerDoctor,
  registerTest,
];
