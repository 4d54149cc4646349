import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AcceptedTask } from '../../src/domain/model/ecu.ts';
import { acceptedTaskOf, admits } from '../../src/domain/placement/admit.ts';
import { assign, byUrgency } from '../../src/domain/placement/assign.ts';
import type { Candidate, Newcomer, Plan } from '../../src/domain/placement/evidence.ts';
import { arbitraryCandidates, arbitraryNewcomers } from '../support/placement-builders.ts';

// ——— the dumb twins ———

interface Periodic {
  readonly periodUs: number;
  readonly wcetUs: number;
  readonly deadlineUs: number;
  readonly priority: number;
  readonly hardDeadline?: boolean;
}

/**
 * Runs one core tick by tick from the critical instant over two hyperperiods, every job at its WCET. Equal priorities are
 * served worst for `victim`. Says whether `victim` met every deadline, which decides it exactly (deadline ≤ period).
 */
function meetsDeadlinesByRunning(tasks: readonly Periodic[], victim: number): boolean {
  const left = tasks.map(() => 0);
  const dueAt = tasks.map(() => 0);
  for (let now = 0; now <= 48; now++) {
    if ((left[victim] as number) > 0 && now >= (dueAt[victim] as number)) return false;
    for (let i = 0; i < tasks.length; i++) {
      const task = tasks[i] as Periodic;
      if (now % task.periodUs !== 0) continue;
      left[i] = (left[i] as number) + task.wcetUs;
      dueAt[i] = now + task.deadlineUs;
    }
    let running = -1;
    for (let i = 0; i < tasks.length; i++) {
      if ((left[i] as number) === 0) continue;
      const better = running < 0 || (tasks[i] as Periodic).priority > (tasks[running] as Periodic).priority;
      const tie = running === victim && (tasks[i] as Periodic).priority === (tasks[running] as Periodic).priority;
      if (better || tie) running = i;
    }
    if (running >= 0) left[running] = (left[running] as number) - 1;
  }
  return true;
}

function coreIsFine(tasks: readonly Periodic[]): boolean {
  const load = tasks.reduce((sum, task) => sum + (24 / task.periodUs) * task.wcetUs, 0);
  const soft = tasks.some((task) => task.hardDeadline === false);
  if (soft && load > 24) return false;
  return tasks.every((task, index) => task.hardDeadline === false || meetsDeadlinesByRunning(tasks, index));
}

/** Whether any partition over the cores is fine. */
function fitsByTryingAll(tasks: readonly Periodic[], cores: number): boolean {
  const on: Periodic[][] = Array.from({ length: cores }, () => []);
  const tryFrom = (at: number): boolean => {
    if (at === tasks.length) return on.every(coreIsFine);
    for (const core of on) {
      core.push(tasks[at] as Periodic);
      if (tryFrom(at + 1)) return true;
      core.pop();
      if (core.length === 0) break;
    }
    return false;
  };
  return tryFrom(0);
}

/** Everything said about who may run where, written down a second time, without any order of checks. */
function mayJoin(
  newcomer: Newcomer,
  candidate: Candidate,
  there: readonly AcceptedTask[],
  newcomers: readonly Newcomer[],
): boolean {
  const { spec } = newcomer;
  const memory = there.reduce((sum, task) => sum + task.memoryBytesMax, spec.memoryBytesMax);
  const names = new Set(there.map((task) => task.task));
  return (
    candidate.alive &&
    !candidate.draining &&
    spec.capabilities.every((one) => candidate.description.capabilities.includes(one)) &&
    memory <= candidate.description.memoryBytes &&
    !spec.affinity.apart.some((one) => names.has(one)) &&
    !newcomers.some((other) => names.has(other.spec.name) && other.spec.affinity.apart.includes(spec.name)) &&
    fitsByTryingAll([...there, acceptedTaskOf(spec, 0)], candidate.description.cores)
  );
}

// ——— replaying a plan ———

