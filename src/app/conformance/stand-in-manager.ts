/**
 * What a bridge needs of its managers, played by the suite: it takes instance reports on `manager.call`, and gives out the
 * states it was told to hold on `manager.<id>.pages`. It plans nothing and restores nothing.
 */

import { envelope, type Host } from '../../../actors/host.ts';
import { foldManifest } from '../../domain/checkpoint/manifest.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { type CheckpointManifest, PAGE_BYTES } from '../../domain/model/checkpoint.ts';
import {
  decodeManifestRequest,
  decodePageRequest,
  encodeManifestAnswer,
  encodePageAnswer,
} from '../../domain/protocol/codec-checkpoint.ts';
import { decodeManagerCall, encodeManagerAnswer } from '../../domain/protocol/codec-manager.ts';
import type { InstanceReport, ManifestAnswer, PageAnswer } from '../../domain/protocol/messages.ts';
import { managerSubject } from '../../domain/protocol/subjects.ts';
import type { BusMessage } from '../../ports/bus.ts';
import type { Cancel } from '../../ports/clock.ts';

/** A whole state, as it was pulled from a bridge. */
export interface HeldState {
  readonly manifest: CheckpointManifest;
  readonly pageTable: Uint8Array;
  readonly memory: Uint8Array;
}

const SERVICE = 'drover-conformance';

export class StandInManager {
  readonly reports: InstanceReport[] = [];
  /** Reports that are to be turned away before one is taken: a bridge has to repeat them. */
  turnAway = 0;
  /** Requests for pages that each holder has answered, by holder. */
  readonly served = new Map<string, number>();
  private readonly host: Host;
  private readonly states = new Map<string, HeldState>();
  private readonly cancels: Cancel[] = [];

  constructor(host: Host) {
    this.host = host;
  }

  async start(): Promise<void> {
    this.cancels.push(
      await this.host.bus.serve({ service: SERVICE, subject: managerSubject.call }, async (message) => this.call(message)),
    );
  }

  /** From now on `holder` gives out `state` under the name (epoch, sequence); a damaging holder changes a byte of every page. */
  async hold(holder: string, state: HeldState, options: { readonly damages?: boolean } = {}): Promise<void> {
    const { task, epoch, sequence } = state.manifest;
    this.states.set(`${holder} ${task} ${epoch}.${sequence}`, state);
    if (this.served.has(holder)) return;
    this.served.set(holder, 0);
    const damages = options.damages === true;
    const endpoint = { service: SERVICE, subject: managerSubject.pages(holder) };
    this.cancels.push(await this.host.bus.serve(endpoint, async (message) => this.give(holder, message, damages)));
  }

  stop(): void {
    for (const cancel of this.cancels.splice(0)) cancel();
  }

  private call(message: BusMessage): Uint8Array {
    const decoded = decodeManagerCall(message.payload);
    if (!decoded.ok) throw new DroverError(decoded.error.code, decoded.error.sentence);
    const { body, trace } = decoded.value;
    if (body.kind !== 'instance-report')
      throw new DroverError('ERR_NO_MANAGER', 'the conformance suite takes instance reports alone');
    this.reports.push(body);
    if (this.turnAway > 0) {
      this.turnAway--;
      throw new DroverError('ERR_NO_MANAGER', 'the conformance suite wants to be told again');
    }
    return encodeManagerAnswer(envelope(this.host, { kind: 'accepted' } as const, trace));
  }

  private give(holder: string, message: BusMessage, damages: boolean): Uint8Array {
    this.served.set(holder, (this.served.get(holder) ?? 0) + 1);
    const pages = decodePageRequest(message.payload);
    if (pages.ok) {
      const { task, epoch, sequence, positions } = pages.value.body;
      const state = this.states.get(`${holder} ${task} ${epoch}.${sequence}`);
      const answer: PageAnswer =
        state === undefined ? NOT_HELD : { kind: 'pages', pages: gather(state.memory, positions, damages) };
      return encodePageAnswer(envelope(this.host, answer));
    }
    const manifest = decodeManifestRequest(message.payload);
    if (!manifest.ok) throw new DroverError(manifest.error.code, manifest.error.sentence);
    const { task, epoch, sequence } = manifest.value.body;
    const state = this.states.get(`${holder} ${task} ${epoch}.${sequence}`);
    const answer: ManifestAnswer =
      state === undefined ? NOT_HELD : { kind: 'manifest', manifest: foldManifest(state.manifest, state.pageTable) };
    return encodeManifestAnswer(envelope(this.host, answer));
  }
}

const NOT_HELD = {
  kind: 'refused',
  code: 'ERR_STORE_MISSING',
  sentence: 'the conformance suite does not hold this checkpoint',
} as const;

function gather(memory: Uint8Array, indexes: Uint32Array, damages: boolean): Uint8Array {
  const pages = new Uint8Array(indexes.length * PAGE_BYTES);
  for (const [order, index] of indexes.entries()) {
    pages.set(memory.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), order * PAGE_BYTES);
    if (damages) pages[order * PAGE_BYTES] = (pages[order * PAGE_BYTES] ?? 0) ^ 1;
  }
  return pages;
}
