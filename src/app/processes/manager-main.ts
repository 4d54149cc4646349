/** A manager process. */
import { configFromEnvironment, type ManagerConfig } from '../compose/process-config.ts';
import { openManager } from '../compose/open-manager.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openManager(configFromEnvironment<ManagerConfig>()));
