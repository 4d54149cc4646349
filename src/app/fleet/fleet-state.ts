/**
 * `fleet.json` in a fleet's data folder: how other commands find the fleet that runs there, and whom `down` asks to stop. It is
 * only a hint: whoever reads it checks that the process still lives.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writePrivateFile } from '../../../infra/nats/server-file.ts';
import { isProcessAlive } from '../../../infra/system/process-identity.ts';

export const FLEET_STATE_VERSION = 1;

const broker = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('folder'), folder: z.string() }),
  z.object({
    kind: z.literal('url'),
    url: z.string(),
    credsFile: z.string().optional(),
    sysUrl: z.string().optional(),
    sysCredsFile: z.string().optional(),
  }),
]);

const fleetState = z.object({
  version: z.literal(FLEET_STATE_VERSION),
  /** Of `drover up`. */
  pid: z.number().int().positive(),
  broker,
  processes: z.array(z.object({ host: z.string(), pid: z.number(), state: z.enum(['starting', 'ready', 'frozen']) })),
});

export type FleetState = z.infer<typeof fleetState>;

export const writeFleetState = (path: string, state: FleetState): Promise<void> =>
  writePrivateFile(path, `${JSON.stringify(state, undefined, 2)}\n`);

/** Undefined where no fleet runs: no file, one that cannot be read, or one whose process is gone. */
export async function readFleetState(path: string): Promise<FleetState | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const state = fleetState.safeParse(value);
  return state.success && isProcessAlive(state.data.pid) ? state.data : undefined;
}
