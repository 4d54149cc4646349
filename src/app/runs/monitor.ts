/** Follows the start and stop records of jobs that bridges publish, task by task, and wakes whoever waits for some of them. */
import type { Host } from '../../../actors/host.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { decodeJobJournal } from '../../domain/protocol/codec-job.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import { TaskLog } from '../../domain/realtime/runs/verdict.ts';
import type { Cancel } from '../../ports/clock.ts';

export class Monitor {
  private readonly host: Host;
  private readonly logs = new Map<TaskName, TaskLog>();
  private readonly wakers = new Set<() => void>();
  private readonly cancel: Cancel;

  constructor(host: Host) {
    this.host = host;
    this.cancel = host.bus.subscribe(ecuSubject.allJobs, ({ payload }) => this.heard(payload));
  }

  stop(): void {
    this.cancel();
  }

  /** To be called before the task is deployed, so that none of its records is missed. */
  follow(task: TaskName): TaskLog {
    const log = new TaskLog();
    this.logs.set(task, log);
    return log;
  }

  forget(task: TaskName): void {
    this.logs.delete(task);
  }

  /** Whether it came to this in time. Fails when it is interrupted. */
  until(
    isSo: () => boolean,
    { withinUs, signal }: { readonly withinUs: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        late();
        this.wakers.delete(look);
        signal.removeEventListener('abort', look);
      };
      const look = (): void => {
        if (signal.aborted) {
          end();
          reject(new DroverError('ERR_NOT_RUNNING', 'interrupted'));
        } else if (isSo()) {
          end();
          resolve(true);
        }
      };
      const late = this.host.clock.after(withinUs, () => {
        end();
        resolve(isSo());
      });
      this.wakers.add(look);
      signal.addEventListener('abort', look);
      look();
    });
  }

  private heard(payload: Uint8Array): void {
    const journal = decodeJobJournal(payload);
    if (!journal.ok) {
      this.host.counters.add(`wire.${journal.error.kind}`);
      return;
    }
    for (const record of journal.value.body.records) this.logs.get(record.task)?.take(record);
    for (const wake of [...this.wakers]) wake();
  }
}
