/**
 * The picture of an evaluation: how large errors are over those of the last value, by horizon, a dot a series and a bar for their geometric mean;
 * and how often the 80 % band holds. Plain SVG, numbers rounded, the same result always gives the same bytes.
 */
import type { ModelScore, SeriesReport } from './evaluate-series.ts';
import { OURS } from './evaluate-series.ts';

const [PANEL_WIDTH, PANEL_HEIGHT, LEFT, TOP, GAP] = [250, 240, 48, 62, 56];
const MODELS: Readonly<Record<string, string>> = { [OURS]: '#1f6f8b', ses: '#b0653a', seasonalNaive: '#7a7a7a' };

interface Panel {
  readonly title: string;
  readonly value: (row: ModelScore) => number | undefined;
  readonly ticks: readonly number[];
  /** Where the axis goes: 0 at the bottom, 1 at the top. */
  readonly place: (value: number) => number;
  readonly mark: readonly number[];
  readonly mean: (values: readonly number[]) => number;
}

const [RATIO_LEAST, RATIO_MOST] = [0.25, 2];
const logarithmic = (value: number): number => Math.log(value / RATIO_LEAST) / Math.log(RATIO_MOST / RATIO_LEAST);
const geometric = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, each) => sum + Math.log(each), 0) / values.length);
const RATIO = { ticks: [0.25, 0.5, 0.75, 1, 1.5, 2], place: logarithmic, mark: [1], mean: geometric };
const PANELS: readonly Panel[] = [
  { title: 'MAE over the last value’s', value: (row) => row.relMae, ...RATIO },
  { title: 'CRPS over the last value’s', value: (row) => row.relCrps, ...RATIO },
  {
    title: 'Share within the 80 % band',
    value: (row) => row.coverage80,
    ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    place: (value) => value,
    mark: [0.78, 0.82],
    mean: (values) => values.reduce((sum, each) => sum + each, 0) / values.length,
  },
];

export function drawForecastSummary(reports: readonly SeriesReport[]): string {
  const rows = reports.flatMap(({ results }) => results);
  const horizons = [...new Set(rows.map(({ horizon }) => horizon))];
  const models = Object.keys(MODELS).filter((model) => rows.some((row) => row.model === model));
  const width = PANELS.length * (PANEL_WIDTH + GAP) + LEFT - 20;
  const height = TOP + PANEL_HEIGHT + 44;
  const parts = PANELS.map((panel, at) => drawPanel(panel, { rows, horizons, models, left: LEFT + at * (PANEL_WIDTH + GAP) }));
  const legend = models.map((model, at) => {
    const x = LEFT + at * 150;
    return `<circle cx="${x}" cy="22" r="5" fill="${MODELS[model]}"/><text x="${x + 10}" y="26">${model}</text>`;
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Errors of forecasts over those of the last value, and how often the 80 % band holds</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...legend,
    `<text x="${LEFT + models.length * 150}" y="26" fill="#555">${reports.length} series; a dot each, a bar for their mean</text>`,
    ...parts,
    '</svg>',
  ].join('\n')}\n`;
}

interface Drawn {
  readonly rows: readonly ModelScore[];
  readonly horizons: readonly number[];
  readonly models: readonly string[];
  readonly left: number;
}

function drawPanel({ title, value, ticks, place, mark, mean }: Panel, { rows, horizons, models, left }: Drawn): string {
  const y = (shown: number): number => round(TOP + PANEL_HEIGHT * (1 - Math.max(0, Math.min(1, place(shown)))));
  const slot = PANEL_WIDTH / horizons.length;
  const parts = [`<text x="${left}" y="${TOP - 14}" font-weight="bold">${title}</text>`];
  for (const tick of ticks) {
    parts.push(`<line x1="${left}" x2="${left + PANEL_WIDTH}" y1="${y(tick)}" y2="${y(tick)}" stroke="#e4e4e4"/>`);
    parts.push(`<text x="${left - 6}" y="${y(tick) + 4}" text-anchor="end" fill="#555">${tick}</text>`);
  }
  for (const line of mark)
    parts.push(
      `<line x1="${left}" x2="${left + PANEL_WIDTH}" y1="${y(line)}" y2="${y(line)}" stroke="#333" stroke-dasharray="4 3"/>`,
    );
  for (const [h, horizon] of horizons.entries()) {
    const middle = left + slot * (h + 0.5);
    parts.push(`<text x="${round(middle)}" y="${TOP + PANEL_HEIGHT + 18}" text-anchor="middle">${horizon}</text>`);
    for (const [m, model] of models.entries()) {
      const x = round(middle + (m - (models.length - 1) / 2) * (slot / (models.length + 0.6)));
      const values = rows
        .filter((row) => row.horizon === horizon && row.model === model)
        .map(value)
        .filter((each) => each !== undefined && each > 0) as number[];
      if (values.length === 0) continue;
      for (const each of values)
        parts.push(`<circle cx="${x}" cy="${y(each)}" r="2.4" fill="${MODELS[model]}" fill-opacity="0.35"/>`);
      const bar = y(mean(values));
      parts.push(
        `<line x1="${round(x - 9)}" x2="${round(x + 9)}" y1="${bar}" y2="${bar}" stroke="${MODELS[model]}" stroke-width="3"/>`,
      );
    }
  }
  parts.push(
    `<text x="${left + PANEL_WIDTH / 2}" y="${TOP + PANEL_HEIGHT + 36}" text-anchor="middle" fill="#555">steps ahead</text>`,
  );
  return parts.join('\n');
}

const round = (value: number): number => Math.round(value * 10) / 10;
