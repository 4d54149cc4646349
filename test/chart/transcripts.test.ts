/** The main stories of each chart, event by event: what state it is in, and what it asks for. Golden files; UPDATE_GOLDEN=1 writes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ChartRequest, initialStep, persistSnapshot, restoreSnapshot, stateName, stepChart } from '../../actors/chart.ts';
import { CHARTS } from '../../src/app/charts.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import type { ActorEvent } from '../../src/domain/model/events.ts';
import { CHART_STORIES } from '../support/chart-stories.ts';

const told = (request: ChartRequest): string => {
  switch (request.kind) {
    case 'open':
      return `open ${request.key} ${JSON.stringify(request.effect)}`;
    case 'close':
      return `close ${request.key}`;
    case 'arm':
      return `arm ${request.id} ${request.delayUs / 1000} ms`;
    case 'disarm':
      return `disarm ${request.id}`;
  }
};

describe.each(CHARTS.map((chart) => [chart.kind, chart] as const))('%s', (kind, chart) => {
  test.each(Object.entries(CHART_STORIES[kind] ?? {}))('%s', (title, events) => {
    const begin = initialStep(chart, 'x');
    const lines = [`→ ${stateName(begin.snapshot.value)}`, ...begin.requests.map((request) => `    ${told(request)}`)];
    let snapshot = begin.snapshot;
    events.forEach((given, index) => {
      const event: ActorEvent = { ...given, id: `${index}` };
      const stepped = stepChart(chart, restoreSnapshot(chart, persistSnapshot(chart, snapshot)), event);
      snapshot = stepped.snapshot;
      const { type, ...fields } = given;
      lines.push(
        `${type} ${JSON.stringify(fields)}`,
        `→ ${stateName(snapshot.value)}${stepped.handling === 'taken' ? '' : ` (${stepped.handling})`}`,
      );
      lines.push(...stepped.requests.map((request) => `    ${told(request)}`));
    });
    const text = `${lines.join('\n')}\n`;
    const folder = join(projectRoot(), 'test', 'golden', 'charts');
    const file = join(folder, `${kind}.${title.replaceAll(/[^a-z]+/g, '-')}.txt`);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, text);
    }
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  test('has a story', () => {
    expect(Object.keys(CHART_STORIES[kind] ?? {}).length).toBeGreaterThan(0);
  });
});
