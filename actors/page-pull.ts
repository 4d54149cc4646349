/**
 * Asking whoever serves checkpoint pages, an ECU or a manager: for the manifest of a whole state, and for pages by their index
 * in memory. Every page that is given back had the digest it was to have; everything else is an error with its name.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import { type CheckpointManifest, type CheckpointOrder, DIGEST_BYTES, PAGE_BYTES } from '../src/domain/model/checkpoint.ts';
import type { TaskName } from '../src/domain/model/ids.ts';
import {
  decodeManifestAnswer,
  decodePageAnswer,
  encodeManifestRequest,
  encodePageRequest,
} from '../src/domain/protocol/codec-checkpoint.ts';
import type { Hasher } from '../src/ports/digest.ts';
import { envelope, type Host } from './host.ts';
import { acceptedBy, unpackedBy } from './page-transfer.ts';

/** 512 KiB a request: large enough that the round trip is small beside the copy, well below the broker's limit. */
export const PAGES_PER_REQUEST = 128;

export interface PageServer {
  /** Where it answers. */
  readonly subject: string;
  readonly timeoutUs: number;
}

/** A checkpoint's pages, some of them: `positions` are places in its manifest's lists, ascending. */
export interface WantedPages {
  readonly manifest: CheckpointManifest;
  readonly positions: Uint32Array;
}

export class PagePull {
  private readonly host: Host;
  private readonly hasher: Hasher;
  private readonly digest = new Uint8Array(DIGEST_BYTES);

  constructor(parts: { readonly host: Host; readonly hasher: Hasher }) {
    this.host = parts.host;
    this.hasher = parts.hasher;
  }

  /** The whole state's manifest, or undefined when it is no longer there. */
  async manifest(
    server: PageServer,
    { task, epoch, sequence }: CheckpointOrder & { readonly task: TaskName },
  ): Promise<CheckpointManifest | undefined> {
    const request = encodeManifestRequest(envelope(this.host, { kind: 'manifest', task, epoch, sequence }));
    const answer = decodeManifestAnswer(await this.ask(server, request));
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const { body } = answer.value;
    if (body.kind === 'manifest') return body.manifest;
    if (body.code === 'ERR_STORE_MISSING') return undefined;
    throw new DroverError(body.code, body.sentence);
  }

  /**
   * Hands every wanted page to `take` with its place in `positions`, in no promised order. Answers false when a newer
   * checkpoint has replaced this one at the server; what was handed over until then is still right. All requests are under way
   * at once unless `oneByOne`: a restore is in a hurry, a manager is not.
   */
  async pages(
    server: PageServer,
    { manifest, positions }: WantedPages,
    take: (page: Uint8Array, order: number) => void,
    { oneByOne = false }: { readonly oneByOne?: boolean } = {},
  ): Promise<boolean> {
    const requests: Promise<boolean>[] = [];
    for (let first = 0; first < positions.length; first += PAGES_PER_REQUEST) {
      const some = positions.subarray(first, first + PAGES_PER_REQUEST);
      const request = this.somePages(server, { manifest, positions: some }, (page, order) => take(page, first + order));
      if (oneByOne && !(await request)) return false;
      requests.push(request);
    }
    return (await Promise.all(requests)).every(Boolean);
  }

  /** As one array where one request brings them all; undefined when a newer checkpoint has replaced this one at the server. */
  inOne(server: PageServer, wanted: WantedPages): Promise<Uint8Array | undefined> {
    return this.ofRequest(server, wanted);
  }

  private async somePages(
    server: PageServer,
    wanted: WantedPages,
    take: (page: Uint8Array, order: number) => void,
  ): Promise<boolean> {
    const pages = await this.ofRequest(server, wanted);
    if (pages === undefined) return false;
    for (let order = 0; order < wanted.positions.length; order++)
      take(pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES), order);
    return true;
  }

  private async ofRequest(server: PageServer, { manifest, positions }: WantedPages): Promise<Uint8Array | undefined> {
    const { task, epoch, sequence, pageIndexes, pageDigests } = manifest;
    const indexes = positions.map((position) => pageIndexes[position] as number);
    const request = encodePageRequest(
      envelope(this.host, { kind: 'pages', task, epoch, sequence, positions: indexes, ...acceptedBy(this.host) }),
    );
    const answer = decodePageAnswer(await this.ask(server, request));
    if (!answer.ok) throw new DroverError(answer.error.code, answer.error.sentence);
    const body = unpackedBy(this.host, answer.value.body, indexes.length * PAGE_BYTES);
    if (body.kind === 'superseded') return undefined;
    if (body.kind === 'refused') throw new DroverError(body.code, body.sentence);
    if (body.pages.length !== indexes.length * PAGE_BYTES) {
      const got = body.pages.length / PAGE_BYTES;
      throw new DroverError(
        'ERR_STORE_MISSING',
        `${got} pages of checkpoint ${epoch}.${sequence} were given for ${indexes.length}`,
      );
    }
    for (let order = 0; order < indexes.length; order++) {
      const page = body.pages.subarray(order * PAGE_BYTES, (order + 1) * PAGE_BYTES);
      this.hasher.digestInto(page, this.digest, 0);
      const at = (positions[order] as number) * DIGEST_BYTES;
      if (!equalDigests(this.digest, pageDigests.subarray(at, at + DIGEST_BYTES))) {
        throw new DroverError(
          'ERR_STORE_CORRUPT',
          `page ${indexes[order]} of checkpoint ${epoch}.${sequence} has another digest`,
        );
      }
    }
    return body.pages;
  }

  /** On this machine where whoever serves is on it too, else over the bus; `status` shows how often which. */
  private async ask(server: PageServer, request: Uint8Array): Promise<Uint8Array> {
    const { localPath, counters } = this.host;
    if (localPath !== undefined) {
      const answer = await localPath.request(server.subject, request, { timeoutUs: server.timeoutUs / 2 });
      if (answer !== undefined) {
        counters.add('pages.askedLocally');
        return answer;
      }
    }
    counters.add('pages.askedOverBus');
    return this.host.bus.request(server.subject, request, { timeoutUs: server.timeoutUs });
  }
}

export function equalDigests(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < DIGEST_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}
