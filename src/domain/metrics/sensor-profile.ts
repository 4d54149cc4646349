/**
 * What a simulated ECU is made of and what befalls it: `heating`, or with words of one's own `heating,after=20,limit=95`. All rates count
 * from `after` seconds on.
 */
import { err, ok, type Result } from '../kernel/result.ts';
import type { MetricLimits } from '../model/ecu.ts';

export interface SensorProfile {
  /** °C around it. */
  readonly ambient: number;
  /** K per W from the chip to there, when it is new and its fan runs. */
  readonly resistance: number;
  /** Thermal time constant in s. */
  readonly tau: number;
  /** W when nothing runs, and with all cores busy, both at 25 °C. */
  readonly idle: number;
  readonly max: number;
  /** Leakage: more power for each K above 25 °C, as a share. */
  readonly leakage: number;
  /** °C at which such a machine switches itself off: whoever plays its death asks for this. */
  readonly limit: number;
  /** Load of the machine besides its tasks, a share of it. */
  readonly background: number;
  /** How much heavier its tasks are than what their jobs took: example tasks hardly warm anything. */
  readonly gain: number;
  /** s after which the rates begin. */
  readonly after: number;
  /** Cooling that fails: growth of the resistance, as a share a second. */
  readonly cooling: number;
  /** Growth of the background load a second. */
  readonly rising: number;
  /** Ageing: growth of the resistance, as a share for each hour at 60 °C; ten degrees more double it. */
  readonly wear: number;
  /** Hours of ageing that pass in a second. */
  readonly hours: number;
  /** Its memory in MiB, the share of it in use at rest, and the growth of that share a second: something leaks. */
  readonly memory: number;
  readonly filled: number;
  readonly filling: number;
  /** Share of its memory in use at which its processes are killed, and of its load above which tasks are late. */
  readonly full: number;
  readonly busy: number;
  /** Growth of the resistance, as a share, at which it is worn out. */
  readonly life: number;
  /** Standard deviation of the temperature sensor, and the steps it reads in, both in K. */
  readonly noise: number;
  readonly step: number;
  /** What becomes of the temperature sensor after `after`: 0 nothing, 1 it is stuck, 2 it lies, 3 it is gone. */
  readonly fault: number;
}

/** A small fanless unit: 38 °C at rest, 72 °C when busy, half way there after some 14 s. */
const CALM: SensorProfile = {
  ambient: 30,
  resistance: 1.6,
  tau: 20,
  idle: 4,
  max: 22,
  leakage: 0.004,
  limit: 95,
  background: 0.05,
  gain: 1,
  after: 10,
  cooling: 0,
  rising: 0,
  wear: 0,
  hours: 0,
  memory: 512,
  filled: 0.45,
  filling: 0,
  full: 0.96,
  busy: 0.95,
  life: 0.5,
  noise: 0.15,
  step: 0.25,
  fault: 0,
};

export const SENSOR_PROFILES = {
  calm: CALM,
  /** Its cooling fails: from 53 °C to the limit in 68 s with nothing to do, in 40 s when busy. */
  heating: { ...CALM, background: 0.5, cooling: 0.04 },
  /** Something else on it takes all its cores, and all its memory: it is full 51 s after that begins. */
  overload: { ...CALM, rising: 0.02, filling: 0.01 },
  /** Years in minutes: paste that dries, fans that wear. It is worn out after three minutes with nothing to do. */
  ageing: { ...CALM, background: 0.4, wear: 0.00001, hours: 300 },
} as const satisfies Readonly<Record<string, SensorProfile>>;

const NAMES = Object.keys(SENSOR_PROFILES) as readonly (keyof typeof SENSOR_PROFILES)[];
const POSITIVE: ReadonlySet<string> = new Set(['resistance', 'tau', 'max', 'step', 'memory', 'full', 'busy', 'life']);
const VALUE_MAX = 1e6;

/** What such a machine dies of or suffers from, as its ECU says it of itself. */
export const limitsOf = ({ limit, full, busy }: SensorProfile): Required<MetricLimits> => ({
  temperatureLimit: limit,
  memoryLimit: full,
  loadLimit: busy,
  wearLimit: 1,
});

/** The error is a sentence for people. */
export function parseSensorProfile(text: string): Result<SensorProfile, string> {
  const [first = '', ...words] = text.split(',').map((word) => word.trim());
  const name = NAMES.find((known) => known === first);
  if (name === undefined) return err(`"${first}" is no profile; there are ${NAMES.join(', ')}`);
  const changes: Record<string, number> = {};
  for (const word of words) {
    const [key = '', given = ''] = word.split('=');
    const value = Number(given);
    if (!Object.hasOwn(CALM, key))
      return err(`"${word}" changes nothing; write ${Object.keys(CALM).join(', ')} with = and a number`);
    if (given.trim() === '' || !Number.isFinite(value) || Math.abs(value) > VALUE_MAX)
      return err(`"${word}": give a number between -${VALUE_MAX} and ${VALUE_MAX}`);
    if (value < 0 && key !== 'ambient') return err(`"${word}": only the ambient temperature can be below 0`);
    if (value === 0 && POSITIVE.has(key)) return err(`"${word}": it must be above 0`);
    changes[key] = value;
  }
  return ok({ ...SENSOR_PROFILES[name], ...changes });
}
