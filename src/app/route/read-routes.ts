/** How far every route is, read from the streams themselves; the managers are asked only who is fed by whom. */
import { lastDatumOf } from '../../../actors/router.ts';
import type { TaskName } from '../../domain/model/ids.ts';
import type { FleetTask, FleetView } from '../../domain/protocol/messages.ts';
import { header, taskSubject } from '../../domain/protocol/subjects.ts';
import { chainOf } from '../../domain/task/routing.ts';
import type { FleetClient } from '../compose/open-fleet-client.ts';

export interface RouteNow {
  /** The task that is fed, and the one that feeds it. */
  readonly task: TaskName;
  readonly from: TaskName;
  readonly state: string;
  /** The host that routes. */
  readonly by: string | undefined;
  readonly reason: string | undefined;
  /** Number of the last output that is data of the task, and of the last that was accepted. */
  readonly routed: number;
  readonly accepted: number;
  readonly behind: number;
}

export interface ChainNow {
  /** Those before before those after. */
  readonly tasks: readonly TaskName[];
  readonly routes: readonly RouteNow[];
}

/** All chains, or the one of this task. */
export async function readChains(client: FleetClient, fleet: FleetView, task?: TaskName): Promise<readonly ChainNow[]> {
  const edges = edgesOf(fleet);
  const chains: ChainNow[] = [];
  const seen = new Set<TaskName>();
  for (const name of task === undefined ? edges.keys() : [task]) {
    if (seen.has(name)) continue;
    const tasks = chainOf(name, edges);
    for (const member of tasks) seen.add(member);
    const fed = fleet.tasks.filter((one) => one.fed !== undefined && tasks.includes(one.task));
    const routes = await Promise.all(fed.map((one) => readRoute(client, one)));
    chains.push({ tasks, routes: routes.sort((a, b) => tasks.indexOf(a.task) - tasks.indexOf(b.task)) });
  }
  return chains;
}

export function edgesOf({ tasks }: FleetView): ReadonlyMap<TaskName, TaskName> {
  return new Map(tasks.flatMap(({ task, fed, state }) => (fed === undefined || state === 'removed' ? [] : [[task, fed.from]])));
}

async function readRoute({ host }: FleetClient, { task, fed }: FleetTask): Promise<RouteNow> {
  const { bus, names } = host;
  const { from = '', state = 'unknown', by, reason } = fed ?? {};
  // The data first: what was routed meanwhile would otherwise be more than there is.
  const datum = lastDatumOf(await bus.readLast(taskSubject.data(names, task)));
  const last = await bus.readLast(taskSubject.outputs(names, from));
  const routed = datum?.routed?.source === from ? datum.routed.output : 0;
  const accepted = Number(last?.headers[header.output] ?? 0);
  return { task, from, state, by, reason, routed, accepted, behind: accepted - routed };
}
