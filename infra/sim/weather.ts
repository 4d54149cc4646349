/**
 * Bad weather: faults that come by themselves, at times and in kinds drawn from the seed, until `calm()` heals the world.
 * Which kinds there are at all is drawn too (swarm testing): a run without broker restarts finds what they would hide.
 */
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import { StoredPages } from './disk-checkpoints.ts';
import type { SimHost } from './host.ts';
import { CALM_LINK, drawLinkOptions, drawUs, type RangeUs } from './network.ts';
import type { SimWorld } from './world.ts';

/** What happens to hosts, links, clocks and the broker. */
const FAIR_KINDS = ['kill', 'power', 'freeze', 'partition', 'one-way', 'broker', 'stall', 'reset', 'clock'] as const;
/**
 * What lasts, or lies: a leader's election of seconds, brokers without a quorum, a processor that is busy with something else, one
 * that throttles and then stops from heat, a disk without room, a page of a manager's store that is not what was written.
 */
const HARSH_KINDS = ['election', 'minority', 'slow', 'heat', 'disk-full', 'damage'] as const;

export const WEATHER_KINDS = [...FAIR_KINDS, ...HARSH_KINDS];
export type WeatherKind = (typeof WEATHER_KINDS)[number];

/** A store of checkpoints: the machine it is on, and its name there. */
export interface StorePlace {
  readonly machine: string;
  readonly table: string;
}

export interface WeatherOptions {
  readonly kinds: readonly WeatherKind[];
  /** Between two faults. */
  readonly everyUs: RangeUs;
  /** How long one lasts. */
  readonly lastsUs: RangeUs;
  /** Hosts that it may hit; all without it. */
  readonly hosts?: readonly HostId[];
  /** Streams whose leader may be lost. */
  readonly streams?: readonly string[];
  /** Managers' stores; one of them at most is damaged in a life, and only where another has the page. */
  readonly stores?: readonly StorePlace[];
  /** Whoever starts again does so with a wall clock that is wrong. */
  readonly wrongClocks?: boolean;
  /** Links are redrawn at the start: bad ones. */
  readonly badLinks: boolean;
}

export function drawWeather(rng: Rng): WeatherOptions {
  const fair = FAIR_KINDS.filter(() => rng.below(2) === 0);
  const everyUs = 20_000 + rng.below(400_000);
  const lastsUs = 1_000 + rng.below(100_000);
  const badLinks = rng.below(2) === 0;
  // Of a stream of their own: half of all lives have none of them.
  const harsh = rng.stream('harsh');
  const isHarsh = harsh.below(2) === 0;
  const kinds = [...fair, ...HARSH_KINDS.filter(() => isHarsh && harsh.below(3) === 0)];
  return {
    kinds: kinds.length > 0 ? kinds : ['kill'],
    everyUs: { min: everyUs / 4, max: everyUs },
    lastsUs: { min: lastsUs, max: lastsUs * 20 },
    wrongClocks: isHarsh && harsh.below(2) === 0,
    badLinks,
  };
}

/** A stream of three replicas whose leader was killed takes no writes for so long (measured: 4 to 6 s). */
const ELECTION_US: RangeUs = { min: 1_000_000, max: 6_000_000 };
/** What one delivery costs on a processor that is busy, or throttled. */
const SLOW_GAP_US: RangeUs = { min: 20, max: 1_500 };
const HEAT_STEPS = 4;
const WRONG_CLOCK_US = 1_800_000_000;

export interface WeatherEvent {
  readonly atUs: number;
  readonly kind: WeatherKind;
  readonly what: string;
  readonly forUs: number;
}

export class Weather {
  /** What came, for the report. */
  readonly log: WeatherEvent[] = [];
  private readonly world: SimWorld;
  private readonly rng: Rng;
  private readonly options: WeatherOptions;
  private blowing = true;

  constructor(world: SimWorld, options: WeatherOptions) {
    this.world = world;
    this.rng = world.rng.stream('weather');
    this.options = options;
    if (options.badLinks) for (const link of world.broker.allLinks()) link.options = drawLinkOptions(this.rng);
    this.next();
  }

  /** Everything is healed: links, brokers, disks, hosts, plan. Nothing more comes. */
  calm(): void {
    this.blowing = false;
    this.world.plan.calm();
    this.world.broker.reunite();
    for (const link of this.world.broker.allLinks()) {
      link.options = CALM_LINK;
      link.heal();
    }
    for (const disk of this.world.disks.values()) disk.full = false;
    for (const host of this.world.hosts.values()) {
      host.slow(0);
      host.thaw();
      this.start(host);
    }
  }

  private next(): void {
    this.world.scheduler.after(drawUs(this.rng, this.options.everyUs), () => {
      if (!this.blowing) return;
      this.strike();
      this.next();
    });
  }

