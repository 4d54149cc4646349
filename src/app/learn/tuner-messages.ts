/** What a manager and its training thread say to each other. Reports go over as one buffer that is handed over, not copied one by one. */
import type { ErrorCode } from '../../domain/kernel/error-codes.ts';
import type { Tuned, TuneRequest } from '../../ports/fine-tuner.ts';

export interface Packed {
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface TunerQuestion extends Omit<TuneRequest, 'reports'> {
  readonly packed: Packed;
}

export type TunerAnswer =
  | { readonly kind: 'answer'; readonly tuned: Tuned }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly sentence: string };

export function packedReports(reports: readonly Uint8Array[]): Packed {
  const lengths = Uint32Array.from(reports, ({ length }) => length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  for (const report of reports) {
    bytes.set(report, at);
    at += report.length;
  }
  return { lengths, bytes };
}

export function unpacked({ lengths, bytes }: Packed): Uint8Array[] {
  let at = 0;
  return Array.from(lengths, (length) => {
    at += length;
    return bytes.subarray(at - length, at);
  });
}
