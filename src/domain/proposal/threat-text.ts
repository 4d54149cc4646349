/** Causes and levels in words for people: the reason of a migration in `explain`, the table of `proposals`. */
import type { Threat, ThreatCause } from './threat.ts';

const WHAT: Readonly<Record<ThreatCause, string>> = {
  failure: 'fail',
  overload: 'be overloaded',
  heat: 'get too hot',
  ageing: 'be worn out',
};

const degrees = (value: number): string => value.toFixed(1);
const percent = (value: number): string => String(Math.round(value * 100));
const LEVELS: Readonly<Record<Threat['level'], { readonly text: (value: number) => string; readonly unit: string }>> = {
  temperature: { text: degrees, unit: '°C' },
  memory: { text: percent, unit: '%' },
  load: { text: percent, unit: '%' },
  wear: { text: percent, unit: '%' },
  misses: { text: percent, unit: '%' },
  backlog: { text: degrees, unit: 's' },
};

/** `temperature 71.3 of 80.0 °C`, `load 42 of 95 %, by its tasks’ own series 108 %`. */
export function levelText({
  level,
  now,
  limit,
  quantiles,
  byTasks,
}: Pick<Threat, 'level' | 'now' | 'limit'> & Partial<Pick<Threat, 'quantiles' | 'byTasks'>>): string {
  const { text, unit } = LEVELS[level];
  const foreseen =
    byTasks === true && quantiles !== undefined ? `, by its tasks’ own series ${text(quantiles[1])} ${unit}` : '';
  return `${level} ${text(now)} of ${text(limit)} ${unit}${foreseen}`;
}

/** `get too hot within 30 s (87 %): temperature 71.3 of 80.0 °C`. */
export function foreseenText(foreseen: {
  readonly cause: ThreatCause;
  readonly probability: number;
  readonly horizonS: number;
  readonly evidence: readonly Threat[];
}): string {
  const { cause, probability, horizonS, evidence } = foreseen;
  const by = evidence.map(levelText).join(', ');
  return `${WHAT[cause]} within ${horizonS} s (${percent(probability)} %)${by === '' ? '' : `: ${by}`}`;
}
