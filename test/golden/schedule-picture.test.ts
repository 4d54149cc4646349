/**
 * The pictures of docs/SCHEDULE.md are what the command draws today, text for text. `UPDATE_GOLDEN=1` draws them anew; whoever
 * reviews it looks at them, on white and on black.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { projectRoot } from '../../src/app/project-root.ts';
import { schedule } from '../../src/app/realtime/schedule.ts';
import { pictureOf } from '../../src/app/realtime/schedule-picture.ts';
import { loadTaskSetFile } from '../../src/app/realtime/task-set-file.ts';
import { drawGantt } from '../../src/domain/realtime/simulation/gantt.ts';
import { PLATFORM_DEFAULTS } from '../../src/domain/realtime/simulation/platform.ts';
import { Trace } from '../../src/domain/realtime/simulation/trace.ts';

it.each([
  ['schedule', true],
  ['schedule-misses', false],
])('docs/%s.svg', async (name, preemptive) => {
  const set = await loadTaskSetFile(join(projectRoot(), 'examples', 'task-sets', 'drive.yaml'));
  const request = {
    tasks: set.tasks,
    platform: { ...PLATFORM_DEFAULTS, ...set.platform, preemptive },
    durationUs: 100_000,
    seed: 1,
    trace: { segmentsMax: 1000, jobsMax: 1000 },
  };
  const picture = pictureOf(request, schedule(request), 'drive') ?? '';
  const kept = join(projectRoot(), 'docs', `${name}.svg`);
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(kept, picture);
  expect(picture).toBe(readFileSync(kept, 'utf8'));
});

it('shows lanes, a legend, misses and overheads, says what it leaves out, and escapes names', () => {
  const trace = new Trace({ segmentsMax: 2, jobsMax: 10 });
  trace.addSegment(0, 0, 0, 0, 40, 0);
  trace.addSegment(0, 1, 0, 40, 90, 5);
  trace.addSegment(0, 0, 1, 90, 95, 0);
  trace.addJob(0, 0, 0, 0, 30, 0, 40);
  trace.addJob(1, 0, 0, 0, 200, 40, 90);
  const picture = drawGantt({
    title: 'a < b & "c"',
    cores: 1,
    tasks: [
      { name: '<script>', note: '' },
      { name: 'b', note: '50 µs' },
    ],
    trace,
    endUs: 100,
  });
  expect(picture.match(/class="lane"/g)).toHaveLength(1);
  expect(picture.match(/class="job"/g)).toHaveLength(2);
  expect(picture.match(/class="miss"/g)).toHaveLength(1);
  expect(picture.match(/class="overhead"/g)).toHaveLength(1);
  expect(picture).toContain('the trace ends at 90 µs of 100 µs');
  expect(picture).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
  expect(picture).not.toContain('<script>');
  expect(picture).toContain('prefers-color-scheme:dark');
});