  private start(host: SimHost): void {
    const started = host.revive();
    if (this.options.wrongClocks === true) started?.clock.stepWall(this.rng.below(2 * WRONG_CLOCK_US) - WRONG_CLOCK_US);
  }

  private onMachineOf(host: SimHost): SimHost[] {
    return [...this.world.hosts.values()].filter(({ machine }) => machine === host.machine);
  }

  private strike(): void {
    const { rng, world, options } = this;
    const kind = options.kinds[rng.below(options.kinds.length)] as WeatherKind;
    const hosts = options.hosts ?? [...world.hosts.keys()];
    const host = world.host(hosts[rng.below(hosts.length)] as HostId);
    const forUs = drawUs(rng, kind === 'election' || kind === 'minority' ? ELECTION_US : options.lastsUs);
    const later = (heal: () => void, afterUs = forUs): void => {
      world.scheduler.after(afterUs, () => this.blowing && heal());
    };
    const what = this.inflict(kind, host, { forUs, later });
    if (what === undefined) return;
    this.log.push({ atUs: world.scheduler.nowUs(), kind, what, forUs });
    world.book.logOf('weather').info(kind, { what, forUs });
  }

  /** Whom it hit; undefined where there was nobody to hit. */
  private inflict(
    kind: WeatherKind,
    host: SimHost,
    { forUs, later }: { readonly forUs: number; readonly later: (heal: () => void, afterUs?: number) => void },
  ): string | undefined {
    const { rng, world, options } = this;
    const link = world.broker.link(host.id);
    switch (kind) {
      case 'kill':
        host.kill();
        later(() => this.start(host));
        return host.id;
      case 'power':
        this.cutPower(host, later);
        return host.machine;
      case 'freeze':
        host.freeze();
        later(() => host.thaw());
        return host.id;
      case 'partition':
        link.partition();
        later(() => link.heal());
        return host.id;
      case 'one-way':
        link.partition(rng.below(2) === 0 ? { up: true } : { down: true });
        later(() => link.heal());
        return `${host.id}, ${link.isBlocked('up') ? 'up' : 'down'}`;
      case 'reset':
        link.reset();
        return host.id;
      case 'broker':
        world.broker.restart(forUs);
        return 'broker';
      case 'stall':
      case 'election': {
        const stream = options.streams?.[rng.below(Math.max(1, options.streams.length))];
        if (stream !== undefined) world.broker.stall(stream, forUs);
        return stream;
      }
      case 'minority': {
        const all = options.hosts ?? [...world.hosts.keys()];
        const cut = all.filter(() => rng.below(3) === 0);
        if (cut.length === 0) return undefined;
        world.broker.isolate(cut, forUs);
        return cut.join(', ');
      }
      case 'clock':
        host.process()?.clock.stepWall(rng.below(20_000_000) - 10_000_000);
        return host.id;
      case 'slow': {
        const machine = this.onMachineOf(host);
        const gapUs = drawUs(rng, SLOW_GAP_US);
        for (const one of machine) one.slow(gapUs);
        later(() => {
          for (const one of machine) one.slow(0);
        });
        return `${host.machine}, ${gapUs} µs a delivery`;
      }
      case 'heat': {
        // Slower step by step, as a processor throttles; then it switches itself off, and is back when it has cooled down.
        const machine = this.onMachineOf(host);
        for (let step = 1; step <= HEAT_STEPS; step++) {
          const gapUs = Math.round((SLOW_GAP_US.max * step * step) / HEAT_STEPS ** 2);
          later(() => machine.map((one) => one.slow(gapUs)), Math.round((forUs * (step - 1)) / HEAT_STEPS));
        }
        later(() => {
          for (const one of machine) one.slow(0);
          this.cutPower(host, later);
        });
        return host.machine;
      }
      case 'disk-full': {
        const disk = world.disk(host.machine);
        disk.full = true;
        later(() => {
          disk.full = false;
        });
        return host.machine;
      }
      case 'damage': {
        const [victim, ...others] = options.stores ?? [];
        if (victim === undefined) return undefined;
        const intact = others.map((place) => this.pagesOf(place));
        const done = this.pagesOf(victim).spoil(rng, (digest) => intact.some((pages) => pages.isIntact(digest)));
        return done === undefined ? undefined : `${victim.machine}: ${done}`;
      }
    }
  }

  private pagesOf({ machine, table }: StorePlace): StoredPages {
    return new StoredPages(this.world.disk(machine), table);
  }

  private cutPower(host: SimHost, later: (heal: () => void) => void): void {
    const down = this.onMachineOf(host);
    this.world.powerCut(host.machine);
    later(() => {
      for (const other of down) this.start(other);
    });
  }
}
