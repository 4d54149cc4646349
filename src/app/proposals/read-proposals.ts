/** Proposals as a command reads them: all that the stream PROPOSALS keeps, or as they come. */
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ProposalNotice } from '../../domain/proposal/proposal-notice.ts';
import { decodeProposal } from '../../domain/protocol/codec-proposal.ts';
import { proposalSubject, streams } from '../../domain/protocol/subjects.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';

/** In the order in which they were made, each as it was last said: with its score where its horizon is over. */
export async function readProposals(client: FleetClient): Promise<readonly ProposalNotice[]> {
  const found = new Map<string, ProposalNotice>();
  let cancel: Cancel | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      consume(client, 1, (notice) => found.set(notice.id, notice), resolve, reject).then((stop) => {
        cancel = stop;
      }, reject);
    });
  } catch (cause) {
    // A fleet of an older drover: nobody has made the stream yet.
    if (!(cause instanceof DroverError) || cause.code !== 'ERR_BUS_NO_STREAM') throw cause;
  } finally {
    cancel?.();
  }
  return [...found.values()];
}

/** From now on; each comes twice, first without a score. */
export const followProposals = (client: FleetClient, onNotice: (notice: ProposalNotice) => void): Promise<Cancel> =>
  consume(client, 'new', onNotice);

function consume(
  { host }: FleetClient,
  from: 1 | 'new',
  onNotice: (notice: ProposalNotice) => void,
  onCaughtUp: () => void = () => {},
  onFailure: (error: Error) => void = () => {},
): Promise<Cancel> {
  const options = { filter: proposalSubject.all, from, onCaughtUp, onFailure } as const;
  return host.bus.consume(streams.proposals, options, ({ payload }) => {
    const decoded = decodeProposal(payload);
    if (decoded.ok) onNotice(decoded.value.body);
  });
}
