/**
 * A MAC is one bridge's: whoever starts and finds it taken leaves. The bridge that is started for these checks has to ask whether another one answers
 * (that is seen), and its entry in the inventory has to follow the entry that stood there before it asked: the suite writes one while it is asking.
 */
import { createBusInventory } from '../../../infra/nats/inventory.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { decodeCommand } from '../../domain/protocol/codec-command.ts';
import { ecuSubject } from '../../domain/protocol/subjects.ts';
import type { AnotherBridge } from './another-bridge.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { NotHere, promised, same } from './promised.ts';

/** The suite has to write while the other one waits for an answer; one that was quicker tells nothing. */
const ATTEMPTS_MAX = 10;
const NONCE = 'conformance';

export const MAC_CHECKS: readonly Check[] = [
  {
    group: 'presence',
    name: 'mac-taken',
    promise: 'A bridge that starts with the MAC of one that lives asks for it, and leaves without having touched anything.',
    look: async (bench) => {
      const inventory = inventoryOf(bench);
      const before = await inventory.read(bench.mac);
      await withAnother(bench, bench.mac, async (other, asked) => {
        await gone(bench, other);
        same(asked(), true, 'whether it asked if another bridge answers');
        const after = await inventory.read(bench.mac);
        same(after.position, before.position, 'the place of the entry in the inventory');
        same((await bench.load()).incarnation, bench.incarnation, 'the incarnation that answers');
      });
    },
  },
  {
    group: 'presence',
    name: 'mac-claimed',
    promise:
      'Of two that start with one MAC in the same moment, the one whose claim comes later leaves, and overwrites nothing.',
    look: async (bench) => {
      for (let attempt = 1; ; attempt++) {
        promised(
          attempt <= ATTEMPTS_MAX,
          'a bridge that asks before it claims, and waits for an answer',
          `${attempt - 1} that did not`,
        );
        if (await claimedMeanwhile(bench)) return;
      }
    },
  },
];

/** False: the other one had claimed its MAC before the suite could. */
async function claimedMeanwhile(bench: Bench): Promise<boolean> {
  const inventory = inventoryOf(bench);
  const mac = `02cf${bench.host.rng.u32().toString(16).padStart(8, '0')}`;
  const seen = await inventory.read(mac);
  try {
    return await withAnother(bench, mac, async (other, asked) => {
      await bench.eventually('a bridge that asks whether another one answers to its MAC, or is there', async () =>
        asked() || (await inventory.read(mac)).position !== seen.position ? true : undefined,
      );
      const description = { ...bench.parts.description, mac, incarnation: 1 };
      if ((await inventory.replace(description, seen, NONCE)) !== 'replaced') return false;
      await gone(bench, other);
      same((await inventory.read(mac)).nonce, NONCE, 'the nonce of the entry, which is the suite’s');
      return true;
    });
  } finally {
    await inventory.forget(mac);
  }
}

const inventoryOf = ({ host }: Bench) =>
  createBusInventory({ bus: host.bus, sender: host.id, clock: host.clock, log: host.log, counters: host.counters });

/** `asked`: whether a question for the load was heard, which whoever starts with a MAC asks of it. */
async function withAnother<T>(
  bench: Bench,
  mac: Mac,
  use: (other: AnotherBridge, asked: () => boolean) => Promise<T>,
): Promise<T> {
  const { another } = bench.parts;
  if (another === undefined) throw new NotHere('the suite cannot start a second bridge; say with --start how');
  let asked = false;
  const cancel = bench.host.bus.subscribe(ecuSubject.command(mac), ({ payload }) => {
    const command = decodeCommand(payload);
    asked ||= command.ok && command.value.body.kind === 'query-load';
  });
  // Its question is heard: an answer comes behind all that was asked for before.
  await bench.load();
  asked = false;
  const other = another(mac);
  try {
    return await use(other, () => asked);
  } finally {
    cancel();
    await other.end();
  }
}

async function gone(bench: Bench, { gone: left }: AnotherBridge): Promise<void> {
  let isGone = false;
  void left.then(() => {
    isGone = true;
  });
  await bench.eventually('the bridge whose MAC is another’s to end', () => (isGone ? true : undefined));
}
