/** The picture of `docs/RECEIVING.md`, drawn from what `drover bench receive --json` printed and from nothing else. */
import { RECEIVE_STRATEGIES } from '../../domain/checkpoint/receiving.ts';
import type { ReceiveBench, ReceiveResult } from './receive.ts';

interface Panel {
  readonly title: string;
  readonly unit: string;
  /** The pale part stands behind the full one. */
  readonly value: (result: ReceiveResult) => number;
  readonly pale: (result: ReceiveResult) => number;
  readonly legend: string;
}

const PANELS: readonly Panel[] = [
  {
    title: 'bytes on the wire',
    unit: 'KiB/s',
    value: ({ wireInKib }) => wireInKib,
    pale: ({ wireInKib, wireOutKib }) => wireInKib + wireOutKib,
    legend: 'full: into the server; pale: and out of it',
  },
  {
    title: 'age of the newest durable state',
    unit: 'ms',
    value: ({ ageMs }) => ageMs.p50,
    pale: ({ ageMs }) => ageMs.p99,
    legend: 'full: p50; pale: p99',
  },
  {
    title: 'processor',
    unit: '% of a core',
    value: ({ managersCpuPercent }) => managersCpuPercent,
    pale: ({ managersCpuPercent, serverCpuPercent }) => managersCpuPercent + serverCpuPercent,
    legend: 'full: the managers; pale: and the server',
  },
  {
    title: 'most held by an ECU for managers',
    unit: 'KiB',
    value: ({ ecuHeldPeakKib }) => ecuHeldPeakKib,
    pale: ({ ecuHeldPeakKib }) => ecuHeldPeakKib,
    legend: 'beside the tasks’ memory and shadow copies',
  },
  {
    title: 'most resident in a manager',
    unit: 'MiB',
    value: ({ managerPeakMib }) => managerPeakMib,
    pale: ({ managerPeakMib }) => managerPeakMib,
    legend: 'a Node.js process with nothing in it takes some 50',
  },
];

const COLOURS: Readonly<Record<string, string>> = { notify: '#2f6db5', push: '#c2571a', interval: '#3c8d40' };
const [WIDTH, LEFT, RIGHT, TOP] = [760, 170, 110, 64];
const [ROW, GROUP_GAP, PANEL_HEAD, PANEL_GAP] = [16, 8, 36, 22];

export function drawReceive({ work, machine, results }: ReceiveBench): string {
  const percents = [...new Set(results.map(({ dirtyPercent }) => dirtyPercent))];
  const panelHeight = PANEL_HEAD + percents.length * (RECEIVE_STRATEGIES.length * ROW + GROUP_GAP) + PANEL_GAP;
  const height = TOP + PANELS.length * panelHeight;
  const head = `${work.tasks} tasks of ${work.memoryKib} KiB on ${work.ecus} ECUs, a checkpoint each ${work.checkpointMs} ms, ${work.managers} managers, rounds of ${work.intervalMs} ms`;
  const foot = `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, load before ${machine.loadBefore}`;
  const panels = PANELS.flatMap((panel, at) => drawPanel(panel, { results, percents, y: TOP + at * panelHeight }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>What the three receiving strategies cost on the same work</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, head, 'font-weight="bold"'),
    text(16, 42, foot, 'fill="#555555"'),
    ...panels,
    '</svg>',
    '',
  ].join('\n');
}

function drawPanel(
  panel: Panel,
  {
    results,
    percents,
    y,
  }: { readonly results: readonly ReceiveResult[]; readonly percents: readonly number[]; readonly y: number },
): string[] {
  const most = Math.max(1, ...results.map((result) => panel.pale(result)));
  const scale = (value: number): number => Math.round(((WIDTH - LEFT - RIGHT) * value * 10) / most) / 10;
  const lines = [
    text(16, y + 14, `${panel.title}, ${panel.unit}`, 'font-weight="bold"'),
    text(16, y + 28, panel.legend, 'fill="#555555" font-size="10"'),
  ];
  let at = y + PANEL_HEAD;
  for (const percent of percents) {
    lines.push(text(16, at + 1.5 * ROW + 4, `${percent} % changed`));
    for (const strategy of RECEIVE_STRATEGIES) {
      const result = results.find((one) => one.strategy === strategy && one.dirtyPercent === percent);
      if (result === undefined) continue;
      const [value, pale] = [panel.value(result), panel.pale(result)];
      const colour = COLOURS[strategy] ?? '#000000';
      lines.push(
        text(LEFT - 8, at + 12, strategy, 'text-anchor="end"'),
        `<rect x="${LEFT}" y="${at + 2}" width="${scale(pale)}" height="${ROW - 4}" fill="${colour}" opacity="0.35"/>`,
        `<rect x="${LEFT}" y="${at + 2}" width="${scale(value)}" height="${ROW - 4}" fill="${colour}"/>`,
        text(LEFT + scale(pale) + 6, at + 12, value === pale ? shown(value) : `${shown(value)} / ${shown(pale)}`),
      );
      at += ROW;
    }
    at += GROUP_GAP;
  }
  return lines;
}

const shown = (value: number): string => (value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10));

const text = (x: number, y: number, words: string, attributes = ''): string =>
  `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
