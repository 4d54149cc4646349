/** An ECU's pages, for whoever pulls a checkpoint from where its task runs. */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import {
  decodeManifestRequest,
  decodePageRequest,
  encodeManifestAnswer,
  encodePageAnswer,
} from '../src/domain/protocol/codec-checkpoint.ts';
import type { ManifestAnswer, PageAnswer } from '../src/domain/protocol/messages.ts';
import { envelope, type Host } from './host.ts';
import { packedFor } from './page-transfer.ts';
import type { StandbyChoice } from './standby-choice.ts';
import type { TaskEffects } from './task.ts';

export class BridgePages {
  private readonly host: Host;
  private readonly tasks: TaskEffects;
  private readonly standbyChoice: StandbyChoice;

  constructor(parts: { readonly host: Host; readonly tasks: TaskEffects; readonly standbyChoice: StandbyChoice }) {
    this.host = parts.host;
    this.tasks = parts.tasks;
    this.standbyChoice = parts.standbyChoice;
  }

  async serve(payload: Uint8Array): Promise<Uint8Array> {
    const pages = decodePageRequest(payload);
    if (pages.ok) {
      const running = this.tasks.get(pages.value.body.task);
      if (pages.value.sender.startsWith(BRIDGE)) this.standbyChoice.heardFrom(pages.value.sender.slice(BRIDGE.length));
      const here = running !== undefined && running.instance.epoch === pages.value.body.epoch;
      const answer: PageAnswer = here ? await running.source.pages(pages.value.body) : NOT_HERE;
      return encodePageAnswer(envelope(this.host, packedFor(this.host, pages.value.body, answer)));
    }
    const manifest = decodeManifestRequest(payload);
    if (manifest.ok) {
      const running = this.tasks.get(manifest.value.body.task);
      const answer: ManifestAnswer = running === undefined ? NOT_HERE : await running.source.wholeManifest(manifest.value.body);
      return encodeManifestAnswer(envelope(this.host, answer));
    }
    this.host.counters.add(`wire.${pages.error.kind}`);
    throw new DroverError(pages.error.code, pages.error.sentence);
  }
}

/** How bridges begin their host ids; their MAC follows. */
const BRIDGE = 'bridge.';

const NOT_HERE = {
  kind: 'refused',
  code: 'ERR_STORE_MISSING',
  sentence: 'no instance of that task and epoch runs here',
} as const;
