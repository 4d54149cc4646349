/**
 * Two bridges that start with one MAC in the same moment: each asks whether somebody answers to it, and hears nobody. What
 * decides is the MAC's entry in the inventory, written by compare-and-set on what stood there *before* the question.
 *
 * M1. Of all that start, exactly one write follows the entry that they read: its writer has the MAC, the others leave.
 * M2. Whoever reads the entry after that write asks after that write, and the writer answers before it writes.
 * M3. What a dead bridge left there stands in nobody's way: the entry is compared for having changed, not for whose it is.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { EcuDescription } from '../src/domain/model/ecu.ts';
import type { Mac } from '../src/domain/model/ids.ts';
import type { Clock } from '../src/ports/clock.ts';
import type { Inventory, InventoryEntry } from '../src/ports/inventory.ts';
import { pause } from './host.ts';

const RETRY_US = 20_000;
const AWAY_RETRY_US = 100_000;
/** A broker that says nothing for so long is given up; whoever starts bridges starts another. */
const ATTEMPTS_MAX = 50;

/** Whether the MAC is this start's now. `nonce` is random: two containers of one machine may agree in incarnation and process. */
export async function claimMac(
  inventory: Inventory,
  description: EcuDescription,
  { seen, nonce, clock }: { readonly seen: InventoryEntry; readonly nonce: string; readonly clock: Clock },
): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    if ((await inventory.replace(description, seen, nonce)) === 'replaced') return true;
    const now = await readEntry(inventory, description.mac, clock);
    if (now.nonce === nonce) return true;
    if (now.position !== seen.position) return false;
    await pause(clock, RETRY_US);
  }
  throw new DroverError('ERR_BUS_TIMEOUT', `the inventory entry of ${description.mac} could not be written`, {
    retryable: true,
  });
}

/** What stands under the MAC, asked for again where the broker is away for a moment. */
export async function readEntry(inventory: Inventory, mac: Mac, clock: Clock): Promise<InventoryEntry> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inventory.read(mac);
    } catch (cause) {
      if (attempt === ATTEMPTS_MAX || !(cause instanceof DroverError && cause.retryable)) throw cause;
      await pause(clock, AWAY_RETRY_US);
    }
  }
}
