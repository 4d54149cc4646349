/** Part of the bus contract: links that break and heal, and what others see of it. */
import { expect } from 'vitest';
import type { Bus } from '../../src/ports/bus.ts';
import type { Check } from './bus-world.ts';
import { bytes, numbered, TIMEOUT_US, text } from './bus-world.ts';

export function connections(check: Check): void {
  check('a host sees its link go and come back', async (world) => {
    const changes: boolean[] = [];
    world.a.bus.onConnection((connected) => changes.push(connected));
    expect(world.a.bus.connected()).toBe(true);
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    expect(changes).toEqual([false]);
    expect(world.b.bus.connected()).toBe(true);
    world.a.healLink();
    await world.until('it is back', () => world.a.bus.connected());
    expect(changes).toEqual([false, true]);
  });

  check('a cancelled connection handler is not called', async (world) => {
    const changes: boolean[] = [];
    const cancel = world.a.bus.onConnection((connected) => changes.push(connected));
    cancel();
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    expect(changes).toEqual([]);
  });

  check('subscriptions live through a cut; what is published meanwhile is dropped', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    await world.listening(world.b);
    world.a.cutLink();
    await world.until('the publisher noticed', () => !world.a.bus.connected());
    world.a.bus.publish('plain.x', bytes('while cut'));
    world.a.healLink();
    await world.until('the publisher is back', () => world.a.bus.connected());
    world.b.cutLink();
    await world.until('the subscriber noticed', () => !world.b.bus.connected());
    world.b.healLink();
    await world.until('the subscriber is back', () => world.b.bus.connected());
    await world.listening(world.b);
    world.a.bus.publish('plain.x', bytes('after'));
    await world.until('it arrived', () => received.length > 0);
    expect(received).toEqual(['after']);
  });

  check('after a restart of the broker hosts come back, subscriptions and servers with them', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    await world.settle(world.b.bus.serve({ service: 'echo', subject: 'call.x' }, async (message) => message.payload));
    const changes: boolean[] = [];
    world.a.bus.onConnection((connected) => changes.push(connected));
    await world.fixture.restartBroker();
    await world.until('both are back', () => changes.includes(true) && world.a.bus.connected() && world.b.bus.connected());
    await world.listening(world.b);
    world.a.bus.publish('plain.x', bytes('again'));
    await world.until('it arrived', () => received.length === 1);
    expect(text(await world.settle(world.a.bus.request('call.x', bytes('ping'), { timeoutUs: TIMEOUT_US })))).toBe('ping');
  });

  check('others see a killed host leave, by its name', async (world) => {
    const left: string[] = [];
    const victim = await world.settle(world.fixture.join('bridge.02aa00000009#4'));
    events(world.a.bus).onDisconnect((client) => left.push(client.name));
    await world.watching(world.a);
    victim.kill();
    await world.until('it was seen', () => left.includes('bridge.02aa00000009#4'));
    expect(left).not.toContain(world.a.name);
    expect(left).not.toContain(world.b.name);
  });

  check('others see a host leave that closes, and one whose link breaks', async (world) => {
    const left: { name: string; reason: string }[] = [];
    const closing = await world.settle(world.fixture.join('manager.m7#1'));
    events(world.a.bus).onDisconnect((client) => left.push(client));
    await world.watching(world.a);
    await world.settle(closing.bus.close());
    await world.until('the closing one was seen', () => left.some((client) => client.name === 'manager.m7#1'));
    world.b.cutLink();
    await world.until('the cut one was seen', () => left.some((client) => client.name === world.b.name));
    for (const client of left) expect(client.reason).not.toBe('');
  });

  check('others see a host arrive, and come back', async (world) => {
    const arrived: string[] = [];
    events(world.a.bus).onConnect((client) => arrived.push(client.name));
    await world.watching(world.a);
    await world.settle(world.fixture.join('manager.m8#1'));
    await world.until('it was seen', () => arrived.includes('manager.m8#1'));
    world.b.cutLink();
    await world.until('it noticed', () => !world.b.bus.connected());
    world.b.healLink();
    await world.until('its return was seen', () => arrived.includes(world.b.name));
  });

  check('client events go on after the watcher itself was cut off', async (world) => {
    const left: string[] = [];
    events(world.a.bus).onDisconnect((client) => left.push(client.name));
    world.a.cutLink();
    await world.until('it noticed', () => !world.a.bus.connected());
    world.a.healLink();
    await world.until('it is back', () => world.a.bus.connected());
    const victim = await world.settle(world.fixture.join('bridge.02aa0000000a#1'));
    await world.watching(world.a);
    victim.kill();
    await world.until('it was seen', () => left.includes('bridge.02aa0000000a#1'));
  });

  check('close sends what was queued, then ends the bus', async (world) => {
    const received: string[] = [];
    world.b.bus.subscribe('plain.x', (message) => received.push(text(message.payload)));
    const host = await world.settle(world.fixture.join('manager.m9#1'));
    await world.listening(world.b);
    for (const payload of numbered('m', 200)) host.bus.publish('plain.x', bytes(payload));
    await world.settle(host.bus.close());
    await world.until('all arrived', () => received.length === 200);
    expect(received).toEqual(numbered('m', 200));
    expect(host.bus.connected()).toBe(false);
    expect(await world.failure(host.bus.append('ledger.x', bytes('late'), { timeoutUs: TIMEOUT_US }))).toBe('ERR_BUS_CLOSED');
    expect(await world.failure(host.bus.request('call.x', bytes('late'), { timeoutUs: TIMEOUT_US }))).toBe('ERR_BUS_CLOSED');
    expect(await world.failure(host.bus.readLast('ledger.x'))).toBe('ERR_BUS_CLOSED');
    await world.settle(host.bus.close());
  });
}

function events(bus: Bus): NonNullable<Bus['clientEvents']> {
  if (bus.clientEvents === undefined) throw new Error('this fixture promises client events');
  return bus.clientEvents;
}
