/** Replaying a record by drover's own charts: what the judges of journals are given. */
import { replayRecord } from '../../../actors/replay-record.ts';
import type { ReplayRecord } from '../../domain/invariants/replayable.ts';
import { parseActorKey } from '../../domain/model/ids.ts';
import { CHARTS } from '../charts.ts';

const charts = new Map(CHARTS.map((chart) => [chart.kind, chart]));

export const replayByChart: ReplayRecord = (previous, record) => {
  const chart = charts.get(parseActorKey(record.actor).kind);
  return chart === undefined ? undefined : replayRecord(chart, previous, record);
};
