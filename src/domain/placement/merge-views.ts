/**
 * The fleet as several managers see it, each its share: of what more than one knows, the word of whoever knows the later epoch or
 * incarnation counts, and of equal words the first one's. Reservations are the same to all, and whoever keeps the ECU knows whether one is broken. Counters and the store stay the first one's, as with one view.
 */
import type { FleetReservation, FleetTask, FleetView } from '../protocol/messages.ts';

const PLACED = new Set(['assigned', 'owned', 'moving']);

export function mergeViews(first: FleetView, others: readonly FleetView[]): FleetView {
  const tasks = new Map<string, FleetTask>();
  const ecus = new Map<string, FleetView['ecus'][number]>();
  for (const view of [first, ...others]) {
    for (const task of view.tasks) {
      const known = tasks.get(task.task);
      tasks.set(task.task, withRoute(isNewer(task, known) ? task : (known ?? task), known?.fed ?? task.fed, task.fed));
    }
    for (const ecu of view.ecus) {
      const known = ecus.get(ecu.mac);
      if (known === undefined || ecu.incarnation > known.incarnation) ecus.set(ecu.mac, ecu);
    }
  }
  const broken = new Map<string, string>();
  for (const { reservations = [] } of others)
    for (const { id, broken: why } of reservations) if (why !== undefined) broken.set(id, why);
  const on = new Map<string, string[]>();
  for (const { task, owner, state } of tasks.values())
    if (owner !== undefined && PLACED.has(state)) on.set(owner, [...(on.get(owner) ?? []), task]);
  const byName = (a: string, b: string): number => (a < b ? -1 : 1);
  return {
    ...first,
    ...(first.reservations === undefined
      ? {}
      : { reservations: first.reservations.map((one) => withWhy(one, broken.get(one.id))) }),
    tasks: [...tasks.values()].sort((a, b) => byName(a.task, b.task)),
    ecus: [...ecus.values()]
      .map((ecu) => ({ ...ecu, tasks: (on.get(ecu.mac) ?? []).sort() }))
      .sort((a, b) => byName(a.mac, b.mac)),
  };
}

/** Who keeps a task's ECU need not keep its route: whoever knows that one says how it is. */
function withRoute(task: FleetTask, ...said: readonly FleetTask['fed'][]): FleetTask {
  const known = said.find((fed) => fed !== undefined && fed.state !== 'unknown');
  return task.fed?.state === 'unknown' && known !== undefined ? { ...task, fed: known } : task;
}

const withWhy = (reservation: FleetReservation, why: string | undefined): FleetReservation =>
  reservation.broken !== undefined || why === undefined ? reservation : { ...reservation, broken: why };

/** Of one epoch, what is known of a checkpoint is worth more than nothing: whoever does not keep the task knows nothing of it. */
function isNewer(task: FleetTask, known: FleetTask | undefined): boolean {
  if (known === undefined || task.epoch !== known.epoch) return known === undefined || task.epoch > known.epoch;
  return known.checkpoint === undefined && task.checkpoint !== undefined;
}
