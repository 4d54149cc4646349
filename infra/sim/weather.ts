/**
 * Bad weather: faults that come by themselves, at times and in kinds drawn from the seed, until `calm()` heals the world.
 * Which kinds there are at all is drawn too (swarm testing): a run without broker restarts finds what they would hide.
 */
import type { Rng } from '../../src/domain/kernel/rng.ts';
import type { HostId } from '../../src/domain/model/ids.ts';
import { CALM_LINK, drawLinkOptions, drawUs, type RangeUs } from './network.ts';
import type { SimWorld } from './world.ts';

export type WeatherKind = 'kill' | 'power' | 'freeze' | 'partition' | 'one-way' | 'broker' | 'stall' | 'reset' | 'clock';

export const WEATHER_KINDS: readonly WeatherKind[] = [
  'kill',
  'power',
  'freeze',
  'partition',
  'one-way',
  'broker',
  'stall',
  'reset',
  'clock',
];

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
  /** Links are redrawn at the start: bad ones. */
  readonly badLinks: boolean;
}

export function drawWeather(rng: Rng): WeatherOptions {
  const kinds = WEATHER_KINDS.filter(() => rng.below(2) === 0);
  const everyUs = 20_000 + rng.below(400_000);
  const lastsUs = 1_000 + rng.below(100_000);
  return {
    kinds: kinds.length > 0 ? kinds : ['kill'],
    everyUs: { min: everyUs / 4, max: everyUs },
    lastsUs: { min: lastsUs, max: lastsUs * 20 },
    badLinks: rng.below(2) === 0,
  };
}

export class Weather {
  /** What came, for the report. */
  readonly log: { readonly atUs: number; readonly kind: WeatherKind; readonly what: string; readonly forUs: number }[] = [];
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

  /** Everything is healed: links, hosts, plan. Nothing more comes. */
  calm(): void {
    this.blowing = false;
    this.world.plan.calm();
    for (const link of this.world.broker.allLinks()) {
      link.options = CALM_LINK;
      link.heal();
    }
    for (const host of this.world.hosts.values()) {
      host.thaw();
      if (host.state() === 'down') host.start();
    }
  }

  private next(): void {
    this.world.scheduler.after(drawUs(this.rng, this.options.everyUs), () => {
      if (!this.blowing) return;
      this.strike();
      this.next();
    });
  }

  private strike(): void {
    const { rng, world, options } = this;
    const kind = options.kinds[rng.below(options.kinds.length)] as WeatherKind;
    const hosts = options.hosts ?? [...world.hosts.keys()];
    const host = world.host(hosts[rng.below(hosts.length)] as HostId);
    const link = world.broker.link(host.id);
    const forUs = drawUs(rng, options.lastsUs);
    const later = (heal: () => void): void => {
      world.scheduler.after(forUs, () => this.blowing && heal());
    };
    let what = host.id;
    switch (kind) {
      case 'kill':
        host.kill();
        later(() => host.state() === 'down' && host.start());
        break;
      case 'power': {
        what = host.machine;
        const down = [...world.hosts.values()].filter((other) => other.machine === host.machine);
        world.powerCut(host.machine);
        later(() => {
          for (const other of down) if (other.state() === 'down') other.start();
        });
        break;
      }
      case 'freeze':
        host.freeze();
        later(() => host.thaw());
        break;
      case 'partition':
        link.partition();
        later(() => link.heal());
        break;
      case 'one-way':
        link.partition(rng.below(2) === 0 ? { up: true } : { down: true });
        later(() => link.heal());
        break;
      case 'reset':
        link.reset();
        break;
      case 'broker':
        what = 'broker';
        world.broker.restart(forUs);
        break;
      case 'stall': {
        const streams = options.streams ?? [];
        what = streams[rng.below(Math.max(1, streams.length))] ?? '';
        if (what !== '') world.broker.stall(what, forUs);
        break;
      }
      case 'clock':
        host.process()?.clock.stepWall(rng.below(20_000_000) - 10_000_000);
        break;
    }
    this.log.push({ atUs: world.scheduler.nowUs(), kind, what, forUs });
    world.book.logOf('weather').info(kind, { what, forUs });
  }
}
