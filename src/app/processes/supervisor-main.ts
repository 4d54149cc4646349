/** The supervisor process of one ECU. */
import { configFromEnvironment, type EcuConfig } from '../compose/process-config.ts';
import { openSupervisor } from '../compose/open-supervisor.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openSupervisor(configFromEnvironment<EcuConfig>()));
