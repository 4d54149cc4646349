/**
 * Reads a policy, the YAML of `--policy FILE`. Every field has a default, so that an empty file changes nothing; a misspelt one is told, and
 * so is what cannot be meant.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { DroverError } from '../domain/kernel/error-codes.ts';
import { type EcuLimit, PREDICTION_POLICY, type PredictionPolicy } from '../domain/proposal/prediction-policy.ts';
import { sentenceOfIssue } from './unknown-keys.ts';

const EXAMPLE = 'examples/policy.yaml';

/** Fails with ERR_POLICY_FILE. */
export async function loadPolicyFile(path: string): Promise<PredictionPolicy> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new DroverError('ERR_POLICY_FILE', `${path} cannot be read; ${EXAMPLE} shows what a policy looks like`, { cause });
  });
  return { ...parsePolicy(text, path), file: resolve(path) };
}

/** `path` is named in errors. */
export function parsePolicy(text: string, path: string): PredictionPolicy {
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw invalid(path, [`it is no YAML: ${cause instanceof YAMLParseError ? cause.message : String(cause)}`]);
  }
  const parsed = policySchema.safeParse(value ?? {});
  if (!parsed.success)
    throw invalid(
      path,
      parsed.error.issues.map((issue) => sentenceOfIssue(policySchema, issue)),
    );
  const policy = policyOf(parsed.data);
  const problems = contradictions(policy);
  if (problems.length > 0) throw invalid(path, problems);
  return policy;
}

const invalid = (path: string, problems: readonly string[]): DroverError =>
  new DroverError('ERR_POLICY_FILE', `${path}:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);

const { review: REVIEW, reviewUs, costMost, atOnce, taskSeries } = PREDICTION_POLICY;
const chance = z.number().gt(0).lt(1);
const most = z.number().int().min(1).max(1_000);

const limitSchema = z.strictObject({
  labels: z.record(z.string(), z.coerce.string()).default({}),
  kind: z.enum(['cpu', 'gpu', 'fpga', 'asic']).optional(),
  'temperature-c': z.number().min(30).max(150).optional(),
  'raise-at': chance.optional(),
  'clear-at': chance.optional(),
  'at-once': most.optional(),
  move: z.boolean().optional(),
});

const policySchema = z.strictObject({
  prediction: z
    .strictObject({
      'horizon-s': z.number().int().min(5).max(60).default(REVIEW.horizonS),
      'raise-at': chance.default(REVIEW.raiseAt),
      'clear-at': chance.default(REVIEW.clearAt),
      reviews: z.number().int().min(1).max(60).default(REVIEW.rows),
      'interval-ms': z
        .number()
        .int()
        .min(200)
        .max(60_000)
        .default(reviewUs / 1000),
      'warm-reviews': z.number().int().min(1).max(600).default(REVIEW.warmRows),
      'task-series': z.boolean().default(taskSeries),
      'stale-s': z
        .number()
        .min(1)
        .max(60)
        .default(REVIEW.staleUs / 1e6),
    })
    .prefault({}),
  migration: z
    .strictObject({
      'benefit-least': z.number().min(0).max(1_000_000).default(REVIEW.benefitLeast),
      'cost-most': z.number().min(0).max(1_000_000).default(costMost),
      'rest-s': z
        .number()
        .min(1)
        .max(86_400)
        .default(REVIEW.restUs / 1e6),
      'open-most': most.default(REVIEW.openMost),
      'at-once': most.default(atOnce),
    })
    .prefault({}),
  limits: z.array(limitSchema).max(64).default([]),
});

type PolicyLines = z.output<typeof policySchema>;

const policyOf = ({ prediction, migration, limits }: PolicyLines): PredictionPolicy => ({
  review: {
    horizonS: prediction['horizon-s'],
    raiseAt: prediction['raise-at'],
    clearAt: prediction['clear-at'],
    rows: prediction.reviews,
    warmRows: prediction['warm-reviews'],
    staleUs: Math.round(prediction['stale-s'] * 1e6),
    benefitLeast: migration['benefit-least'],
    restUs: Math.round(migration['rest-s'] * 1e6),
    openMost: migration['open-most'],
  },
  reviewUs: prediction['interval-ms'] * 1000,
  costMost: migration['cost-most'],
  atOnce: migration['at-once'],
  taskSeries: prediction['task-series'],
  limits: limits.map(limitOf),
});

function limitOf(line: z.output<typeof limitSchema>): EcuLimit {
  const { labels, kind, 'temperature-c': temperatureC, 'raise-at': raiseAt, 'clear-at': clearAt, 'at-once': once, move } = line;
  const given = { kind, temperatureC, raiseAt, clearAt, atOnce: once, moves: move };
  return { labels, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

/** What each field allows by itself, and all of them together do not mean. */
function contradictions({ review, reviewUs: everyUs, limits }: PredictionPolicy): string[] {
  const problems: string[] = [];
  const { raiseAt, clearAt, horizonS, restUs, staleUs, rows } = review;
  if (clearAt >= raiseAt)
    problems.push(
      `prediction.clear-at is ${clearAt}, not below raise-at (${raiseAt}): nothing would keep an ECU from changing back and forth`,
    );
  if (restUs < horizonS * 1e6)
    problems.push(
      `migration.rest-s is ${restUs / 1e6}, less than the horizon of ${horizonS} s: a task would be proposed again before it is known what came of it`,
    );
  if (staleUs < everyUs)
    problems.push(`prediction.stale-s is ${staleUs / 1e6}, less than the interval: every ECU would be blind`);
  if (rows * everyUs >= horizonS * 1e6)
    problems.push(
      `prediction.reviews × interval-ms is ${(rows * everyUs) / 1e6} s, as long as the horizon: it would be over before anything is proposed`,
    );
  for (const [at, limit] of limits.entries()) {
    const raise = limit.raiseAt ?? raiseAt;
    const clear = limit.clearAt ?? clearAt;
    if (Object.keys(limit.labels).length === 0 && limit.kind === undefined)
      problems.push(`limits.${at} names neither labels nor a kind: what is for all stands above`);
    if (Object.keys(limit).every((field) => field === 'labels' || field === 'kind'))
      problems.push(`limits.${at} limits nothing`);
    if (clear >= raise) problems.push(`limits.${at}: clear-at is ${clear}, not below raise-at (${raise})`);
  }
  return problems;
}
