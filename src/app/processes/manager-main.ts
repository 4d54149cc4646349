/** A manager process. */

import { openManager } from '../compose/open-manager.ts';
import { configFromEnvironment, type ManagerConfig } from '../compose/process-config.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openManager(configFromEnvironment<ManagerConfig>()));
