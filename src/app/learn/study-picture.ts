/**
 * The pictures of the study: what accuracy costs in time (all networks together), then one each for accuracy, time to answer and time to train: a
 * panel a network, a line a depth, width to the right.
 */
import type { Study, StudyResult } from './study-result.ts';

interface Picture {
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

interface Scale {
  readonly least: number;
  readonly most: number;
  readonly logarithmic: boolean;
}

const COLOURS = ['#2f6db5', '#c2571a', '#3c8d40', '#7a4fa3', '#8a6d1d', '#1d8a8a', '#b53a6a', '#555555'];
const [PANEL_WIDTH, PANEL_HEIGHT, LEFT, TOP, GAP] = [220, 190, 56, 70, 44];
/** Room for a title, even over one panel. */
const WIDTH_LEAST = 560;
/** With more depths than this a panel has no room for the word before each. */
const DEPTHS_NAMED = 3;
/** Its accuracy is that of others who learned from its sets: another measure, with a scale of its own. */
const TWIN = 'gan';
const colourOf = (k: number): string => COLOURS[k % COLOURS.length] as string;
/** Of the picture with all networks that answer yes or no. */
const [WIDE, TALL] = [760, 380];

export function drawStudy(study: Study): readonly Picture[] {
  const backends = [...new Set(study.results.flatMap(({ backends: all }) => all.map(({ backend }) => backend)))];
  const backendTime = (name: string, value: (times: StudyResult['backends'][number]) => number) => (result: StudyResult) => {
    const times = result.backends.find(({ backend }) => backend === name);
    return times === undefined ? Number.NaN : value(times);
  };
  return [
    drawTradeOff(study),
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
        title: `Time to answer one set in a batch of 128, ${backend}`,
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
  const scaleFor = (some: readonly StudyResult[]): Scale => scaleOf(some.map(value), logarithmic);
  const twin = results.filter(({ network }) => network === TWIN);
  const others = results.filter(({ network }) => network !== TWIN);
  // Times are the same measure for all.
  const [shared, ofTwin] =
    logarithmic || others.length === 0 ? [scaleFor(results), scaleFor(results)] : [scaleFor(others), scaleFor(twin)];
  const width = Math.max(WIDTH_LEAST, LEFT + networks.length * (PANEL_WIDTH + GAP) + 10);
  const height = TOP + PANEL_HEIGHT + 40;
  const svg = [
    ...headOf({ width, height, title: `${title} (${unit})`, machine }),
    ...networks.flatMap((network, at) =>
      panel(
        network,
        results.filter((result) => result.network === network),
        { x: LEFT + at * (PANEL_WIDTH + GAP), scale: network === TWIN ? ofTwin : shared, value },
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
  const yOf = (v: number): number => TOP + PANEL_HEIGHT - shareOf(scale, v) * PANEL_HEIGHT;
  const lines = [
    `<rect x="${x}" y="${TOP}" width="${PANEL_WIDTH}" height="${PANEL_HEIGHT}" fill="none" stroke="#bbbbbb"/>`,
    text(x, TOP - 6, network, 'font-weight="bold"'),
    text(x + PANEL_WIDTH / 2, TOP + PANEL_HEIGHT + 30, 'width', 'text-anchor="middle" fill="#555555"'),
  ];
  for (const tick of ticksOf(scale)) {
    const y = round(yOf(tick));
    lines.push(
      `<line x1="${x}" y1="${y}" x2="${x + PANEL_WIDTH}" y2="${y}" stroke="#eeeeee"/>`,
      text(x - 4, y + 4, counted(tick), 'text-anchor="end" fill="#555555"'),
    );
  }
  for (const width of widths)
    lines.push(text(round(xOf(width)), TOP + PANEL_HEIGHT + 15, String(width), 'text-anchor="middle"'));
  if (depths.length > DEPTHS_NAMED) lines.push(text(x + 62, TOP - 6, 'depth', 'fill="#555555"'));
  for (const [k, depth] of depths.entries()) {
    const points = results.filter((result) => result.depth === depth && Number.isFinite(value(result)));
    const colour = colourOf(k);
    const path = points.map((result) => `${round(xOf(result.width))},${round(yOf(value(result)))}`).join(' ');
    lines.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`);
    for (const result of points)
      lines.push(`<circle cx="${round(xOf(result.width))}" cy="${round(yOf(value(result)))}" r="2.5" fill="${colour}"/>`);
    lines.push(
      depths.length <= DEPTHS_NAMED
        ? text(x + 62 + k * 54, TOP - 6, `depth ${depth}`, `fill="${colour}"`)
        : text(x + 98 + k * 14, TOP - 6, String(depth), `fill="${colour}" font-weight="bold"`),
    );
  }
  return lines;
}

/** Accuracy upwards, time of one answer to the right: what is up and to the left of everything else is worth its time. */
function drawTradeOff({ results: all, machine }: Study): Picture {
  const title = 'What accuracy costs: one point a size, time of one answer on typed arrays (µs)';
  const answering = all.filter(({ network }) => network !== TWIN);
  const results = answering.length > 0 ? answering : all;
  const networks = [...new Set(results.map(({ network }) => network))];
  const across = scaleOf(
    results.map(({ answerUs }) => answerUs),
    true,
  );
  const upwards = scaleOf(
    results.map(({ accuracy }) => 100 * accuracy),
    false,
  );
  const [right, bottom] = [LEFT + WIDE, TOP + TALL];
  const xOf = (us: number): number => round(LEFT + shareOf(across, us) * WIDE);
  const yOf = (percent: number): number => round(bottom - shareOf(upwards, percent) * TALL);
  const svg = headOf({ width: right + 30, height: bottom + 40, title, machine });
  for (const tick of ticksOf(upwards)) {
    svg.push(
      `<line x1="${LEFT}" y1="${yOf(tick)}" x2="${right}" y2="${yOf(tick)}" stroke="#eeeeee"/>`,
      text(LEFT - 4, yOf(tick) + 4, `${tick} %`, 'text-anchor="end" fill="#555555"'),
    );
  }
  for (const tick of ticksOf(across)) {
    svg.push(
      `<line x1="${xOf(tick)}" y1="${TOP}" x2="${xOf(tick)}" y2="${bottom}" stroke="#eeeeee"/>`,
      text(xOf(tick), bottom + 16, counted(tick), 'text-anchor="middle" fill="#555555"'),
    );
  }
  svg.push(
    `<rect x="${LEFT}" y="${TOP}" width="${WIDE}" height="${TALL}" fill="none" stroke="#bbbbbb"/>`,
    text(LEFT + WIDE / 2, bottom + 32, 'µs an answer, features included', 'text-anchor="middle" fill="#555555"'),
  );
  for (const [k, network] of networks.entries())
    svg.push(text(LEFT + k * 60, TOP - 8, `● ${network}`, `fill="${colourOf(k)}" font-weight="bold"`));
  let named = 0;
  for (const { network, answerUs, accuracy, width, depth } of [...results].sort((a, b) => a.answerUs - b.answerUs)) {
    const [x, y, colour] = [xOf(answerUs), yOf(100 * accuracy), colourOf(networks.indexOf(network))];
    const isBeaten = results.some(
      (other) =>
        (other.answerUs < answerUs && other.accuracy >= accuracy) || (other.answerUs === answerUs && other.accuracy > accuracy),
    );
    svg.push(`<circle cx="${x}" cy="${y}" r="${isBeaten ? 3 : 4.5}" fill="${colour}" fill-opacity="${isBeaten ? 0.45 : 1}"/>`);
    // Above and below in turn, so that neighbours leave each other room.
    if (!isBeaten)
      svg.push(
        text(x, y + (named++ % 2 === 0 ? -8 : 17), `${depth}×${width}`, `text-anchor="middle" font-size="10" fill="${colour}"`),
      );
  }
  svg.push(text(right, TOP - 8, 'named: depth×width of those that none quicker equals', 'text-anchor="end" fill="#555555"'));
  return { name: 'trade-off', title, svg: [...svg, '</svg>', ''].join('\n') };
}

function headOf({
  width,
  height,
  title,
  machine,
}: { readonly width: number; readonly height: number; readonly title: string } & Pick<Study, 'machine'>): string[] {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(12, 20, title, 'font-weight="bold" font-size="13"'),
    text(12, 36, `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`, 'fill="#555555"'),
  ];
}

const STEPS = [1, 2, 5];
/** More of them are not labelled but for the powers of ten. */
const TICKS_MOST = 7;

/** Logarithmic from a 1, 2 or 5 to another; otherwise in whole steps. */
function scaleOf(values: readonly number[], logarithmic: boolean): Scale {
  const finite = values.filter((value) => Number.isFinite(value) && value > 0);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  if (!logarithmic) {
    const step = stepOf(high - low);
    return { least: Math.floor(low / step) * step, most: Math.ceil(high / step + 1e-9) * step, logarithmic };
  }
  const all = marks(low / 10, high * 10);
  // A little room beside the outermost ones, so that no point and no name lies on the frame.
  const least = all.findLast((mark) => mark <= low * 0.95) ?? low;
  return { least, most: all.find((mark) => mark >= high * 1.05) ?? high, logarithmic };
}

const stepOf = (range: number): number => (range <= 6 ? 1 : range <= 14 ? 2 : 5);

function marks(from: number, to: number): number[] {
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
    all.push(...STEPS.map((step) => Number((step * 10 ** power).toPrecision(3))));
  }
  return all;
}

const shareOf = ({ least, most, logarithmic }: Scale, value: number): number =>
  logarithmic ? Math.log(value / least) / Math.log(most / least) : (value - least) / (most - least);

function ticksOf({ least, most, logarithmic }: Scale): number[] {
  if (!logarithmic) {
    const step = stepOf(most - least);
    const first = Math.ceil(least / step - 1e-9) * step;
    return Array.from({ length: Math.floor((most - first) / step + 1e-9) + 1 }, (_, k) => first + step * k);
  }
  const all = marks(least, most).filter((mark) => mark >= least && mark <= most);
  return all.length <= TICKS_MOST ? all : all.filter((mark) => Number.isInteger(Math.round(1e9 * Math.log10(mark)) / 1e9));
}

/** 10,000 and not 10000; what is below one keeps its point. */
const counted = (tick: number): string => (tick < 1_000 ? String(tick) : tick.toLocaleString('en-US'));

const round = (value: number): number => Math.round(value * 10) / 10;

const text = (x: number, y: number, words: string, attributes = ''): string =>
  `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
