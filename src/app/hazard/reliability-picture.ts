/**
 * The reliability diagram: what was said (across) against what happened (up), a dot a bin with its area by the rows in it, with the range in
 * which the true share is nine times in ten, beside the diagonal of a forecaster who is right; below, how many rows were said so, on a
 * logarithmic scale. A panel a method.
 */
import type { MethodResult } from '../../domain/hazard/evaluate.ts';

const [SIDE, LEFT, TOP, GAP, BARS] = [260, 64, 78, 70, 56];
const COLOURS: Readonly<Record<MethodResult['method'], string>> = { hazard: '#2f6db5', wiener: '#c2571a' };
const NAMES: Readonly<Record<MethodResult['method'], string>> = {
  hazard: 'discrete-time hazard',
  wiener: 'Wiener first passage',
};
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

export function drawReliability(results: readonly MethodResult[], title: string): string {
  const width = LEFT + results.length * (SIDE + GAP);
  const height = TOP + SIDE + 36 + BARS + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${LEFT}" y="22" font-size="13" font-weight="bold">${escaped(title)}</text>`,
    ...results.flatMap((result, place) => panel(result, LEFT + place * (SIDE + GAP))),
    '</svg>\n',
  ].join('\n');
}

function panel(result: MethodResult, left: number): string[] {
  const { method, reliability, brier, auc, calibrationError, useful } = result;
  const x = (share: number): string => (left + share * SIDE).toFixed(1);
  const y = (share: number): string => (TOP + (1 - share) * SIDE).toFixed(1);
  const bottom = TOP + SIDE;
  const most = Math.max(1, ...reliability.map(({ count }) => count));
  const barsAt = bottom + 36 + BARS;
  const seen = reliability.filter(({ count }) => count > 0);
  const colour = COLOURS[method];
  const figures = `Brier ${brier.toFixed(4)}, AUC ${auc.toFixed(4)}, useful alarms ${(100 * useful).toFixed(0)} %`;
  return [
    `<text x="${left}" y="44" font-weight="bold" fill="${colour}">${NAMES[method]}, off by ${calibrationError.toFixed(4)}</text>`,
    `<text x="${left}" y="60" fill="#555555" font-size="10">${figures}</text>`,
    ...TICKS.flatMap((tick) => [
      `<line x1="${x(0)}" x2="${x(1)}" y1="${y(tick)}" y2="${y(tick)}" stroke="#e4e4e4"/>`,
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="${y(0)}" y2="${y(1)}" stroke="#e4e4e4"/>`,
      `<text x="${left - 6}" y="${Number(y(tick)) + 4}" text-anchor="end">${tick}</text>`,
      `<text x="${x(tick)}" y="${bottom + 15}" text-anchor="middle">${tick}</text>`,
    ]),
    `<text x="${left + SIDE / 2}" y="${bottom + 30}" text-anchor="middle">said</text>`,
    `<text transform="translate(${left - 36} ${TOP + SIDE / 2}) rotate(-90)" text-anchor="middle">happened</text>`,
    `<line x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}" stroke="#888888" stroke-dasharray="4 3"/>`,
    `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${seen.map(({ predicted, observed }) => `${x(predicted)},${y(observed)}`).join(' ')}"/>`,
    ...seen.map(({ predicted, observed, count }) => {
      const [low, high] = likelyShare(observed, count);
      return `<line x1="${x(predicted)}" x2="${x(predicted)}" y1="${y(low)}" y2="${y(high)}" stroke="${colour}" stroke-opacity="0.4"/>`;
    }),
    ...seen.map(
      ({ predicted, observed, count }) =>
        `<circle cx="${x(predicted)}" cy="${y(observed)}" r="${(2 + 6 * Math.sqrt(count / most)).toFixed(1)}" fill="${colour}" fill-opacity="0.75"><title>said ${predicted.toFixed(3)}, happened ${observed.toFixed(3)}, ${count} rows</title></circle>`,
    ),
    ...reliability.map(({ from, to, count }) => {
      const high = count === 0 ? 0 : 2 + ((BARS - 14) * Math.log(count)) / Math.log(Math.max(2, most));
      const middle = (left + ((from + to) / 2) * SIDE).toFixed(1);
      return [
        `<rect x="${Number(x(from)) + 1}" y="${(barsAt - high).toFixed(1)}" width="${((to - from) * SIDE - 2).toFixed(1)}" height="${high.toFixed(1)}" fill="${colour}" fill-opacity="0.35"/>`,
        `<text x="${middle}" y="${(barsAt - high - 3).toFixed(1)}" text-anchor="middle" font-size="8" fill="#555555">${count}</text>`,
      ].join('');
    }),
    `<line x1="${left}" x2="${left + SIDE}" y1="${barsAt}" y2="${barsAt}" stroke="#888888"/>`,
    `<text x="${left + SIDE / 2}" y="${barsAt + 15}" text-anchor="middle">rows (logarithmic)</text>`,
  ];
}

/** z of 5 % and 95 %. */
const LIKELY = 1.6448536269514722;

/** Where the true share is nine times in ten when `observed` of `count` were seen (Wilson): bins of a few rows prove little. */
function likelyShare(observed: number, count: number): readonly [number, number] {
  const spread = LIKELY ** 2 / count;
  const middle = (observed + spread / 2) / (1 + spread);
  const half = (LIKELY * Math.sqrt((observed * (1 - observed)) / count + spread / (4 * count))) / (1 + spread);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
