import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { projectRoot } from '../../../src/app/project-root.ts';
import { VERSION } from '../../../src/app/version.ts';

test('every bridge says the version of the package', () => {
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8'));
  expect(VERSION).toBe(manifest.version);
});
