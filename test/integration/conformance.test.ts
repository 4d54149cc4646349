/** drover's own bridge, as the process that a supervisor starts, keeps the protocol. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type BridgeConfig, CONFIG_VARIABLE } from '../../src/app/compose/process-config.ts';
import { entryFile } from '../../src/app/compose/process-entries.ts';
import { CHECKS } from '../../src/app/conformance/suite.ts';
import { conform, failuresOf, startProcess } from '../support/conformance.ts';

const MAC = '02aa00000001';
const ENTRY = fileURLToPath(entryFile('bridge'));

test('drover’s own bridge passes every check', async () => {
  const result = await conform({
    mac: MAC,
    runtime: 'wasm',
    start: ({ mac, url, folder }) => {
      const config: BridgeConfig = {
        mac,
        name: 'conformance',
        ecuClass: 'standard',
        resourceKind: 'cpu',
        cores: 1,
        memoryBytes: 64 * 1024 * 1024,
        power: { idleWatts: 4, busyWatts: 20, sleep: [{ name: 'suspend', watts: 0.4, wakeUs: 100_000, wakeJoules: 1 }] },
        capabilities: [],
        labels: {},
        heartbeatIntervalUs: 100_000,
        coLocatedManagers: [],
        broker: { kind: 'url', url },
        dataFolder: folder,
        log: { level: 'error', file: undefined },
        supervisor: undefined,
      };
      return startProcess(process.execPath, [ENTRY], { [CONFIG_VARIABLE]: JSON.stringify(config) });
    },
  });
  expect(failuresOf(result)).toEqual([]);
  expect(result.checks.length).toBe(CHECKS.length);
});
