/** The supervisor process of one ECU. */

import { openSupervisor } from '../compose/open-supervisor.ts';
import { configFromEnvironment, type EcuConfig } from '../compose/process-config.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openSupervisor(configFromEnvironment<EcuConfig>()));
