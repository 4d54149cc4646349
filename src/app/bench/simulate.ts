/**
 * `drover bench simulate`: how fast the simulated world is, and the two hot paths that a large fleet stands on: planning all tasks
 * of a failed ECU over ten thousand, and judging ten thousand ECUs' heartbeats.
 */
import { fork } from 'node:child_process';
import { PhiAccrualDetector } from '../../domain/detection/phi-accrual.ts';
import { thresholdsOf } from '../../domain/detection/thresholds.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { EcuDescription } from '../../domain/model/ecu.ts';
import { validateTaskSpec } from '../../domain/model/task-spec.ts';
import { acceptedTaskOf } from '../../domain/placement/admit.ts';
import { assign } from '../../domain/placement/assign.ts';
import type { Candidate, Newcomer } from '../../domain/placement/evidence.ts';
import { decodeHeartbeat, encodeHeartbeat } from '../../domain/protocol/codec-heartbeat.ts';
import { scaleMac } from '../simulation/scale-fleet.ts';
import { type Machine, machine } from './machine.ts';
import type { SimulateRun, SimulateSample } from './simulate-run.ts';

interface Spread {
  readonly best: number;
  readonly median: number;
  readonly worst: number;
}

export interface SimulateBench {
  readonly machine: Machine;
  /** Simulated seconds in a second, of 10 ECUs, 50 tasks at 100 ms, a checkpoint a second, two managers. */
  readonly timesRealTime: Spread;
  /** The same by the processor time of the process instead of the clock: what a core of one's own would give, or less. */
  readonly timesProcessorTime: Spread;
  readonly stepsPerSecond: number;
  readonly fingerprint: string;
  /** All tasks of one failed ECU, planned over the rest. */
  readonly placement: { readonly ecus: number; readonly tasks: number; readonly ms: Spread; readonly cpuMs: Spread };
  /** Of one core. `withDecoding`: and the message taken apart, and its ECU looked up. */
  readonly heartbeats: {
    readonly ecus: number;
    readonly hertz: number;
    readonly judgedShare: Spread;
    readonly withDecodingShare: Spread;
  };
}

export interface SimulateBenchOptions {
  readonly seconds: number;
  readonly samples: number;
  readonly say: (sentence: string) => void;
}

const FLEET = { ecus: 10, tasks: 50 };
const LARGE = 10_000;
const TASKS_PER_ECU = 10;
const HERTZ = 10;
const SCAN_US = 20_000;
const SECOND_US = 1_000_000;
/** Little survives here, and a young generation that the processor's caches hold costs a fifth less than one of 64 MiB. */
const YOUNG_MIB = 8;

export async function benchSimulate({ seconds, samples, say }: SimulateBenchOptions): Promise<SimulateBench> {
  const before = machine();
  say(`${samples} samples of ${seconds} simulated seconds`);
  const found = await playApart({ ...FLEET, seconds, samples });
  say(`placing the tasks of one ECU among ${LARGE}`);
  const planned = placementMs(samples);
  say(`${LARGE} ECUs' heartbeats`);
  const judgedShare = spread(Array.from({ length: samples }, () => judging(false)));
  const withDecodingShare = spread(Array.from({ length: samples }, () => judging(true)));
  const steps = found.reduce((sum, sample) => sum + sample.steps, 0);
  const wallMs = found.reduce((sum, sample) => sum + sample.wallMs, 0);
  return {
    machine: before,
    timesRealTime: mostFirst(found.map((sample) => (seconds * 1000) / sample.wallMs)),
    timesProcessorTime: mostFirst(found.map((sample) => (seconds * 1000) / sample.cpuMs)),
    stepsPerSecond: Math.round((steps / wallMs) * 1000),
    fingerprint: found.at(-1)?.fingerprint ?? '',
    placement: { ecus: LARGE, tasks: TASKS_PER_ECU, ms: spread(planned.ms), cpuMs: spread(planned.cpuMs) },
    heartbeats: { ecus: LARGE, hertz: HERTZ, judgedShare, withDecodingShare },
  };
}

function playApart(run: SimulateRun): Promise<readonly SimulateSample[]> {
  const child = fork(new URL('./simulate-run.js', import.meta.url), {
    execArgv: [`--max-semi-space-size=${YOUNG_MIB}`, `--min-semi-space-size=${YOUNG_MIB}`],
  });
  const stop = (): void => void child.kill();
  process.once('SIGINT', stop);
  return new Promise((resolve, reject) => {
    let why = 'its process ended';
    let samples: readonly SimulateSample[] | undefined;
    child.on('message', (told: { readonly samples?: readonly SimulateSample[]; readonly why?: string }) => {
      samples = told.samples;
      why = told.why ?? why;
    });
    child.once('error', reject);
    child.once('exit', () => {
      process.off('SIGINT', stop);
      if (samples !== undefined) resolve(samples);
      else reject(new DroverError('ERR_BENCH_FAILED', `the fleet could not be played to its end: ${why}`));
    });
    child.send(run);
  });
}

