/** A bridge that shares no line with drover (examples/bridges/python) keeps the same protocol. Needs python3. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CHECKS } from '../../src/app/conformance/suite.ts';
import { projectRoot } from '../../src/app/project-root.ts';
import { conform, failuresOf, startProcess } from '../support/conformance.ts';

const MAC = '02bb00000001';
const BRIDGE = join(projectRoot(), 'examples', 'bridges', 'python', 'bridge.py');
const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']).status === 0;

test.skipIf(!hasPython)('the Python bridge passes every check (skipped without Python 3.11)', async () => {
  const result = await conform({
    mac: MAC,
    runtime: 'process',
    start: ({ mac, url, folder }) =>
      startProcess('python3', [BRIDGE, '--mac', mac, '--nats', url, '--folder', folder, '--sleeps'], {
        PYTHONDONTWRITEBYTECODE: '1',
      }),
  });
  expect(failuresOf(result)).toEqual([]);
  expect(result.checks.length).toBe(CHECKS.length);
});
