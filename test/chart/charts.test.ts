/** What must be true of every chart: all of it can be reached, all that it waits for is handled, its drawing is current. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnyStateNode } from 'xstate';
import { type Chart, eventsOf, initialStep, stepChart } from '../../actors/chart.ts';
import { CHARTS } from '../../src/app/charts.ts';
import { drawAllCharts, drawChart } from '../../src/app/docs-charts.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import { CHART_EVENTS, eventDrawer } from '../support/chart-events.ts';
import { CHART_STORIES } from '../support/chart-stories.ts';

const WALKS = 250;
const STEPS = 60;

interface Explored {
  readonly states: ReadonlySet<string>;
  /** Events that some state took with a transition of its own or its ancestors'. */
  readonly taken: ReadonlySet<string>;
  /** Timers armed, and those of them that were taken when they came due. */
  readonly armed: ReadonlySet<string>;
}

function explore(chart: Chart): Explored {
  const states = new Set<string>();
  const taken = new Set<string>();
  const armed = new Set<string>();
  const walk = (next: (timers: readonly string[]) => ActorEvent | undefined): void => {
    let { snapshot, requests } = initialStep(chart, 'x');
    let timers: string[] = [];
    for (;;) {
      for (const node of snapshot._nodes as readonly AnyStateNode[]) states.add(node.id);
      for (const request of requests) {
        if (request.kind === 'arm') armed.add(request.id);
        if (request.kind === 'arm' || request.kind === 'disarm') timers = timers.filter((id) => id !== request.id);
        if (request.kind === 'arm') timers.push(request.id);
      }
      const event = snapshot.status === 'active' ? next(timers) : undefined;
      if (event === undefined) return;
      const stepped = stepChart(chart, snapshot, event);
      if (stepped.handling === 'taken') taken.add(event.type);
      snapshot = stepped.snapshot;
      requests = stepped.requests;
    }
  };
  for (let seed = 1; seed <= WALKS; seed++) {
    const draw = eventDrawer(chart.kind, seed);
    let left = STEPS;
    walk((timers) => (left-- > 0 ? draw(timers) : undefined));
  }
  for (const story of Object.values(CHART_STORIES[chart.kind] ?? {})) {
    const events = story.map((told, index): ActorEvent => ({ ...told, id: `${index}` }));
    walk(() => events.shift());
  }
  return { states, taken, armed };
}

const allStates = (node: AnyStateNode): readonly string[] => [
  node.id,
  ...Object.values(node.states).flatMap((child) => allStates(child as AnyStateNode)),
];

describe.each(CHARTS.map((chart) => [chart.kind, chart] as const))('%s', (kind, chart) => {
  const explored = explore(chart);
  const own = [...eventsOf(chart)].filter((type) => !type.startsWith('xstate.'));

  test('every state is reachable', () => {
    expect([...explored.states].sort()).toEqual([...allStates(chart.machine.root)].sort());
  });

  test('every timeout is armed somewhere, and handled', () => {
    const timeouts = [...eventsOf(chart)].filter((type) => type.startsWith('xstate.after.'));
    expect([...explored.armed].sort()).toEqual([...timeouts].sort());
    for (const timeout of timeouts) expect(explored.taken).toContain(timeout);
  });

  test('every event of its union is known to it, and taken by some state', () => {
    expect(Object.keys(CHART_EVENTS[kind] ?? {}).sort()).toEqual([...own].sort());
    for (const type of own) expect(explored.taken).toContain(type);
  });

  test('its drawing is what its code says (UPDATE_GOLDEN=1 draws)', async () => {
    const folder = join(projectRoot(), 'docs', 'charts');
    if (process.env['UPDATE_GOLDEN'] === '1') await drawAllCharts(folder);
    expect(readFileSync(join(folder, `${kind}.md`), 'utf8')).toBe(drawChart(chart));
  });
});
