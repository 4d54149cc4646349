/** The bridge process, started by a supervisor. No command line here: what it imports is what it keeps in memory. */

import { openBridge } from '../compose/open-bridge.ts';
import { type BridgeConfig, configFromEnvironment } from '../compose/process-config.ts';
import { runProcess } from './run-process.ts';

await runProcess(() => openBridge(configFromEnvironment<BridgeConfig>()));
