/**
 * A second bridge of the kind under test, for the checks of what two with one MAC do: started with a command of whoever runs the suite, in a folder of
 * its own, and gone at the latest when its check is over.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Mac } from '../../domain/model/ids.ts';

export interface AnotherBridge {
  /** It is gone, by itself or not. */
  readonly gone: Promise<void>;
  /** Ends it, where it is still there. */
  end(): Promise<void>;
}

export type StartAnother = (mac: Mac) => AnotherBridge;

export function anotherBridge(begin: (mac: Mac, folder: string) => ChildProcess): StartAnother {
  return (mac) => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-another-'));
    const child = begin(mac, folder);
    // One that cannot be started at all has gone, too; that it never asked for its MAC tells.
    const gone = Promise.race([once(child, 'exit'), once(child, 'error')]).then(
      () => undefined,
      () => undefined,
    );
    const end = async (): Promise<void> => {
      endGroup(child);
      await gone;
      rmSync(folder, { recursive: true, force: true });
    };
    return { gone, end };
  };
}

/** By a command for the shell: `{mac}` and `{folder}` in it are replaced. */
export const anotherByCommand = (command: string): StartAnother =>
  anotherBridge((mac, folder) => {
    const line = command.replaceAll('{mac}', mac).replaceAll('{folder}', folder);
    return spawn('sh', ['-c', line], { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
  });

/** With all that it has started, where it is the first of a process group. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    child.kill('SIGKILL');
  }
}
