/** Pushing pages: what is on its way without an acknowledgement is bounded, and no message is larger than the broker takes. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../../actors/host.ts';
import { PagePush } from '../../../actors/page-push.ts';
import { SimWorld } from '../../../infra/sim/world.ts';
import { hostOf } from '../../../src/app/simulation/simulated-ecu.ts';
import { type CheckpointManifest, PAGE_BYTES } from '../../../src/domain/model/checkpoint.ts';
import { decodePagesPushed } from '../../../src/domain/protocol/codec-checkpoint.ts';
import { fleetStreams } from '../../../src/domain/protocol/streams.ts';
import { ecuSubject } from '../../../src/domain/protocol/subjects.ts';

const NAMES = { shardCount: 1 };
const MIB_OF_PAGES = 256;

const manifest = (sequence: number): CheckpointManifest => ({
  task: 'alpha',
  mac: '02aa00000001',
  incarnation: 1,
  programId: 1,
  epoch: 3,
  nonce: 'n',
  sequence,
  baseSequence: undefined,
  pageCount: 0,
  pageIndexes: new Uint32Array(0),
  pageDigests: new Uint8Array(0),
  globals: new Uint8Array(0),
  stateDigest: 'ab'.repeat(32),
  input: { sequence: 0, dataNumber: 0, tickNumber: 0 },
  outputNumber: 0,
  artefact: 'ab'.repeat(32),
});

async function stage(broker: { readonly payloadBytesMax?: number } = {}) {
  const sim = new SimWorld({ seed: 1, streams: fleetStreams(NAMES), broker });
  const hosts = new Map<string, Host>();
  for (const id of ['bridge.x', 'manager.x']) {
    sim.add({
      id,
      boot: (process) =>
        void sim.portsOf(process).then((ports) => hosts.set(id, hostOf({ id, incarnation: 1, names: NAMES, ports }))),
    });
    sim.host(id).start();
  }
  const elapse = (us: number) => sim.run({ untilUs: sim.scheduler.nowUs() + us });
  await elapse(100_000);
  const [bridge, manager] = [hosts.get('bridge.x'), hosts.get('manager.x')];
  if (bridge === undefined || manager === undefined) throw new Error('both have started');
  const heard: { readonly sequence: number; readonly pages: number }[] = [];
  manager.bus.subscribe(ecuSubject.allPushed, ({ payload }) => {
    const pushed = decodePagesPushed(payload);
    if (!pushed.ok) throw new Error(pushed.error.sentence);
    heard.push({ sequence: pushed.value.body.sequence, pages: pushed.value.body.pages.length / PAGE_BYTES });
  });
  await elapse(100_000);
  const pagesHeard = (sequence: number): number =>
    heard.filter((one) => one.sequence === sequence).reduce((sum, { pages }) => sum + pages, 0);
  return { elapse, push: new PagePush(bridge), heard, pagesHeard };
}

describe('pushing pages', () => {
  test('brings every page, in messages of at most half a mebibyte', async () => {
    const { elapse, push, heard, pagesHeard } = await stage();
    expect(push.send(manifest(1), new Uint8Array(300 * PAGE_BYTES))).toBe(true);
    await elapse(500_000);
    expect(pagesHeard(1)).toBe(300);
    expect(Math.max(...heard.map(({ pages }) => pages))).toBeLessThanOrEqual(128);
  });

  test('fits a broker that takes smaller messages, and gives up where not even one page fits', async () => {
    const small = await stage({ payloadBytesMax: 100_000 });
    expect(small.push.send(manifest(1), new Uint8Array(300 * PAGE_BYTES))).toBe(true);
    await small.elapse(500_000);
    expect(small.pagesHeard(1)).toBe(300);
    expect(Math.max(...small.heard.map(({ pages }) => pages))).toBeLessThanOrEqual(24);
    const tiny = await stage({ payloadBytesMax: 2_000 });
    expect(tiny.push.send(manifest(1), new Uint8Array(3 * PAGE_BYTES))).toBe(false);
    await tiny.elapse(500_000);
    expect(tiny.heard).toEqual([]);
  });

  test('stops at four mebibytes that nobody acknowledged, and goes on when the quorum has them', async () => {
    const { elapse, push, pagesHeard } = await stage();
    const mib = new Uint8Array(MIB_OF_PAGES * PAGE_BYTES);
    const sent = [1, 2, 3, 4, 5, 6].map((sequence) => push.send(manifest(sequence), mib));
    expect(sent).toEqual([true, true, true, true, false, false]);
    push.acknowledged(2);
    expect([7, 8, 9].map((sequence) => push.send(manifest(sequence), mib))).toEqual([true, true, false]);
    await elapse(1_000_000);
    expect([4, 5, 8, 9].map((sequence) => pagesHeard(sequence))).toEqual([MIB_OF_PAGES, 0, MIB_OF_PAGES, 0]);
  });
});
