/**
 * One process of a local fleet and those below it, as a process group of its own: a whole ECU (supervisor, bridge, workers) is
 * killed, stopped and continued by one signal, as if its power had gone. It is tied to us by its IPC channel and leaves by
 * itself when we are gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type ChildWord, isChildWord } from '../compose/parent-link.ts';
import { CONFIG_VARIABLE, type EcuConfig, type ManagerConfig } from '../compose/process-config.ts';
import { EXIT_FOR_GOOD, entryFile, MANAGER_FLAGS, SUPERVISOR_FLAGS } from '../compose/process-entries.ts';

export interface ChildOptions {
  readonly kind: 'supervisor' | 'manager';
  readonly config: EcuConfig | ManagerConfig;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onWord: (word: ChildWord) => void;
  readonly onExit: (exit: ChildExit) => void;
}

export interface ChildExit {
  readonly reason: string;
  readonly clean: boolean;
  readonly forGood: boolean;
}

const STOP_MS_MAX = 12_000;

export class FleetChild {
  readonly pid: number;
  readonly gone: Promise<void>;
  private readonly child: ChildProcess;
  private stopped = false;

  constructor(options: ChildOptions) {
    const flags = options.kind === 'supervisor' ? SUPERVISOR_FLAGS : MANAGER_FLAGS;
    this.child = spawn(process.execPath, [...flags, fileURLToPath(entryFile(options.kind))], {
      env: { ...process.env, ...options.environment, [CONFIG_VARIABLE]: JSON.stringify(options.config) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      detached: true,
    });
    const { pid } = this.child;
    if (pid === undefined) {
      this.child.on('error', () => {});
      throw new DroverError('ERR_NOT_RUNNING', `the operating system starts no process for a ${options.kind}`, {
        retryable: true,
      });
    }
    this.pid = pid;
    let lastWords = '';
    this.child.on('error', () => {}); // a signal or a message to one that is just dying; its exit says the rest
    this.child.stderr?.on('data', (chunk: Buffer) => {
      lastWords = `${lastWords}${chunk.toString()}`.slice(-2_000);
    });
    this.child.on('message', (word: unknown) => {
      if (isChildWord(word)) options.onWord(word);
    });
    this.gone = new Promise((resolve) => {
      this.child.once('exit', (code, signal) => {
        const how = signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`;
        options.onExit({ reason: lastWords.trim() || how, clean: code === 0, forGood: code === EXIT_FOR_GOOD });
        resolve();
      });
    });
  }

  get frozen(): boolean {
    return this.stopped;
  }

  /** SIGKILL for the whole group. Resolves when its first process is gone; the others went with the same signal. */
  async kill(): Promise<void> {
    this.signalGroup('SIGKILL');
    await this.gone;
  }

  freeze(): void {
    this.stopped = true;
    this.signalGroup('SIGSTOP');
  }

  thaw(): void {
    this.stopped = false;
    this.signalGroup('SIGCONT');
  }

  /** A clean leave, bounded. */
  async leave(): Promise<void> {
    if (this.stopped) this.thaw();
    this.child.kill('SIGTERM');
    const bound = setTimeout(() => this.signalGroup('SIGKILL'), STOP_MS_MAX);
    await this.gone;
    clearTimeout(bound);
  }

  private signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}
