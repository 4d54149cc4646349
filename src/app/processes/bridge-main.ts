/** The bridge process, started by a supervisor. No command line here: what it imports is what it keeps in memory. */
import { configFromEnvironment, type BridgeConfig } from '../compose/process-config.ts';
import { openBridge } from '../compose/open-bridge.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openBridge(configFromEnvironment<BridgeConfig>()));
