/** What a network of each family is like when nothing else is asked for: about as much work a step each, a tenth of the hot path's. */
import type { NetworkFamily } from '../../domain/forecast/network.ts';

export const NETWORK_SHAPES: Readonly<Record<NetworkFamily, { readonly width: number; readonly layers: number }>> = {
  fnn: { width: 32, layers: 2 },
  gru: { width: 24, layers: 1 },
  tcn: { width: 16, layers: 5 },
  snn: { width: 48, layers: 1 },
};
