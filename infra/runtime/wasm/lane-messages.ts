/** What a WebAssembly program starts from, on its way to a lane. */
import type { LaneRequest, StartRequest } from '../lane-messages.ts';

export interface WasmStart extends StartRequest {
  readonly module: WebAssembly.Module;
  readonly fuelPerJob: number;
}

export type WasmRequest = LaneRequest<WasmStart>;