// ——— planning ———

function placementMs(samples: number): { readonly ms: number[]; readonly cpuMs: number[] } {
  const spec = (name: string): Newcomer['spec'] => {
    const valid = validateTaskSpec({
      name,
      artefact: '0'.repeat(64),
      artefactBytes: 1,
      periodUs: 10_000,
      wcetUs: 300,
      memoryBytesMax: 16 * 2 ** 20,
    });
    if (!valid.ok) throw new Error(JSON.stringify(valid.error));
    return valid.value;
  };
  const description = (mac: string): EcuDescription => ({
    mac,
    incarnation: 1,
    name: mac,
    ecuClass: 'default',
    resourceKind: 'cpu',
    cores: 4,
    memoryBytes: 2 ** 30,
    capabilities: [],
    runtimes: ['wasm'],
    labels: {},
    offers: [],
    bridge: { bootId: 'boot', pid: 1, startTicks: 1 },
    supervisor: undefined,
    heartbeatIntervalUs: SECOND_US / HERTZ,
    version: 'bench',
  });
  const candidates: Candidate[] = Array.from({ length: LARGE }, (_, ecu) => {
    const mac = scaleMac(ecu + 1);
    // Not all the same, so that the scores have something to tell apart.
    const count = TASKS_PER_ECU - (ecu % 5);
    const accepted = Array.from({ length: count }, (_, at) => acceptedTaskOf(spec(`t-${ecu}-${at}`), 1));
    return { mac, incarnation: 1, description: description(mac), accepted, alive: true, draining: false };
  });
  const failed = candidates[LARGE >> 1] as Candidate;
  const newcomers = Array.from({ length: TASKS_PER_ECU }, (_, at): Newcomer => ({ spec: spec(`t-${LARGE >> 1}-${at}`) }));
  const ms: number[] = [];
  const cpuMs: number[] = [];
  for (let sample = 0; sample < samples * 4; sample++) {
    const [beganMs, cpu] = [performance.now(), process.cpuUsage()];
    const plan = assign({ newcomers, candidates, excluded: [failed.mac] });
    ms.push(performance.now() - beganMs);
    const { user, system } = process.cpuUsage(cpu);
    cpuMs.push((user + system) / 1000);
    if (plan.assignments.length !== TASKS_PER_ECU) throw new DroverError('ERR_BENCH_FAILED', 'a task found no place');
  }
  // The first ones are the compiler's.
  return { ms: ms.slice(samples), cpuMs: cpuMs.slice(samples) };
}

// ——— heartbeats ———

/** The share of a core that a second of all heartbeats and fifty scans takes. */
function judging(withDecoding: boolean): number {
  const phi = new PhiAccrualDetector({ capacity: LARGE });
  const announcedUs = SECOND_US / HERTZ;
  const indexes = new Map<string, number>();
  const payloads: Uint8Array[] = [];
  for (let ecu = 0; ecu < LARGE; ecu++) {
    const mac = scaleMac(ecu + 1);
    indexes.set(mac, phi.add({ announcedUs, thresholds: thresholdsOf('default'), nowUs: 0 }));
    const body = { kind: 'heartbeat', mac, incarnation: 1, sequence: 1, uptimeUs: 1 } as const;
    payloads.push(encodeHeartbeat({ id: `h-${ecu}`, sender: `bridge.${mac}`, sentAtUs: 0, trace: '', body }));
  }
  const suspects = new Uint32Array(LARGE);
  const rounds = 3 * HERTZ;
  let nowUs = 0;
  let suspected = 0;
  let scanUs = 0;
  const cpu = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    for (let ecu = 0; ecu < LARGE; ecu++) {
      nowUs += announcedUs / LARGE;
      let index: number | undefined = ecu;
      if (withDecoding) {
        const beat = decodeHeartbeat(payloads[ecu] as Uint8Array);
        index = beat.ok ? indexes.get(beat.value.body.mac) : undefined;
      }
      if (index !== undefined) phi.heartbeat(index, Math.round(nowUs));
      if (nowUs - scanUs < SCAN_US) continue;
      scanUs = nowUs;
      suspected += phi.suspects(Math.round(nowUs), suspects);
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  if (suspected > 0) throw new DroverError('ERR_BENCH_FAILED', `${suspected} ECUs that beat were suspected`);
  return (user + system) / (rounds * announcedUs);
}

// ——— numbers ———

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** The least is the best. */
function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
  return { best: at(0), median: at(0.5), worst: at(1) };
}

function mostFirst(values: readonly number[]): Spread {
  const { best, median, worst } = spread(values);
  return { best: worst, median, worst: best };
}
