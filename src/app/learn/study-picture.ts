/** The pictures of the study: one each for accuracy, time to answer and time to train; a panel a network, a line a depth, width to the right. */
import type { Study, StudyResult } from './study.ts';

interface Picture {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

interface Scale {
  readonly least: number;
  readonly most: number;
  readonly logarithmic: boolean;
  readonly unit: string;
}

const COLOURS = ['#2f6db5', '#c2571a', '#3c8d40', '#7a4fa3'];
const [PANEL_WIDTH, PANEL_HEIGHT, LEFT, TOP, GAP] = [230, 190, 56, 64, 26];

export function drawStudy(study: Study): readonly Picture[] {
  const backends = [...new Set(study.results.flatMap(({ backends: all }) => all.map(({ backend }) => backend)))];
  const backendTime = (name: string, value: (times: StudyResult['backends'][number]) => number) => (result: StudyResult) => {
    const times = result.backends.find(({ backend }) => backend === name);
    return times === undefined ? Number.NaN : value(times);
  };
  return [
    draw(study, {
      name: 'accuracy',
      title: 'Accuracy against width, a line a depth',
      unit: '%',
      logarithmic: false,
      value: ({ accuracy }) => 100 * accuracy,
    }),
    draw(study, {
      name: 'answer',
      title: 'Time to answer one set on typed arrays, with its features',
      unit: 'µs',
      logarithmic: true,
      value: ({ answerUs }) => answerUs,
    }),
    ...backends.flatMap((backend) => [
      draw(study, {
        name: `train-${backend}`,
        title: `Time to train on a thousand sets once, ${backend}`,
        unit: 'ms',
        logarithmic: true,
        value: backendTime(backend, ({ trainMsPerThousand }) => trainMsPerThousand),
      }),
      draw(study, {
        name: `answer-${backend}`,
        title: `Time to answer one set in a batch of 256, ${backend}`,
        unit: 'µs',
        logarithmic: true,
        value: backendTime(backend, ({ answerUs }) => answerUs),
      }),
    ]),
  ];
}

interface Drawn {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly logarithmic: boolean;
  readonly value: (result: StudyResult) => number;
}

function draw({ results, machine }: Study, { name, title, unit, logarithmic, value }: Drawn): Picture {
  const networks = [...new Set(results.map(({ network }) => network))];
  const values = results.map(value).filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale: Scale = logarithmic
    ? { least: 10 ** Math.floor(Math.log10(low)), most: 10 ** Math.ceil(Math.log10(high) + 1e-9), logarithmic, unit }
    : { least: Math.floor(low / 5) * 5, most: Math.ceil(high / 5) * 5, logarithmic, unit };
  const width = LEFT + networks.length * (PANEL_WIDTH + GAP) + 10;
  const height = TOP + PANEL_HEIGHT + 60;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 20, `${title} (${unit})`, 'font-weight="bold" font-size="13"'),
    text(12, 36, `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`, 'fill="#555555"'),
    ...networks.flatMap((network, at) =>
      panel(
        network,
        results.filter((result) => result.network === network),
        { x: LEFT + at * (PANEL_WIDTH + GAP), scale, value },
      ),
    ),
    '</svg>',
    '',
  ].join('\n');
  return { name, title, svg };
}

function panel(
  network: string,
  results: readonly StudyResult[],
  { x, scale, value }: { readonly x: number; readonly scale: Scale; readonly value: (result: StudyResult) => number },
): string[] {
  const widths = [...new Set(results.map(({ width }) => width))].sort((a, b) => a - b);
  const depths = [...new Set(results.map(({ depth }) => depth))].sort((a, b) => a - b);
  const xOf = (width: number): number => x + 20 + (widths.indexOf(width) * (PANEL_WIDTH - 40)) / Math.max(1, widths.length - 1);
  const share = (v: number): number =>
    scale.logarithmic
      ? Math.log(v / scale.least) / Math.log(scale.most / scale.least)
      : (v - scale.least) / (scale.most - scale.least);
  const yOf = (v: number): number => TOP + PANEL_HEIGHT - share(v) * PANEL_HEIGHT;
  const lines = [
    `<rect x="${x}" y="${TOP}" width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="none" stroke="#bbbbbb"/>`,
    text(x + 6, TOP - 6, network, 'font-weight="bold"'),
    text(x + PANEL_WIDTH / 2, TOP + PANEL_HEIGHT + 30, 'width', 'text-anchor="middle" fill="#555555"'),
  ];
  for (const tick of ticksOf(scale)) {
    const y = round(yOf(tick));
    lines.push(
      `<line x1="${x}" y1="${y}" x2="${x + PANEL_WIDTH}" y2="${y}" stroke="#eeeeee"/>`,
      text(x - 4, y + 4, String(tick), 'text-anchor="end" fill="#555555"'),
    );
  }
  for (const width of widths)
    lines.push(text(round(xOf(width)), TOP + PANEL_HEIGHT + 15, String(width), 'text-anchor="middle"'));
  for (const [k, depth] of depths.entries()) {
    const points = results.filter((result) => result.depth === depth && Number.isFinite(value(result)));
    const colour = COLOURS[k % COLOURS.length];
    const path = points.map((result) => `${round(xOf(result.width))},${round(yOf(value(result)))}`).join(' ');
    lines.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`);
    for (const result of points)
      lines.push(`<circle cx="${round(xOf(result.width))}" cy="${round(yOf(value(result)))}" r="2.5" fill="${colour}"/>`);
    lines.push(text(x + 70 + k * 50, TOP - 6, `depth ${depth}`, `fill="${colour}"`));
  }
  return lines;
}

function ticksOf({ least, most, logarithmic }: Scale): number[] {
  const ticks: number[] = [];
  if (logarithmic) for (let tick = least; tick <= most * 1.001; tick *= 10) ticks.push(Number(tick.toPrecision(3)));
  else for (let tick = least; tick <= most; tick += 5) ticks.push(tick);
  return ticks;
}

const round = (value: number): number => Math.round(value * 10) / 10;

const text = (x: number, y: number, words: string, attributes = ''): string =>
  `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
