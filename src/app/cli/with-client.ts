/** Opens a connection to the fleet for one command, and closes it whatever comes. */
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { type BrokerFlags, brokerOf } from './broker-options.ts';
import { onOutputGone } from './output-gone.ts';

export async function withClient<T>(flags: BrokerFlags, run: (client: FleetClient) => Promise<T>): Promise<T> {
  const { openFleetClient } = await import('../compose/open-fleet-client.ts');
  const client = await openFleetClient(await brokerOf(flags));
  try {
    return await run(client);
  } finally {
    await client.close();
  }
}

/** True from the first Ctrl-C or SIGTERM on; a second one ends the process. */
export function interruption(): { readonly asked: () => boolean; readonly done: Promise<void> } {
  let asked = false;
  const done = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve();
      });
    }
    onOutputGone(() => {
      asked = true;
      resolve();
    });
  });
  return { asked: () => asked, done };
}
