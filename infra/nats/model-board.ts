/**
 * The bucket `learned`: the key `head` says which versions there are, `model.<manager>.<n>` holds their files. A manager writes only keys of its own, and
 * none that the head names, so that whoever loses the race for the head has not touched what the winner wrote.
 */
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import { whyNot } from '../../src/domain/learn/fleet/bridge-learner.ts';
import {
  encodeHead,
  type ModelHead,
  type ModelVersion,
  NO_HEAD,
  parseHead,
  VERSIONS_KEPT,
  versionText,
} from '../../src/domain/learn/fleet/model-head.ts';
import type { Model } from '../../src/domain/learn/model.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { ModelBoard } from '../../src/ports/model-board.ts';
import { decodeModel } from '../learned/model-file.ts';
import { systemHasher } from '../system/hasher.ts';

const HEAD = bucket.entry(buckets.learned, 'head');
const APPEND_TIMEOUT_US = 2_000_000;
/** The head may name what a replica does not have yet. */
const READ_AGAIN_US = 500_000;
const READS_MAX = 4;
/** A file of the largest network that bridges learn on with is a tenth of it. */
export const MODEL_BYTES_MAX = 1024 * 1024;

export function createBusModelBoard({ bus, clock }: { readonly bus: Bus; readonly clock: Clock }): ModelBoard {
  return new BusModelBoard(bus, clock);
}

class BusModelBoard implements ModelBoard {
  private readonly bus: Bus;
  private readonly clock: Clock;

  constructor(bus: Bus, clock: Clock) {
    this.bus = bus;
    this.clock = clock;
  }

  async read(): Promise<{ readonly head: ModelHead; readonly position: number }> {
    const last = await this.bus.readLast(HEAD);
    if (last === undefined) return { head: NO_HEAD, position: 0 };
    if (last.headers[bucket.operation] !== undefined) return { head: NO_HEAD, position: last.sequence };
    return { head: headOf(last.payload), position: last.sequence };
  }

  async bytesOf(version: ModelVersion): Promise<Uint8Array> {
    const last = await this.bus.readLast(bucket.entry(buckets.learned, version.key));
    if (last === undefined || last.headers[bucket.operation] !== undefined)
      throw new DroverError('ERR_STORE_MISSING', `the model ${versionText(version)} is not in the bucket ${buckets.learned}`);
    const found = systemHasher.hex(last.payload);
    if (found !== version.digest)
      throw new DroverError(
        'ERR_MODEL_FILE',
        `the model ${versionText(version)} has another digest than its entry says (${found.slice(0, 8)}): it was replaced or damaged`,
      );
    return last.payload;
  }

  async follow(handlers: Parameters<ModelBoard['follow']>[0]): Promise<Cancel> {
    let newest = 0;
    let told = '';
    const refused = (sentence: string): void => {
      if (sentence !== told) handlers.onRefused(sentence);
      told = sentence;
    };
    let cancelled = false;
    const heard = async (payload: Uint8Array): Promise<void> => {
      const head = parseHead(payload);
      if (typeof head === 'string') return refused(`the entry head of the bucket ${buckets.learned} ${head}`);
      const [version] = head.versions;
      if (version === undefined || version.number === newest) return;
      if (version.number < newest)
        return refused(`the bucket ${buckets.learned} names ${versionText(version)}, which is older than version ${newest}`);
      try {
        const model = await this.modelOf(version);
        if (cancelled || version.number <= newest) return;
        newest = version.number;
        handlers.onVersion(version, model);
      } catch (cause) {
        if (!(cause instanceof DroverError)) throw cause;
        if (!cancelled) refused(cause.message);
      }
    };
    const options = { filter: HEAD, from: 'last-per-subject' } as const;
    const cancel = await this.bus.consume(bucket.stream(buckets.learned), options, ({ payload, headers }) => {
      // Whoever removed the entry wants numbers to begin anew.
      if (headers[bucket.operation] === undefined) void heard(payload);
      else newest = 0;
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  private async modelOf(version: ModelVersion): Promise<Model> {
    for (let reads = 1; ; reads++) {
      try {
        const model = decodeModel(await this.bytesOf(version), `the model ${versionText(version)}`);
        const fault = whyNot(model);
        if (fault !== undefined) throw new DroverError('ERR_MODEL_FILE', `the model ${versionText(version)} ${fault}`);
        return model;
      } catch (cause) {
        if (!(cause instanceof DroverError) || reads >= READS_MAX) throw cause;
        await new Promise<void>((resolve) => this.clock.after(READ_AGAIN_US, resolve));
      }
    }
  }

  async put(manager: string, head: ModelHead, bytes: Uint8Array): Promise<string> {
    if (bytes.length > MODEL_BYTES_MAX)
      throw new DroverError(
        'ERR_MODEL_FILE',
        `a model of ${bytes.length} bytes is larger than the ${MODEL_BYTES_MAX} of a fleet's`,
      );
    const named = new Set(head.versions.map(({ key }) => key));
    // One more than versions that are kept: some key is always free.
    let number = 0;
    while (named.has(`model.${manager}.${number}`) && number < VERSIONS_KEPT) number++;
    const key = `model.${manager}.${number}`;
    const answer = await this.bus.append(bucket.entry(buckets.learned, key), bytes, { timeoutUs: APPEND_TIMEOUT_US });
    if (answer.kind === 'appended' || answer.kind === 'duplicate') return key;
    if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', `the bucket ${buckets.learned} is at its bound`);
    throw new DroverError('ERR_BUS_TIMEOUT', 'the model was not answered', { retryable: true });
  }

  async replace(head: ModelHead, position: number): Promise<'replaced' | 'lost'> {
    const options = { expectedSequence: position, timeoutUs: APPEND_TIMEOUT_US };
    const { kind } = await this.bus.append(HEAD, encodeHead(head), options);
    return kind === 'appended' ? 'replaced' : 'lost';
  }
}

function headOf(payload: Uint8Array): ModelHead {
  const head = parseHead(payload);
  if (typeof head !== 'string') return head;
  throw new DroverError('ERR_MODEL_FILE', `the entry head of the bucket ${buckets.learned} ${head}`);
}
