/**
 * A trace as a picture: a lane for each core with what ran on it, and below a row for each task with its releases, deadlines
 * and misses. A pure function of what it is given; equal traces give equal text.
 *
 * It has no background of its own, and what is not a task's colour follows the reader's choice of light or dark. Where marks
 * would lie closer than they are wide they are left out, misses excepted; the foot of the picture says what is not shown.
 */
import type { Segment, Trace, TracedJob } from './trace.ts';

export interface GanttOptions {
  readonly title: string;
  readonly cores: number;
  /** In the order of the trace's numbers; `note` stands small beside the name, e.g. its period. */
  readonly tasks: readonly { readonly name: string; readonly note: string }[];
  readonly trace: Trace;
  readonly endUs: number;
}

const [WIDTH, LEFT, RIGHT] = [1000, 190, 20];
const [HEAD, LANE, LANE_GAP, ROW, AXIS] = [40, 26, 8, 22, 34];
const PLOT = WIDTH - LEFT - RIGHT;
/** Narrower than this between two marks of a row, and they are left out. */
const MARK_PITCH = 5;

/** Told apart on white and on black, also by most who see colours differently (Okabe & Ito, a little deepened). */
const COLOURS = ['#0f7fc0', '#e08a00', '#0b9a72', '#c85a93', '#4fa8dc', '#c8501e', '#9a8c00', '#7a63c7', '#6f8f2f', '#8a6d5b'];

const STYLE = [
  'text{font-family:sans-serif;font-size:12px;fill:#24292f}',
  '.small{font-size:10px;fill:#57606a}',
  '.grid{stroke:#8c959f;stroke-opacity:.35}',
  '.lane{fill:#8c959f;fill-opacity:.14}',
  '.job{stroke:#fff;stroke-opacity:.7;stroke-width:.6}',
  '.mark{stroke:#57606a;fill:#57606a}',
  '.miss{stroke:#d1242f;stroke-width:2;fill:none}',
  '.late{fill:#d1242f;fill-opacity:.3}',
  '.overhead{fill:#000;fill-opacity:.45}',
  '.inside{font-size:10px;fill:#fff}',
  '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9da7b3}.mark{stroke:#9da7b3;fill:#9da7b3}.inside{fill:#fff}.miss{stroke:#ff6b6b}.late{fill:#ff6b6b}}',
].join('');

export function drawGantt(options: GanttOptions): string {
  const { title, cores, tasks, trace } = options;
  const segments = [...trace.segments()];
  const jobs = [...trace.jobs()];
  const endUs = shownUntil(options, segments);
  const tick = tickUs(endUs);
  const x = (us: number): number => rounded(LEFT + (us / endUs) * PLOT);
  const lanesBottom = HEAD + cores * (LANE + LANE_GAP);
  const rowsBottom = lanesBottom + tasks.length * ROW + 6;
  const height = rowsBottom + AXIS + 22;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    `<text x="${LEFT}" y="20" font-weight="bold">${escaped(title)}</text>`,
    ...axis({ endUs, tick, x, top: HEAD - 6, bottom: rowsBottom }),
  ];
  for (let core = 0; core < cores; core++) {
    const y = HEAD + core * (LANE + LANE_GAP);
    lines.push(
      `<text x="${LEFT - 10}" y="${y + LANE / 2 + 4}" text-anchor="end">core ${core}</text>`,
      `<rect class="lane" x="${LEFT}" y="${y}" width="${PLOT}" height="${LANE}"/>`,
    );
    for (const segment of segments)
      if (segment.core === core && segment.startUs < endUs) lines.push(...laneBlock(segment, { x, y, endUs, tasks }));
  }
  let crowded = false;
  for (const [task, { name, note }] of tasks.entries()) {
    const y = lanesBottom + 4 + task * ROW;
    lines.push(
      `<rect x="12" y="${y + 5}" width="11" height="11" rx="2" fill="${colourOf(task)}"/>`,
      `<text x="30" y="${y + 15}">${escaped(clipped(name, 11))}</text>`,
      `<text class="small" x="${LEFT - 10}" y="${y + 15}" text-anchor="end">${escaped(note)}</text>`,
      `<path class="grid" d="M${LEFT} ${y + ROW - 3.5}H${LEFT + PLOT}"/>`,
    );
    for (const { task: ran, startUs, endUs: stopUs } of segments) {
      if (ran !== task || startUs >= endUs) continue;
      const [from, to] = [x(startUs), x(Math.min(stopUs, endUs))];
      lines.push(
        `<rect x="${from}" y="${y + 8}" width="${atLeastSeen(to - from)}" height="${ROW - 12}" fill="${colourOf(task)}"/>`,
      );
    }
    const own = jobs.filter((job) => job.task === task);
    const pitch = own.length < 2 ? PLOT : (PLOT * Math.min(endUs, latestRelease(own))) / endUs / own.length;
    if (pitch < MARK_PITCH) crowded = true;
    for (const job of own) lines.push(...jobMarks(job, { x, y, endUs, marks: pitch >= MARK_PITCH }));
  }
  const foot = [
    '▲ release',
    '▼ deadline',
    '✕ deadline missed',
    ...(segments.some(({ overheadUs }) => overheadUs > 0) ? ['dark: overhead of resuming'] : []),
    ...(crowded ? ['releases and deadlines of dense rows are not drawn'] : []),
    ...(endUs < options.endUs ? [`the trace ends at ${timeText(endUs)} of ${timeText(options.endUs)}`] : []),
  ].join('   ');
  lines.push(`<text class="small" x="${LEFT}" y="${height - 8}">${foot}</text>`, '</svg>', '');
  return lines.join('\n');
}

