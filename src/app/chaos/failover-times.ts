/**
 * How long each task stood still, and where the time went, from the server's timestamps alone:
 *
 *   kill ──detect──► the arbiter's first record ──decide──► epoch granted ──restore──► marker ──output──► first output
 *
 * A failover is one task that its killed owner ran: from the kill to the first output accepted from a later instance. The
 * parts are those of the instance that gave this output, so that a second kill meanwhile shows in `detect`.
 */

import type { Incarnation } from '../../domain/model/ecu.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { type QuantileSummary, summarise } from '../../domain/statistics/quantiles.ts';
import type { KillKind } from './kill-plan.ts';
import type { PlacementStepSeen, Recording, TaskRecording } from './recording.ts';

export interface Kill {
  readonly kind: KillKind;
  /** By the server's clock. */
  readonly atUs: number;
  /** Undefined when only a manager died. */
  readonly owner: Incarnation | undefined;
  readonly manager: string | undefined;
}

export interface Failover {
  readonly task: TaskName;
  readonly kill: Kill;
  readonly epoch: number;
  readonly totalUs: number;
  readonly detectUs: number;
  readonly decideUs: number;
  readonly restoreUs: number;
  readonly outputUs: number;
}

export interface FailoverSummary {
  readonly failoverMs: QuantileSummary;
  readonly detectMs: QuantileSummary;
  readonly decideMs: QuantileSummary;
  readonly restoreMs: QuantileSummary;
  /** Marker to first output: replay, and waiting for an input that gives one. */
  readonly outputMs: QuantileSummary;
}

export function failoversOf(recording: Recording, kills: readonly Kill[]): Failover[] {
  const failovers: Failover[] = [];
  for (const kill of kills) {
    if (kill.owner === undefined) continue;
    for (const [task, seen] of recording.tasks) {
      const before = placementAt(seen.placements, kill.atUs);
      if (before === undefined || !isOwner(before, kill.owner)) continue;
      const failover = failoverOf({ task, seen, kill, epochBefore: before.epoch, recording });
      if (failover !== undefined) failovers.push(failover);
    }
  }
  return failovers;
}

export function summariseFailovers(failovers: readonly Failover[]): FailoverSummary {
  const of = (part: 'totalUs' | 'detectUs' | 'decideUs' | 'restoreUs' | 'outputUs'): QuantileSummary =>
    summarise(failovers.map((failover) => Math.round(failover[part] / 10) / 100));
  return {
    failoverMs: of('totalUs'),
    detectMs: of('detectUs'),
    decideMs: of('decideUs'),
    restoreMs: of('restoreUs'),
    outputMs: of('outputUs'),
  };
}

/** The last record appended before a moment. */
export function placementAt(placements: readonly PlacementStepSeen[], atUs: number): PlacementStepSeen | undefined {
  return placements.findLast((step) => step.atUs <= atUs);
}

const isOwner = ({ state, owner }: PlacementStepSeen, { mac, incarnation }: Incarnation): boolean =>
  (state === 'owned' || state === 'assigned') && owner?.mac === mac && owner.incarnation === incarnation;

function failoverOf(parts: {
  readonly task: TaskName;
  readonly seen: TaskRecording;
  readonly kill: Kill;
  readonly epochBefore: number;
  readonly recording: Recording;
}): Failover | undefined {
  const { task, seen, kill, epochBefore, recording } = parts;
  const output = seen.outputs.find(({ epoch, marker, atUs }) => epoch > epochBefore && !marker && atUs > kill.atUs);
  if (output === undefined) return undefined;
  const { epoch } = output;
  const granted = seen.placements.find((step) => step.epoch === epoch);
  const marker = seen.outputs.find((one) => one.epoch === epoch && one.marker);
  const claimed = granted?.takenBy === undefined ? undefined : recording.claims.get(granted.takenBy);
  if (granted === undefined || marker === undefined || claimed === undefined) return undefined;
  return {
    task,
    kill,
    epoch,
    totalUs: output.atUs - kill.atUs,
    detectUs: claimed.atUs - kill.atUs,
    decideUs: granted.atUs - claimed.atUs,
    restoreUs: marker.atUs - granted.atUs,
    outputUs: output.atUs - marker.atUs,
  };
}
