/**
 * The life of a process of the fleet: start, say so, wait for a signal or for its starter to go, leave cleanly. A second
 * signal ends it at once; so does a clean leave that takes too long.
 */

import { DroverError } from '../../domain/kernel/error-codes.ts';
import { onParentGone, tellParent } from '../compose/parent-link.ts';
import { EXIT_FOR_GOOD } from '../compose/process-entries.ts';

export interface RunningPart {
  readonly incarnation: number;
  stop(reason: string): Promise<void>;
}

const EXIT_CLEAN = 0;
const EXIT_FAILED = 1;

const LEAVE_MS_MAX = 5_000;
const FOR_GOOD: ReadonlySet<string> = new Set(['ERR_MAC_TAKEN', 'ERR_BUS_DENIED', 'ERR_USAGE']);

export async function runProcess(open: () => Promise<RunningPart>): Promise<void> {
  let leaving = false;
  let part: RunningPart | undefined;
  const leave = async (reason: string): Promise<void> => {
    if (leaving) process.exit(EXIT_FAILED);
    leaving = true;
    setTimeout(() => process.exit(EXIT_FAILED), LEAVE_MS_MAX).unref();
    await part?.stop(reason);
    process.exit(EXIT_CLEAN);
  };
  const leaveOrFail = (reason: string): void => {
    leave(reason).catch(fail);
  };
  process.on('SIGTERM', () => leaveOrFail('it was asked to stop'));
  process.on('SIGINT', () => leaveOrFail('it was interrupted'));
  onParentGone(() => leaveOrFail('whoever started it is gone'));
  try {
    const opened = await open();
    part = opened;
    if (leaving) await opened.stop('it was asked to stop');
    else tellParent({ kind: 'ready', pid: process.pid, incarnation: opened.incarnation });
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): never {
  const code = error instanceof DroverError ? error.code : '';
  const sentence = error instanceof Error ? error.message : String(error);
  process.stderr.write(`drover: ${sentence}${code === '' ? '' : ` (${code})`}\n`);
  if (code === '' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  if (process.connected === true && process.send !== undefined) {
    process.send({ kind: 'failed', code, sentence }, undefined, undefined, () => process.exit(exitCodeOf(code)));
    setTimeout(() => process.exit(exitCodeOf(code)), 1_000);
  } else process.exit(exitCodeOf(code));
  return undefined as never;
}

const exitCodeOf = (code: string): number => (FOR_GOOD.has(code) ? EXIT_FOR_GOOD : EXIT_FAILED);
