/** What is said of a key in a YAML file that no schema knows: which one was probably meant, or which there are. */
import type { z } from 'zod';

/** One sentence an issue, with the field it is about first. */
export function sentenceOfIssue(schema: z.ZodType, { path, message, ...issue }: z.core.$ZodIssue): string {
  const field = path.join('.') || 'the file';
  if (issue.code !== 'unrecognized_keys') return `${field}: ${message}`;
  const known = keysAt(schema, path);
  return issue.keys.map((key) => `${[...path, key].join('.')}: there is no such field${advice(key, known)}`).join('\n  - ');
}

function advice(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, away: distance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, away }) => away <= Math.max(2, name.length / 3) || name.startsWith(`${key}-`))
    .sort((a, b) => a.away - b.away);
  if (nearest !== undefined) return `; did you mean ${nearest.name}?`;
  return known.length === 0 ? '' : `; there are ${known.join(', ')}`;
}

/** The fields of the object at this place; none where the schema is none of an object there. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = unwrapped(schema);
  for (const step of path) {
    const { shape, element } = defOf(at);
    at = unwrapped(shape === undefined ? element : shape[String(step)]);
  }
  return Object.keys(defOf(at).shape ?? {});
}

interface Def {
  readonly innerType?: unknown;
  readonly element?: unknown;
  readonly shape?: Readonly<Record<string, unknown>>;
}

const defOf = (schema: unknown): Def => (schema as { readonly def?: Def } | undefined)?.def ?? {};

function unwrapped(schema: unknown): unknown {
  const { innerType } = defOf(schema);
  return innerType === undefined ? schema : unwrapped(innerType);
}

/** Letters to insert, leave out or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
