/** Processes by machine and boot: the `ProcessTable` of the simulated world. */
import type { ProcessIdentity } from '../../src/domain/model/ecu.ts';
import type { ProcessTable } from '../../src/ports/process-table.ts';
import type { SimProcess } from './host.ts';

interface Entry {
  readonly process: SimProcess;
  readonly identity: ProcessIdentity;
}

/** All machines of a world. `boot` after a power cut: what ran before is then *elsewhere*, not dead. */
export class SimProcesses {
  private readonly boots = new Map<string, number>();
  private readonly entries = new Map<SimProcess, Entry>();
  private pids = 1000;

  boot(machine: string): void {
    this.boots.set(machine, (this.boots.get(machine) ?? 1) + 1);
  }

  tableOf(process: SimProcess): ProcessTable {
    const self = this.identityOf(process);
    return {
      self: () => self,
      look: (identity) => {
        if (identity.bootId !== self.bootId) return 'elsewhere';
        for (const entry of this.entries.values()) {
          if (entry.identity.pid === identity.pid && entry.identity.startTicks === identity.startTicks)
            return entry.process.alive() ? 'alive' : 'dead';
        }
        return 'dead';
      },
    };
  }

  identityOf(process: SimProcess): ProcessIdentity {
    const known = this.entries.get(process);
    if (known !== undefined) return known.identity;
    const { machine, scheduler } = process.host;
    const identity: ProcessIdentity = {
      bootId: `${machine}/boot-${this.boots.get(machine) ?? 1}`,
      pid: this.pids++,
      startTicks: Math.floor(scheduler.nowUs() / 10_000),
    };
    this.entries.set(process, { process, identity });
    return identity;
  }
}
