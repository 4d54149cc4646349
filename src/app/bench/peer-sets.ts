/**
 * The task sets on which the peers were measured: `../shared/vectors/bench` beside the project, a set a line, a task as
 * `[wcetUs, periodUs, deadlineUs]`. Where they are not at hand, each bench draws its own the same way.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../project-root.ts';

export type Row = readonly [wcetUs: number, periodUs: number, deadlineUs: number];

export function peerSets(name: string): readonly (readonly Row[])[] | undefined {
  const file = join(projectRoot(), '..', 'shared', 'vectors', 'bench', name);
  if (!existsSync(file)) return undefined;
  return readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row[]);
}
