import type { EcuDescription } from '../domain/model/ecu.ts';
import type { Cancel } from './clock.ts';

/** ECU → description (KV `inventory`). */
export interface Inventory {
  announce(description: EcuDescription): Promise<void>;
  /** What stands under the MAC. */
  read(mac: string): Promise<InventoryEntry>;
  /**
   * Writes the description if `seen` still stands there. `unsure`: it may have been written, or something else has; read again.
   * `nonce` tells one's own entry from another's.
   */
  replace(description: EcuDescription, seen: InventoryEntry, nonce: string): Promise<'replaced' | 'unsure'>;
  forget(mac: string): Promise<void>;
  /** Every known ECU, then every change; `undefined` when one was forgotten. */
  follow(handler: (mac: string, description: EcuDescription | undefined) => void): Promise<Cancel>;
}

export interface InventoryEntry {
  /** Where it stands in the store: to be handed back, and compared for being the same. 0: there never was one. */
  readonly position: number;
  /** undefined: there is none, or it was forgotten or cannot be read. */
  readonly description: EcuDescription | undefined;
  /** Of the `replace` that wrote it; undefined for whoever wrote it in another way. */
  readonly nonce: string | undefined;
}
