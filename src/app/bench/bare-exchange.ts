/**
 * What two processes can move by bare request and reply through a server: the yardstick of `store.ts`. The other process
 * (`bare-responder.ts`) answers through the plain client; this one asks, with as many requests under way as wanted.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type BareResponderConfig, RESPONDER_VARIABLE } from './bare-config.ts';

export interface BareExchange {
  /** Requests answered a second, over `seconds`. */
  measure(options: { readonly inFlight: number; readonly requestBytes: number; readonly seconds: number }): Promise<number>;
  close(): Promise<void>;
}

const TIMEOUT_US = 5_000_000;

export async function openBareExchange(host: Host, config: BareResponderConfig): Promise<BareExchange> {
  const child = spawn(process.execPath, [fileURLToPath(responderFile())], {
    env: { ...process.env, [RESPONDER_VARIABLE]: JSON.stringify(config) },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await Promise.race([once(child, 'message'), endedEarly(child)]);
  return {
    async measure({ inFlight, requestBytes, seconds }) {
      const question = new Uint8Array(requestBytes);
      let answered = 0;
      const beganMs = performance.now();
      const untilMs = beganMs + seconds * 1000;
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (performance.now() < untilMs) {
            await host.bus.request(config.subject, question, { timeoutUs: TIMEOUT_US });
            answered++;
          }
        }),
      );
      return (answered * 1000) / (performance.now() - beganMs);
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    },
  };
}

async function endedEarly(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  throw new DroverError('ERR_NOT_RUNNING', `the process that answers bare requests ended with ${code}`);
}

/** A child process needs JavaScript, from the source tree (vitest) as from `dist`. */
const responderFile = (): URL =>
  new URL(
    import.meta.url.endsWith('.ts') ? '../../../dist/src/app/bench/bare-responder.js' : './bare-responder.js',
    import.meta.url,
  );
