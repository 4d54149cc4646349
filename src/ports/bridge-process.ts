import type { ProcessIdentity } from '../domain/model/ecu.ts';

/** Starts the bridge of this ECU as a process of its own. One lives at a time. */
export interface BridgeProcesses {
  /** Fails with ERR_NOT_RUNNING when the operating system starts no process. */
  spawn(watch: BridgeWatch): BridgeProcess;
}

export interface BridgeWatch {
  /** It serves. At most once. */
  onReady(incarnation: number): void;
  /** It is gone. Once, also when it never came up. */
  onExit(exit: BridgeExit): void;
}

export interface BridgeExit {
  /** It left by itself or because it was asked to. */
  readonly clean: boolean;
  /** Starting it again would fail in the same way (another ECU has this MAC, the broker refuses the credentials). */
  readonly forGood: boolean;
  readonly reason: string;
}

export interface BridgeProcess {
  readonly pid: number;
  readonly identity: ProcessIdentity | undefined;
  /** Asks it to leave, ends it after a bound. Resolves when it is gone. */
  stop(): Promise<void>;
}
