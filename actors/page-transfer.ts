/**
 * Pages on their way, packed where the fleet asks for it: whoever requests says what it can unpack, whoever serves packs if it
 * is worth it. Digests are of pages as they are, so nothing behind this knows of it.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import type { PageAnswer, PageRequest } from '../src/domain/protocol/messages.ts';
import type { Host } from './host.ts';

/** What a request says of itself: nothing, in a fleet that sends pages as they are. */
export const acceptedBy = ({ compression }: Host): Pick<PageRequest, 'accepts'> =>
  compression === undefined ? {} : { accepts: [compression.encoding] };

/** The answer as it goes on the wire. */
export function packedFor(host: Host, { accepts }: PageRequest, answer: PageAnswer): PageAnswer {
  const { compression } = host;
  if (answer.kind !== 'pages' || compression === undefined || accepts?.includes(compression.encoding) !== true) return answer;
  const packed = compression.pack(answer.pages);
  if (packed === undefined) return answer;
  return { kind: 'pages', pages: packed, encoding: compression.encoding };
}

/** The answer as it was before it was packed, of `bytes` bytes. Fails with ERR_WIRE_MALFORMED. */
export function unpackedBy({ compression, counters }: Host, answer: PageAnswer, bytes: number): PageAnswer {
  if (answer.kind !== 'pages' || answer.encoding === undefined) return answer;
  if (answer.encoding !== compression?.encoding)
    throw new DroverError('ERR_WIRE_MALFORMED', `the pages came in ${answer.encoding}, which was not asked for`);
  const pages = compression.unpack(answer.pages, bytes);
  // Counted where they arrive: managers are asked for their counters, bridges are not.
  counters.add('pages.bytesSaved', pages.length - answer.pages.length);
  return { kind: 'pages', pages };
}