/** A trace that was full before the end shows only as much as it holds of all cores. */
function shownUntil({ endUs, trace }: GanttOptions, segments: readonly Segment[]): number {
  if (trace.droppedSegments === 0) return endUs;
  const last = new Map<number, number>();
  for (const segment of segments) last.set(segment.core, segment.endUs);
  return Math.max(1, Math.min(endUs, ...last.values()));
}

const latestRelease = (jobs: readonly TracedJob[]): number => Math.max(1, ...jobs.map(({ releaseUs }) => releaseUs));

interface Row {
  readonly x: (us: number) => number;
  readonly y: number;
  readonly endUs: number;
}

function laneBlock(
  { task, startUs, endUs: stopUs, overheadUs }: Segment,
  { x, y, endUs, tasks }: Row & { readonly tasks: GanttOptions['tasks'] },
): string[] {
  const [from, to] = [x(startUs), x(Math.min(stopUs, endUs))];
  const width = atLeastSeen(to - from);
  const name = tasks[task]?.name ?? '';
  const lines = [
    `<rect class="job" x="${from}" y="${y + 2}" width="${width}" height="${LANE - 4}" fill="${colourOf(task)}"><title>${escaped(name)} ${timeText(startUs)} to ${timeText(stopUs)}</title></rect>`,
  ];
  if (overheadUs > 0) {
    const until = x(Math.min(startUs + overheadUs, endUs));
    lines.push(`<rect class="overhead" x="${from}" y="${y + 2}" width="${atLeastSeen(until - from)}" height="${LANE - 4}"/>`);
  }
  if (width >= 8 + name.length * 6.5)
    lines.push(
      `<text class="inside" x="${rounded(from + width / 2)}" y="${y + LANE / 2 + 3.5}" text-anchor="middle">${escaped(name)}</text>`,
    );
  return lines;
}

function jobMarks(
  { releaseUs, deadlineUs, finishUs }: TracedJob,
  { x, y, endUs, marks }: Row & { readonly marks: boolean },
): string[] {
  const lines: string[] = [];
  const foot = y + ROW - 3.5;
  if (marks && releaseUs <= endUs) {
    const at = x(releaseUs);
    lines.push(`<path class="mark" d="M${at} ${foot}v-9m-2 3l2 -3l2 3z"/>`);
  }
  if (deadlineUs > endUs) return lines;
  const at = x(deadlineUs);
  const missed = finishUs === undefined || finishUs > deadlineUs;
  if (marks) lines.push(`<path class="mark" d="M${at} ${y + 1}v7m-2 -3l2 3l2 -3z"/>`);
  if (missed) {
    const until = x(Math.min(finishUs ?? endUs, endUs));
    lines.push(
      `<rect class="late" x="${at}" y="${y + 2}" width="${atLeastSeen(until - at)}" height="${ROW - 6}"/>`,
      `<path class="miss" d="M${rounded(at - 4)} ${y + 5}l8 8m0 -8l-8 8"/>`,
    );
  }
  return lines;
}

function axis({
  endUs,
  tick,
  x,
  top,
  bottom,
}: {
  readonly endUs: number;
  readonly tick: number;
  readonly x: (us: number) => number;
  readonly top: number;
  readonly bottom: number;
}): string[] {
  const [unit, perUnit] = unitOf(tick);
  const lines: string[] = [];
  for (let us = 0; us <= endUs; us += tick) {
    lines.push(
      `<path class="grid" d="M${x(us)} ${top}V${bottom}"/>`,
      `<text class="small" x="${x(us)}" y="${bottom + 14}" text-anchor="middle">${rounded(us / perUnit)}</text>`,
    );
  }
  lines.push(`<text class="small" x="${LEFT - 10}" y="${bottom + 14}" text-anchor="end">time, ${unit}</text>`);
  return lines;
}

/** Some ten ticks of 1, 2 or 5 times a power of ten. */
function tickUs(endUs: number): number {
  let power = 1;
  while (power * 100 <= endUs) power *= 10;
  return [1, 2, 5, 10].map((step) => step * power).find((step) => endUs / step <= 12) ?? power * 10;
}

function unitOf(us: number): readonly [string, number] {
  if (us >= 1_000_000) return ['s', 1_000_000];
  return us >= 1000 ? ['ms', 1000] : ['µs', 1];
}

function timeText(us: number): string {
  const [unit, perUnit] = unitOf(us);
  return `${us / perUnit} ${unit}`;
}

/** Beyond the ten, hues a golden angle apart. */
const colourOf = (task: number): string => COLOURS[task] ?? `hsl(${Math.round((task * 137.508) % 360)} 55% 50%)`;
const rounded = (value: number): number => Math.round(value * 100) / 100;
const atLeastSeen = (width: number): number => Math.max(0.4, rounded(width));
const clipped = (name: string, most: number): string => (name.length <= most ? name : `${name.slice(0, most - 1)}…`);
const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
