/** The fleet whose simulation `drover bench simulate` times, in a process of its own, so that it has one core and one heap to itself. */
import { FleetWorld, macOf } from '../simulation/fleet-world.ts';

export interface SimulateRun {
  readonly ecus: number;
  readonly tasks: number;
  /** Simulated, for each sample. */
  readonly seconds: number;
  readonly samples: number;
}

/** Of one sample. */
export interface SimulateSample {
  readonly wallMs: number;
  /** Of this process, its collector's threads included. */
  readonly cpuMs: number;
  readonly steps: number;
  readonly fingerprint: string;
}

const TICK_US = 100_000;
const CHECKPOINT_US = 1_000_000;
const SECOND_US = 1_000_000;
/** Code is compiled and the fleet is at rest by then: on a busy machine the first ten seconds cost twice what the fourth ten do. */
const WARM_UP_US = 40 * SECOND_US;

async function play({ ecus, tasks, seconds, samples }: SimulateRun): Promise<SimulateSample[]> {
  const macs = Array.from({ length: ecus }, (_, at) => macOf(at + 1));
  const fleet = new FleetWorld({
    seed: 1,
    ecus: macs.map((mac) => ({ mac, cores: 4 })),
    managers: [{ name: 'm1' }, { name: 'm2' }],
    world: { withoutFaultPoints: true },
  });
  fleet.start();
  await fleet.elapse(SECOND_US);
  for (let number = 1; number <= tasks; number++) {
    const checkpoint = { intervalUs: CHECKPOINT_US, quorum: 2, standbys: 0 };
    await fleet.done(fleet.declare({ name: `task-${number}`, periodUs: TICK_US, wcetUs: 500, checkpoint }));
  }
  await fleet.elapse(WARM_UP_US);
  const found: SimulateSample[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const [beganMs, cpu, steps] = [performance.now(), process.cpuUsage(), fleet.world.scheduler.steps()];
    await fleet.elapse(seconds * SECOND_US);
    const { user, system } = process.cpuUsage(cpu);
    found.push({
      wallMs: performance.now() - beganMs,
      cpuMs: (user + system) / 1000,
      steps: fleet.world.scheduler.steps() - steps,
      fingerprint: fleet.world.fingerprint(),
    });
  }
  const idle = [...fleet.wanted].filter((task) => !fleet.runs(task));
  if (idle.length > 0) throw new Error(`these tasks do not run: ${idle.join(', ')}`);
  return found;
}

process.once('message', (run: SimulateRun) => {
  play(run).then(
    (samples) => process.send?.({ kind: 'done', samples }, () => process.exit(0)),
    (error: unknown) => process.send?.({ kind: 'failed', why: String(error) }, () => process.exit(1)),
  );
});
