/**
 * Bridges in another language in a fleet of drover's managers: a task is placed on one Python ECU, that one is killed, and
 * the task goes on at the other from its checkpoint, with outputs byte for byte as if nothing had been. Needs python3.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { systemHasher } from '../../infra/system/hasher.ts';
import { openFleetClient } from '../../src/app/compose/open-fleet-client.ts';
import { openManager } from '../../src/app/compose/open-manager.ts';
import { isMarker, wrongOutput } from '../../src/app/conformance/judge-outputs.ts';
import { BUILT_IN_PROGRAM } from '../../src/app/conformance/open-bench.ts';
import { deployTask, queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import type { ReceiveChoice } from '../../src/domain/checkpoint/receiving.ts';
import { NO_AFFINITY, type TaskSpec } from '../../src/domain/model/task.ts';
import type { FleetTask } from '../../src/domain/protocol/messages.ts';
import { header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';
import { startProcess, urlOf } from '../support/conformance.ts';
import { startNats } from '../support/nats-process.ts';

const MACS = ['02bb00000011', '02bb00000012'];
const TASK = 'counted-in-python';
const PERIOD_US = 20_000;
const BRIDGE = join(projectRoot(), 'examples', 'bridges', 'python', 'bridge.py');
const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).status === 0;

const artefact = new TextEncoder().encode(BUILT_IN_PROGRAM);
const spec: TaskSpec = {
  name: TASK,
  runtime: 'process',
  artefact: systemHasher.hex(artefact),
  artefactBytes: artefact.length,
  periodUs: PERIOD_US,
  wcetUs: 1_000,
  deadlineUs: PERIOD_US,
  priority: 10,
  criticality: 2,
  hardDeadline: false,
  memoryBytesMax: 65_536,
  capabilities: [],
  affinity: NO_AFFINITY,
  reservation: undefined,
  checkpoint: { intervalUs: 100_000, chainMax: 8, quorum: 2, standbys: 1 },
  inputs: { backlogMax: 10_000, catchUpTicks: false },
  fuelPerJob: 1_000_000,
};

async function until<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    await sleep(20);
  }
}

/** The bridge announces and serves; it pushes nothing. Whatever the managers do, they have to come by every state. */
const RECEIVE: readonly ReceiveChoice[] = [
  { strategy: 'notify', intervalUs: 1_000_000 },
  { strategy: 'push', intervalUs: 1_000_000 },
  { strategy: 'interval', intervalUs: 150_000 },
];

test.skipIf(!hasPython).each(RECEIVE)(
  'a task of a killed Python ECU goes on at another one, received by $strategy',
  async (receive) => {
    const server = await startNats();
    const folder = mkdtempSync(join(tmpdir(), 'drover-python-fleet-'));
    const broker = { kind: 'url', url: urlOf(server) } as const;
    const log = { level: 'error', file: undefined } as const;
    const managers = await Promise.all(
      ['m1', 'm2'].map((id) => openManager({ id, receive, broker, dataFolder: join(folder, id), log })),
    );
    const bridges = new Map<string, ChildProcess>();
    const client = await openFleetClient(broker);
    try {
      for (const mac of MACS) {
        const args = [BRIDGE, '--mac', mac, '--nats', broker.url, '--folder', join(folder, mac)];
        bridges.set(mac, startProcess('python3', args, { PYTHONDONTWRITEBYTECODE: '1' }));
      }
      const { bus, names } = client.host;
      const inputs: StreamMessage[] = [];
      const outputs: StreamMessage[] = [];
      await bus.consume(streams.inputs(0), { filter: taskSubject.inputs(names, TASK), from: 1 }, (message) =>
        inputs.push(message),
      );
      await bus.consume(streams.outputs(0), { filter: taskSubject.outputs(names, TASK), from: 1 }, (message) =>
        outputs.push(message),
      );
      await until(async () => ((await queryFleet(client)).ecus.length === 2 ? true : undefined));

      await deployTask(client, { spec, artefact });
      const look = async (wanted: (task: FleetTask) => boolean): Promise<FleetTask> =>
        until(async () => (await queryFleet(client)).tasks.find((task) => task.task === TASK && wanted(task)));
      const first = await look(
        (task) => task.state === 'owned' && task.durability === 'durable' && (task.checkpoint?.sequence ?? 0) >= 2,
      );
      const data = taskSubject.data(names, TASK);
      await bus.append(data, new TextEncoder().encode('1000'), { headers: { [header.number]: '1' }, timeoutUs: 5_000_000 });

      const killed = bridges.get(first.owner ?? '');
      expect(killed).toBeDefined();
      killed?.kill('SIGKILL');
      const second = await look((task) => task.state === 'owned' && task.epoch > first.epoch);
      expect(second.owner).not.toBe(first.owner);
      await bus.append(data, new TextEncoder().encode('2000'), { headers: { [header.number]: '2' }, timeoutUs: 5_000_000 });
      const after = outputs.length;
      await until(() => (outputs.length >= after + 20 ? true : undefined));

      const { receive: strategy, counters } = await queryFleet(client);
      expect(strategy).toBe(receive.strategy);
      if (strategy === 'interval') expect(counters['checkpoint.rounds']).toBeGreaterThan(0);
      expect(wrongOutput(outputs, inputs)).toBeUndefined();
      expect(outputs.filter(isMarker).length).toBe(2);
      expect(inputs.filter(({ subject }) => subject === data).length).toBe(2);
    } finally {
      for (const bridge of bridges.values()) {
        const gone = bridge.exitCode === null && bridge.signalCode === null ? once(bridge, 'exit') : undefined;
        bridge.kill('SIGKILL');
        await gone;
      }
      await Promise.all(managers.map((manager) => manager.stop('the test is over')));
      await client.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
