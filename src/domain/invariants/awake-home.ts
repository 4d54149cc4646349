/**
 * restore-or-say-why and sleep (docs/POWER.md): no task is without a home because its home sleeps.
 *
 *   A1. A bridge that sleeps, or is on its way up, has accepted no task.
 *   A2. No placement names an owner whose record says that it sleeps.
 *   A3. At rest, no ECU is half asleep: being emptied, falling asleep or waking.
 *   A4. At rest, an ECU's record and its bridge say the same of its sleep.
 */
import type { Mac, TaskName } from '../model/ids.ts';
import type { Violation } from './violation.ts';

/** A1. */
export function asleepWithTasks(mac: Mac, isAsleep: boolean, accepted: readonly TaskName[]): Violation | undefined {
  if (!isAsleep || accepted.length === 0) return undefined;
  const tasks = [...accepted].sort();
  const sentence = `ECU ${mac} sleeps and has accepted ${tasks.join(', ')} (A1)`;
  return { invariant: 'restore-or-say-why', sentence, details: { mac, tasks } };
}

/** A2. `state`: of the owner's power record; undefined: it has none. */
export function homeAsleep(task: TaskName, owner: Mac | undefined, state: string | undefined): Violation | undefined {
  if (owner === undefined || state !== 'asleep') return undefined;
  const sentence = `task ${task} is owned by ECU ${owner}, which sleeps (A2)`;
  return { invariant: 'restore-or-say-why', sentence, details: { task, owner } };
}

/** A3. */
export function halfAsleep(mac: Mac, state: string | undefined): Violation | undefined {
  if (state === undefined || state === 'awake' || state === 'asleep') return undefined;
  const sentence = `ECU ${mac} is ${state}, and does not come to an end with it (A3)`;
  return { invariant: 'restore-or-say-why', sentence, details: { mac, state } };
}

/** A4. */
export function sleepsUnknown(mac: Mac, state: string | undefined, isAsleep: boolean): Violation | undefined {
  if ((state === 'asleep') === isAsleep) return undefined;
  const sentence = `the bridge of ECU ${mac} ${isAsleep ? 'sleeps' : 'is awake'}, and its record says ${state ?? 'nothing'} (A4)`;
  return { invariant: 'restore-or-say-why', sentence, details: { mac, isAsleep } };
}
