/**
 * A machine that warms up, as a function of the load it is told: for simulated worlds, and for real processes that should have sensors
 * which heat up.
 *
 *   power        P = (idle + (max − idle) · load) · (1 + leakage · (T − 25))
 *   temperature  T' = (Ta + R · P − T) / τ, stepped exactly for a constant P
 *   ageing       R grows with the hours run, twice as fast for every ten degrees more; with failing cooling besides
 *   memory       fills by a share a second where something leaks; what its tasks take is the same from beginning to end
 *
 *   asleep       the watts of its state, whatever its load would be; each sleep costs its joules besides
 *
 * Leakage makes it hotter and heat makes it leak: where R · leakage · P reaches 1 there is no balance any more and it runs away, as real ones
 * do. Nothing here ends it; `isBeyondLimit` says when a real one would have switched itself off.
 */
import type { Rng } from '../kernel/rng.ts';
import type { SleepState } from '../model/ecu.ts';
import type { SensorProfile } from './sensor-profile.ts';

const STEP_S_MAX = 0.5;
/** After a longer silence the rest is skipped: whoever sleeps for a day wants an answer at once. */
const CATCH_UP_S_MAX = 600;
const REFERENCE_CELSIUS = 25;
const WEAR_CELSIUS = 60;
/** What a runaway ends at: such a machine is off long before, and its sensors read no further. */
const CELSIUS_MAX = 140;
const LIE_CELSIUS = 255;

export interface SensorReading {
  readonly load: number;
  readonly powerWatts: number;
  /** NaN: the sensor does not answer. */
  readonly temperatureCelsius: number;
  readonly memoryUsedBytes: number;
  readonly memoryAvailableBytes: number;
  /** Share of its life that is used up. */
  readonly wear: number;
}

const MIB = 1024 ** 2;
/** Standard deviations of what else goes on in memory, and of whatever measures wear. */
const MEMORY_NOISE = 0.002;
const WEAR_NOISE = 0.002;

export class SimulatedMachine {
  private readonly profile: SensorProfile;
  private readonly rng: Rng;
  private readonly startUs: number;
  private lastUs: number;
  private celsius: number;
  private watts: number;
  private load: number;
  /** Of the thermal resistance, as a share on top. */
  private worn = 0;
  /** Share of its memory in use. */
  private filled: number;
  private stuckAt: number | undefined;
  private spent = 0;
  private slept = false;

  constructor(options: { readonly profile: SensorProfile; readonly rng: Rng; readonly nowUs: number }) {
    this.profile = options.profile;
    this.rng = options.rng;
    this.startUs = options.nowUs;
    this.lastUs = options.nowUs;
    this.load = Math.min(1, options.profile.background);
    this.filled = Math.min(1, options.profile.filled);
    // It has stood there with its background load: it begins in balance, or at its limit where there is none.
    this.celsius = balance(options.profile, this.load);
    this.watts = powerAt(options.profile, this.load, this.celsius);
  }

  /** As it is, without a sensor in between. */
  get temperatureCelsius(): number {
    return this.celsius;
  }

  /** All that it has taken since it stands there. */
  get joules(): number {
    return this.spent;
  }

  isBeyondLimit(): boolean {
    const { limit, full, life } = this.profile;
    return this.celsius >= limit || this.filled >= full || this.worn >= life;
  }

  /** Time passes until `nowUs` with the load that its tasks have made since the last time, a share of it; `asleep`: it slept all that time. */
  advance(nowUs: number, taskLoad: number, asleep?: SleepState): void {
    const { profile } = this;
    if (asleep !== undefined && !this.slept) this.spent += asleep.wakeJoules;
    this.slept = asleep !== undefined;
    const skipped = Math.max(0, (nowUs - this.lastUs) / 1e6 - CATCH_UP_S_MAX);
    const passed = Math.max(0, (nowUs - this.lastUs) / 1e6);
    this.lastUs = Math.max(nowUs, this.lastUs);
    const steps = Math.ceil(Math.min(passed, CATCH_UP_S_MAX) / STEP_S_MAX);
    const dt = Math.min(passed, CATCH_UP_S_MAX) / Math.max(1, steps);
    for (let step = 1; step <= steps; step++) {
      const failing = Math.max(0, this.secondsNow() - passed + step * dt - profile.after);
      const background = profile.background + profile.rising * failing;
      this.load = asleep === undefined ? Math.min(1, background + Math.max(0, taskLoad || 0) * profile.gain) : 0;
      this.filled = Math.min(1, profile.filled + profile.filling * failing);
      this.worn += profile.wear * profile.hours * dt * 2 ** ((this.celsius - WEAR_CELSIUS) / 10);
      const resistance = profile.resistance * (1 + profile.cooling * failing + this.worn);
      this.watts = asleep?.watts ?? powerAt(profile, this.load, this.celsius);
      this.spent += this.watts * dt;
      const target = profile.ambient + resistance * this.watts;
      this.celsius = Math.min(CELSIUS_MAX, this.celsius + (target - this.celsius) * (1 - Math.exp(-dt / profile.tau)));
    }
    this.spent += this.watts * skipped;
  }

  /** What its sensors say of it now. */
  read(): SensorReading {
    const { rng, profile } = this;
    const temperatureCelsius = this.sensed();
    const total = profile.memory * MIB;
    const used = Math.round(total * Math.min(1, Math.max(0, this.filled + MEMORY_NOISE * gaussian(rng))));
    return {
      ...{ load: this.load, powerWatts: this.watts, temperatureCelsius },
      ...{ memoryUsedBytes: used, memoryAvailableBytes: total - used },
      wear: Math.max(0, this.worn / profile.life + WEAR_NOISE * gaussian(rng)),
    };
  }

  private sensed(): number {
    const { noise, step, fault, after } = this.profile;
    const exact = this.celsius + noise * gaussian(this.rng);
    const sensed = Math.round(exact / step) * step;
    if (fault === 0 || this.secondsNow() < after) return sensed;
    this.stuckAt ??= sensed;
    return fault === 1 ? this.stuckAt : fault === 2 ? LIE_CELSIUS : Number.NaN;
  }

  private secondsNow(): number {
    return (this.lastUs - this.startUs) / 1e6;
  }
}

const powerAt = ({ idle, max, leakage }: SensorProfile, load: number, celsius: number): number =>
  (idle + (max - idle) * load) * Math.max(0, 1 + leakage * (celsius - REFERENCE_CELSIUS));

/** T = Ta + R · P₀ · (1 + leakage · (T − 25)), solved for T. */
function balance(profile: SensorProfile, load: number): number {
  const { ambient, resistance, idle, max, leakage, limit } = profile;
  const heat = resistance * (idle + (max - idle) * load);
  const slope = heat * leakage;
  return slope >= 1 ? limit : Math.min(limit, (ambient + heat - slope * REFERENCE_CELSIUS) / (1 - slope));
}

/** Box–Muller, one of the two. */
const gaussian = (rng: Rng): number => Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit());
