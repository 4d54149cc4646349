/** A bridge as a child process on a broker of its own, and the conformance suite run over it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { anotherBridge } from '../../src/app/conformance/another-bridge.ts';
import { openBench } from '../../src/app/conformance/open-bench.ts';
import { runSuite, type SuiteResult } from '../../src/app/conformance/suite.ts';
import type { RuntimeKind } from '../../src/domain/model/task.ts';
import { CLIENT_LOGIN, type NatsProcess, startNats } from './nats-process.ts';

const PATIENCE_US = 60_000_000;

export interface BridgeUnderTest {
  readonly mac: string;
  readonly runtime: RuntimeKind;
  /** For what a check waits; the broker and the bridge may take longer to be there. */
  readonly patienceUs?: number;
  /** Starts a bridge's process; `folder` is its own and empty. */
  readonly start: (context: BridgePlace) => ChildProcess;
}

export interface BridgePlace {
  readonly mac: string;
  readonly url: string;
  readonly folder: string;
}

export const startProcess = (
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcess => spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });

export const urlOf = (server: NatsProcess): string =>
  `nats://${CLIENT_LOGIN.user}:${CLIENT_LOGIN.pass}@${server.host}:${server.port()}`;

export async function conform(bridge: BridgeUnderTest, only?: string): Promise<SuiteResult> {
  const server = await startNats();
  const folder = mkdtempSync(join(tmpdir(), 'drover-conformance-'));
  const child = bridge.start({ mac: bridge.mac, url: urlOf(server), folder });
  const gone = once(child, 'exit');
  try {
    const broker = { kind: 'url', url: urlOf(server) } as const;
    const leave = async (): Promise<void> => {
      child.kill('SIGTERM');
      await gone;
    };
    const { bench, close } = await openBench({
      mac: bridge.mac,
      broker,
      runtime: bridge.runtime,
      artefactFile: undefined,
      patienceUs: bridge.patienceUs ?? PATIENCE_US,
      startPatienceUs: PATIENCE_US,
      leave,
      another: anotherBridge((mac, home) => bridge.start({ mac, url: urlOf(server), folder: home })),
    });
    try {
      return await runSuite(bench, only === undefined ? {} : { only });
    } finally {
      await close();
    }
  } finally {
    child.kill('SIGKILL');
    await gone;
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One line for each check that did not pass. */
export const failuresOf = (result: SuiteResult): readonly string[] =>
  result.checks
    .filter(({ outcome }) => outcome !== 'passed')
    .map(({ group, name, outcome, because }) => `${outcome} ${group}/${name}: ${because}`);
