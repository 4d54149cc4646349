/** Tasks whose restores found no room. */
import type { TaskSpec } from '../src/domain/model/task.ts';
import { waitsForCapacity } from '../statecharts/arbiter.machine.ts';
import type { FleetKnowledge } from './fleet-knowledge.ts';
import type { ActorView } from './shell.ts';

/** `counts`: only restores whose record is such a one. */
export function waitingTasks(knowledge: FleetKnowledge, counts: (view: ActorView) => boolean = () => true): TaskSpec[] {
  const specs: TaskSpec[] = [];
  for (const { context, view } of knowledge.openArbiters()) {
    if (!waitsForCapacity(context) || !counts(view)) continue;
    for (const [task, { phase, shed }] of Object.entries(context.tasks)) {
      const spec = knowledge.placement(task)?.context.spec;
      if ((phase === 'shed' || (phase === 'planning' && shed)) && spec !== undefined) specs.push(spec);
    }
  }
  return specs;
}
