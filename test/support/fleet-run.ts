/** A local fleet for a test: real processes in a temporary folder, and what a test asks of it again and again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProcessAlive } from '../../infra/system/process-identity.ts';
import { queryFleet } from '../../src/app/fleet/fleet-calls.ts';
import { ecuPlans, type FleetEvent, LocalFleet, type LocalFleetOptions, managerIds } from '../../src/app/fleet/local-fleet.ts';
import type { FleetTask } from '../../src/domain/protocol/messages.ts';
import { header, streams, taskSubject } from '../../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../../src/ports/bus.ts';

export interface FleetRun {
  readonly fleet: LocalFleet;
  readonly folder: string;
  readonly events: FleetEvent[];
  task(name: string): Promise<FleetTask | undefined>;
  /** Outputs of a task from the first on, markers left out, growing. */
  outputs(task: string): Promise<StreamMessage[]>;
  end(): Promise<void>;
}

export async function startFleet(
  size: { readonly ecus: number; readonly managers: number },
  more: Partial<LocalFleetOptions> = {},
): Promise<FleetRun> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-fleet-'));
  const events: FleetEvent[] = [];
  const fleet = new LocalFleet({
    dataFolder: folder,
    ecus: ecuPlans(size.ecus),
    managers: managerIds(size.managers),
    onEvent: (event) => events.push(event),
    ...more,
  });
  await fleet.start();
  return {
    fleet,
    folder,
    events,
    task: async (name) => (await queryFleet(fleet.client)).tasks.find(({ task }) => task === name),
    outputs: async (task) => {
      const { bus, names } = fleet.client.host;
      const collected: StreamMessage[] = [];
      await bus.consume(streams.outputs(0), { filter: taskSubject.outputs(names, task), from: 1 }, (message) => {
        if (message.headers[header.marker] !== '1') collected.push(message);
      });
      return collected;
    },
    end: async () => {
      await fleet.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const POLL_MS = 20;
const TRIES_MAX = 6_000;

/** Waits for a fact that has to come; a fact that never comes fails with what was waited for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`it never came to this: ${what}`);
}

export const text = (message: StreamMessage): string => new TextDecoder().decode(message.payload);

/** One that has ended and that nobody has waited for yet still stands in the process table, and is not alive. */
export const isAlive = (pid: number): boolean => isProcessAlive(pid);
