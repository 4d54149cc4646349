/** Runs a part of a fleet in the foreground: says when it serves, leaves cleanly at Ctrl-C or SIGTERM, fails as commands do. */
import { onOutputGone } from './output-gone.ts';

interface TerminalPart {
  readonly incarnation: number;
  stop(reason: string): Promise<void>;
}

/** A clean leave that takes longer is given up. */
const LEAVE_MS_MAX = 10_000;

export async function runInTerminal(
  open: () => Promise<TerminalPart>,
  { what, json }: { readonly what: string; readonly json: boolean },
): Promise<void> {
  const asked = new Promise<string>((resolve) => {
    let signals = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1);
        resolve(`it was ended by ${signal}`);
      });
    }
    onOutputGone(() => resolve('its terminal is gone'));
  });
  const part = await open();
  if (json) process.stdout.write(`${JSON.stringify({ serves: what, pid: process.pid, incarnation: part.incarnation })}\n`);
  else process.stderr.write(`${what} serves (incarnation ${part.incarnation}). Ctrl-C stops it.\n`);
  const reason = await asked;
  setTimeout(() => process.exit(1), LEAVE_MS_MAX).unref();
  await part.stop(reason);
}
