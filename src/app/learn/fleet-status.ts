/** How a fleet's learning stands: versions and attempts from the bucket, rows from the stream, and what each manager and each bridge says. */
import { createBusModelBoard } from '../../../infra/nats/model-board.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import type { ModelHead } from '../../domain/learn/fleet/model-head.ts';
import type { LearnerState, SchedulingKind } from '../../domain/learn/fleet/outcome.ts';
import { keyOfSet } from '../../domain/learn/fleet/outcome.ts';
import type { Mac } from '../../domain/model/ids.ts';
import { decodeOutcomeReport } from '../../domain/protocol/codec-learn.ts';
import type { LearningView } from '../../domain/protocol/messages.ts';
import { learnSubject, streams } from '../../domain/protocol/subjects.ts';
import type { Cancel } from '../../ports/clock.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';
import { queryFleet, queryManagers } from '../fleet/fleet-calls.ts';

export interface LearningStatus extends ModelHead {
  readonly managers: readonly (LearningView & { readonly manager: string })[];
  readonly bridges: readonly BridgeLearning[];
  /** Of the stream LEARNING, all that it still keeps. */
  readonly rows: number;
  readonly sets: number;
  readonly met: number;
  readonly missed: number;
  /** Of the rows with an exact verdict: those that came out as the test says. */
  readonly asTested: number;
  readonly tested: number;
  readonly bytes: number;
  readonly bytesMax: number | undefined;
}

export interface BridgeLearning extends LearnerState {
  readonly mac: Mac;
  readonly name: string;
  readonly incarnation: number;
  readonly scheduling: SchedulingKind;
  readonly windowUs: number;
  /** In all of its reports that are still kept. */
  readonly rows: number;
}

export async function learningStatus(client: FleetClient): Promise<LearningStatus> {
  const { bus } = client.host;
  const [fleet, head, seen, state] = await Promise.all([
    queryFleet(client),
    createBusModelBoard(client.host).read(),
    readReports(client),
    bus.streamState(streams.learning),
  ]);
  const managers = (await queryManagers(client, fleet)).flatMap(({ manager, learning }) =>
    learning === undefined ? [] : [{ manager, ...learning }],
  );
  const nameOf = (mac: Mac): string => fleet.ecus.find((ecu) => ecu.mac === mac)?.name ?? mac;
  const { bridges, ...counts } = seen;
  return {
    ...head.head,
    managers,
    bridges: bridges.map((bridge) => ({ ...bridge, name: nameOf(bridge.mac) })),
    ...counts,
    bytes: state.bytes,
    bytesMax: state.bytesMax,
  };
}

async function readReports({ host }: FleetClient) {
  const bridges = new Map<Mac, Omit<BridgeLearning, 'name'>>();
  const sets = new Set<string>();
  const counts = { rows: 0, met: 0, missed: 0, asTested: 0, tested: 0 };
  const heard = ({ payload }: { readonly payload: Uint8Array }): void => {
    const decoded = decodeOutcomeReport(payload);
    if (!decoded.ok) return;
    const { mac, incarnation, scheduling, windowUs, rows, learner } = decoded.value.body;
    const before = bridges.get(mac)?.rows ?? 0;
    bridges.set(mac, { mac, incarnation, scheduling, windowUs, rows: before + rows.length, ...learner });
    for (const { tasks, outcome, exact } of rows) {
      sets.add(`${scheduling} ${keyOfSet(tasks)}`);
      counts.rows++;
      counts[outcome]++;
      if (exact === 'unknown') continue;
      counts.tested++;
      if ((exact === 'yes') === (outcome === 'met')) counts.asTested++;
    }
  };
  let cancel: Cancel | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const options = { filter: learnSubject.all, from: 1, onCaughtUp: resolve, onFailure: reject } as const;
      host.bus.consume(streams.learning, options, heard).then((stop) => {
        cancel = stop;
      }, reject);
    });
  } catch (cause) {
    if (cause instanceof DroverError && cause.code === 'ERR_BUS_NO_STREAM')
      throw new DroverError(
        'ERR_BUS_NO_STREAM',
        'this fleet is of an older drover that does not learn: start one of its managers anew',
      );
    throw cause;
  } finally {
    cancel?.();
  }
  const list = [...bridges.values()].sort((a, b) => (a.mac < b.mac ? -1 : 1));
  return { bridges: list, sets: sets.size, ...counts };
}