function replay(
  plan: Plan,
  newcomers: readonly Newcomer[],
  candidates: readonly Candidate[],
  visit: (step: { newcomer: Newcomer; there: Map<string, AcceptedTask[]>; target: Candidate | undefined }) => void,
): void {
  const there = new Map(candidates.map((candidate) => [candidate.mac, [...candidate.accepted]]));
  for (const decision of plan.decisions) {
    const newcomer = newcomers.find(({ spec }) => spec.name === decision.task) as Newcomer;
    const assignment = plan.assignments.find(({ task }) => task === decision.task);
    const target = candidates.find(({ mac }) => mac === assignment?.mac);
    visit({ newcomer, there, target });
    if (target !== undefined) there.get(target.mac)?.push(acceptedTaskOf(newcomer.spec, 0));
  }
}

const small = { newcomers: arbitraryNewcomers(4), single: arbitraryCandidates(3, 1), multi: arbitraryCandidates(3, 3) };

describe('admission against running it', () => {
  it('on one core is exactly what a tick-by-tick run says', () => {
    let admitted = 0;
    let refused = 0;
    fc.assert(
      fc.property(arbitraryNewcomers(4), arbitraryCandidates(1, 1), (newcomers, [candidate]) => {
        fc.pre(candidate !== undefined && newcomers.length > 0);
        const { description, accepted } = candidate as Candidate;
        const ecu = { ...description, capabilities: ['can0', 'fpu'], memoryBytes: 1000, draining: false };
        const answer = admits(
          accepted,
          newcomers.map(({ spec }) => spec),
          ecu,
        );
        const fine = coreIsFine([...accepted, ...newcomers.map(({ spec }) => spec)]);
        expect(answer.ok).toBe(fine);
        if (fine) admitted++;
        else refused++;
      }),
      { numRuns: 1500, seed: 11 },
    );
    expect(Math.min(admitted, refused)).toBeGreaterThan(100);
  });

  it('on several cores never admits what no partition can run, and gives a partition that runs', () => {
    fc.assert(
      fc.property(arbitraryNewcomers(4), arbitraryCandidates(1, 3), (newcomers, [candidate]) => {
        fc.pre(candidate !== undefined && newcomers.length > 0);
        const { description, accepted } = candidate as Candidate;
        const ecu = { ...description, capabilities: ['can0', 'fpu'], memoryBytes: 1000, draining: false };
        const all = [...accepted, ...newcomers.map(({ spec }) => acceptedTaskOf(spec, 0))];
        const answer = admits(
          accepted,
          newcomers.map(({ spec }) => spec),
          ecu,
        );
        if (!answer.ok) return;
        expect(answer.value.cores.length).toBeLessThanOrEqual(ecu.cores);
        expect(answer.value.cores.flatMap(({ tasks }) => tasks.map(({ task }) => task)).sort()).toEqual(
          all.map(({ task }) => task).sort(),
        );
        for (const core of answer.value.cores) {
          expect(coreIsFine(core.tasks.map(({ task }) => all.find((one) => one.task === task) as AcceptedTask))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('group assignment', () => {
  it('P1, P3: on single-core ECUs places a task at its turn exactly when the exhaustive twin finds it any place', () => {
    let placed = 0;
    let unplaced = 0;
    fc.assert(
      fc.property(small.newcomers, small.single, (newcomers, candidates) => {
        const plan = assign({ newcomers, candidates });
        expect([...plan.assignments, ...plan.unplaced].map(({ task }) => task).sort()).toEqual(
          newcomers.map(({ spec }) => spec.name).sort(),
        );
        replay(plan, newcomers, candidates, ({ newcomer, there, target }) => {
          const places = candidates
            .filter((one) => mayJoin(newcomer, one, there.get(one.mac) ?? [], newcomers))
            .map(({ mac }) => mac);
          if (target === undefined) {
            unplaced++;
            expect(places).toEqual([]);
          } else {
            placed++;
            expect(places).toContain(target.mac);
          }
        });
      }),
      { numRuns: 600, seed: 5 },
    );
    expect(Math.min(placed, unplaced)).toBeGreaterThan(100);
  });

  it('P1: on multi-core ECUs never places where the exhaustive twin finds no partition', () => {
    fc.assert(
      fc.property(small.newcomers, small.multi, (newcomers, candidates) => {
        const plan = assign({ newcomers, candidates });
        replay(plan, newcomers, candidates, ({ newcomer, there, target }) => {
          if (target !== undefined) expect(mayJoin(newcomer, target, there.get(target.mac) ?? [], newcomers)).toBe(true);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('P2: gives the same plan for any order of tasks, candidates and accepted tasks', () => {
    fc.assert(
      fc.property(
        arbitraryNewcomers(6),
        arbitraryCandidates(25, 3),
        fc.infiniteStream(fc.nat()),
        (newcomers, candidates, randomness) => {
          const shuffled = <T>(items: readonly T[]): T[] =>
            items
              .map((item) => ({ item, key: randomness.next().value as number }))
              .sort((a, b) => a.key - b.key)
              .map(({ item }) => item);
          const plan = assign({ newcomers, candidates });
          const other = assign({
            newcomers: shuffled(newcomers),
            candidates: shuffled(candidates).map((candidate) => ({ ...candidate, accepted: shuffled(candidate.accepted) })),
          });
          const normal = (one: Plan): unknown => JSON.parse(JSON.stringify(one));
          expect(normal(other)).toEqual(normal(plan));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('P3: a task of higher criticality is never left while one of lower criticality sits where it could be', () => {
    let looked = 0;
    fc.assert(
      fc.property(arbitraryNewcomers(6), small.single, (newcomers, candidates) => {
        const plan = assign({ newcomers, candidates });
        const byName = new Map(newcomers.map((one) => [one.spec.name, one]));
        for (const left of plan.unplaced) {
          for (const candidate of candidates) {
            const kept = plan.assignments
              .filter(
                ({ task, mac }) => mac === candidate.mac && (byName.get(task) as Newcomer).spec.criticality >= left.criticality,
              )
              .map(({ task }) => acceptedTaskOf((byName.get(task) as Newcomer).spec, 0));
            looked++;
            expect(mayJoin(byName.get(left.task) as Newcomer, candidate, [...candidate.accepted, ...kept], newcomers)).toBe(
              false,
            );
          }
        }
      }),
      { numRuns: 500, seed: 3 },
    );
    expect(looked).toBeGreaterThan(100);
  });

  it('P4: in a small fleet the target has the best score of all that could take the task', () => {
    fc.assert(
      fc.property(small.newcomers, small.single, (newcomers, candidates) => {
        const { assignments, decisions } = assign({ newcomers, candidates });
        for (const { task, mac, score } of assignments) {
          const shown = decisions.find((one) => one.task === task)?.candidates ?? [];
          for (const one of shown) {
            if (one.verdict !== 'feasible') continue;
            expect(one.score.total < score.total || (one.score.total === score.total && one.mac >= mac)).toBe(true);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('decides in a total order', () => {
    fc.assert(
      fc.property(arbitraryNewcomers(6), (newcomers) => {
        for (const a of newcomers)
          for (const b of newcomers) expect(Math.sign(byUrgency(a, b)) + Math.sign(byUrgency(b, a))).toBe(0);
        const names = (list: readonly Newcomer[]): string[] => list.map(({ spec }) => spec.name);
        expect(names([...newcomers].sort(byUrgency))).toEqual(names([...newcomers].reverse().sort(byUrgency)));
      }),
    );
  });

  it('keeps its evidence plain JSON', () => {
    fc.assert(
      fc.property(small.newcomers, small.multi, (newcomers, candidates) => {
        const plan = assign({ newcomers, candidates });
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
      { numRuns: 50 },
    );
  });
});
