/** The picture of `docs/SCALE.md`, drawn from what `drover bench scale --json` printed and from nothing else. */
import type { ScaleBench } from './scale.ts';
import type { ScaleResult } from './scale-run.ts';

interface Panel {
  readonly title: string;
  readonly lines: readonly { readonly name: string; readonly value: (result: ScaleResult) => number | undefined }[];
}

const PANELS: readonly Panel[] = [
  {
    title: 'ms until all tasks of the lost rack run elsewhere',
    lines: [
      { name: 'all managers live', value: ({ rack }) => rack.settledMs },
      { name: 'after a manager died', value: ({ rackWithoutManager }) => rackWithoutManager?.settledMs },
    ],
  },
  {
    title: 'messages a second to one manager at rest, and ECUs that it watches',
    lines: [
      { name: 'messages', value: ({ rest }) => rest.messagesToManager },
      { name: 'ECUs', value: ({ rest }) => rest.largestShare },
    ],
  },
  {
    title: 'messages in the fleet for each task of the lost rack, heartbeats included',
    lines: [{ name: 'messages a task', value: ({ rack }) => rack.messages / Math.max(1, rack.tasks) }],
  },
  {
    title: 'µs of wall time for each decision while all tasks are placed (the whole world on one core)',
    lines: [{ name: 'µs a decision', value: ({ place }) => 1_000_000 / Math.max(1, place.decisionsPerSecond) }],
  },
  { title: 'MiB resident at most (the whole world in one process)', lines: [{ name: 'MiB', value: (one) => one.peakRssMib }] },
];

const COLOURS = ['#2f6db5', '#c2571a'];
const [WIDTH, LEFT, RIGHT, TOP] = [760, 60, 150, 64];
const [PLOT, HEAD, FOOT] = [120, 26, 34];

export function drawScale({ machine, tasksPerEcu, results }: ScaleBench): string {
  const height = TOP + PANELS.length * (HEAD + PLOT + FOOT);
  const head = `drover’s own code in a simulated world: fleets by size, ${tasksPerEcu} tasks for each ECU, one ECU in a hundred lost at once`;
  const foot = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}; both axes logarithmic`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>What a fleet costs by its size</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, head, 'font-weight="bold"'),
    text(16, 42, foot, 'fill="#555555"'),
    ...PANELS.flatMap((panel, at) => drawPanel(panel, results, TOP + at * (HEAD + PLOT + FOOT))),
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel({ title, lines }: Panel, results: readonly ScaleResult[], y: number): string[] {
  const sizes = results.map(({ ecus }) => ecus);
  const values = lines.flatMap(({ value }) => results.flatMap((result) => value(result) ?? []));
  const across = axis(sizes, LEFT, WIDTH - RIGHT);
  const up = axis(values, y + HEAD + PLOT, y + HEAD);
  const drawn = [
    text(16, y + 14, title, 'font-weight="bold"'),
    `<rect x="${LEFT}" y="${y + HEAD}" width="${WIDTH - RIGHT - LEFT}" height="${PLOT}" fill="none" stroke="#cccccc"/>`,
    ...sizes.map((size) => text(across(size), y + HEAD + PLOT + 16, size.toLocaleString('en'), 'text-anchor="middle"')),
    text(WIDTH - RIGHT + 12, y + HEAD + PLOT + 16, 'ECUs', 'fill="#555555"'),
  ];
  lines.forEach(({ name, value }, at) => {
    const colour = COLOURS[at % COLOURS.length] ?? '#000000';
    const points = results.flatMap((result) => {
      const found = value(result);
      return found === undefined ? [] : [{ x: across(result.ecus), y: up(found), found }];
    });
    drawn.push(
      `<polyline points="${points.map(({ x, y: py }) => `${x},${py}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    );
    for (const { x, y: py, found } of points) {
      drawn.push(`<circle cx="${x}" cy="${py}" r="3" fill="${colour}"/>`);
      drawn.push(text(x, py + (at === 0 ? -7 : 16), shown(found), `text-anchor="middle" font-size="10" fill="${colour}"`));
    }
    drawn.push(text(WIDTH - RIGHT + 12, y + HEAD + 14 + 16 * at, name, `fill="${colour}"`));
  });
  return drawn;
}

/** A logarithmic axis with room at both ends. */
function axis(values: readonly number[], from: number, to: number): (value: number) => number {
  const logs = values.map((value) => Math.log10(Math.max(value, 0.1)));
  const least = Math.min(...logs) - 0.15;
  const span = Math.max(0.6, Math.max(...logs) + 0.3 - least);
  return (value) => Math.round((from + ((Math.log10(Math.max(value, 0.1)) - least) / span) * (to - from)) * 10) / 10;
}

const shown = (value: number): string =>
  value >= 10 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10);

const text = (x: number, y: number, words: string, attributes = ''): string =>
  `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
