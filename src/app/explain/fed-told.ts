/** Of a task that is fed by another: what its route's record says, and how far its data are. No manager is asked. */
import { stateName } from '../../../actors/chart.ts';
import type { Host } from '../../../actors/host.ts';
import { lastDatumOf } from '../../../actors/router.ts';
import type { RouteContext } from '../../../statecharts/route.machine.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import { decodeRecord } from '../../domain/protocol/codec-record.ts';
import { actorSubject, taskSubject } from '../../domain/protocol/subjects.ts';

export interface FedNow {
  readonly from: TaskName;
  readonly state: string;
  readonly by: string;
  /** The first output that was routed, and the last. */
  readonly since: number;
  readonly routed: number;
  readonly reason: string | undefined;
}

/** Undefined: no other task feeds it, nor has one. */
export async function fedNow({ bus, names }: Host, task: TaskName): Promise<FedNow | undefined> {
  const message = await bus.readLast(actorSubject(names, `route/${task}`));
  const record = message === undefined ? undefined : decodeRecord(message.payload);
  if (record?.ok !== true) return undefined;
  const { value, context } = JSON.parse(record.value.snapshot) as { readonly value: unknown; readonly context: RouteContext };
  const { source, begun, reason } = context;
  if (source === undefined) return undefined;
  const datum = lastDatumOf(await bus.readLast(taskSubject.data(names, task)));
  const since = (begun?.output ?? 0) + 1;
  const routed = datum?.routed?.source === source ? datum.routed.output : since - 1;
  return { from: source, state: stateName(value), by: record.value.writer, since, routed, reason };
}

export function fedTold(fed: FedNow | undefined): string {
  if (fed === undefined) return '';
  const { from, state, by, since, routed, reason } = fed;
  if (state === 'idle') return `\nIt was fed by ${from}, up to output ${routed}: ${reason ?? 'that is over'}\n`;
  const why = reason === undefined ? '' : `: ${reason}`;
  return `\nIt is fed by ${from} (${state}, by ${by}${why}): outputs ${since} to ${routed}, each once\n`;
}
