import type { EcuDescription } from '../domain/model/ecu.ts';
import type { Cancel } from './clock.ts';

/** ECU → description (KV `inventory`). */
export interface Inventory {
  announce(description: EcuDescription): Promise<void>;
  forget(mac: string): Promise<void>;
  /** Every known ECU, then every change; `undefined` when one was forgotten. */
  follow(handler: (mac: string, description: EcuDescription | undefined) => void): Promise<Cancel>;
}
