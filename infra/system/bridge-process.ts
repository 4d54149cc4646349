/**
 * A bridge as a child process, tied to this one by Node's IPC channel: the child says over it that it serves, and leaves with
 * a clean goodbye when the channel closes, so that a bridge never outlives its supervisor, however that died. (A supervisor
 * that starts again may therefore start a bridge of its own; the old one refuses nothing any more.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { ProcessIdentity } from '../../src/domain/model/ecu.ts';
import type { BridgeExit, BridgeProcess, BridgeProcesses, BridgeWatch } from '../../src/ports/bridge-process.ts';
import { createProcessTable } from './process-table.ts';

export interface BridgeProcessOptions {
  /** The file that the child runs. */
  readonly entry: string;
  readonly nodeFlags: readonly string[];
  /** Of each start, because a planned fault is for the first one alone. */
  readonly environment: (start: number) => NodeJS.ProcessEnv;
  /** Exit codes that say that another start would fail as well. */
  readonly exitForGood: number;
}

/** Longer than the bridge's own bound on a clean leave. */
const STOP_MS_MAX = 7_000;

export function createBridgeProcesses(options: BridgeProcessOptions): BridgeProcesses {
  const table = createProcessTable();
  let starts = 0;
  return {
    spawn(watch) {
      const child = spawn(process.execPath, [...options.nodeFlags, options.entry], {
        env: options.environment(++starts),
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        serialization: 'json',
      });
      const { pid } = child;
      if (pid === undefined) {
        child.on('error', () => {});
        throw new DroverError('ERR_NOT_RUNNING', 'the operating system starts no process for the bridge', { retryable: true });
      }
      return follow(child, { pid, identity: table.identify(pid), exitForGood: options.exitForGood }, watch);
    },
  };
}

interface Known {
  readonly pid: number;
  readonly identity: ProcessIdentity | undefined;
  readonly exitForGood: number;
}

function follow(child: ChildProcess, { pid, identity, exitForGood }: Known, watch: BridgeWatch): BridgeProcess {
  let lastWords: string | undefined;
  child.on('message', (word: unknown) => {
    if (typeof word !== 'object' || word === null) return;
    if ('incarnation' in word && typeof word.incarnation === 'number') watch.onReady(word.incarnation);
    else if ('sentence' in word && typeof word.sentence === 'string') lastWords = word.sentence;
  });
  child.on('error', () => {}); // a message to a child that is just dying; its exit says the rest
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      watch.onExit(describeExit({ code, signal, lastWords, exitForGood }));
      resolve();
    });
  });
  return {
    pid,
    identity,
    stop: async () => {
      child.kill('SIGTERM');
      const bound = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await gone;
      clearTimeout(bound);
    },
  };
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastWords: string | undefined;
  readonly exitForGood: number;
}

function describeExit({ code, signal, lastWords, exitForGood }: Exit): BridgeExit {
  const how = signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
  return { clean: code === 0, forGood: code === exitForGood, reason: lastWords ?? how };
}
