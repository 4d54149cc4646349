import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer } from '../../infra/nats/find-server.ts';
import { compileSources } from './compiled.ts';

let compiled: string;
beforeAll(() => {
  compiled = compileSources(['src/domain/kernel', 'src/app/cli', 'infra/nats', 'infra/system', 'infra/tensorflow']);
  const code = `import { Command } from 'commander';
    import { registerDoctor } from './src/app/cli/doctor.js';
    const program = new Command('drover');
    registerDoctor(program);
    await program.parseAsync();`;
  writeFileSync(join(compiled, 'drover.mjs'), code);
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

function drover(args: readonly string[], env: Readonly<NodeJS.ProcessEnv> = {}) {
  return spawnSync(process.execPath, [join(compiled, 'drover.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
}

describe('drover doctor', () => {
  it('is content with a machine that has what it takes, and shows where the server is', async () => {
    const { path } = await findServer();
    const run = drover(['doctor', '--data', tmpdir()], { DROVER_NATS_SERVER: path });
    expect(run.stdout).toContain(`${path} (environment)`);
    expect(run.stdout).toMatch(/TensorFlow\.js +(tfjs-node|wasm|cpu)/);
    expect(run.stdout).toContain('drover can run here.');
    expect(run.status).toBe(0);
  }, 120_000);

  it('exits with 1 when something is missing, and says the way out in JSON too', () => {
    const run = drover(['doctor', '--json', '--data', '/dev/null/data']);
    expect(run.status).toBe(1);
    const report = JSON.parse(run.stdout) as {
      readonly ok: boolean;
      readonly checks: readonly { readonly name: string; readonly state: string; readonly wayOut?: string }[];
    };
    expect(report.ok).toBe(false);
    expect(report.checks.find((check) => check.name === 'data folder')).toMatchObject({
      state: 'missing',
      wayOut: expect.stringContaining('--data'),
    });
  });

  it('explains itself with examples', () => {
    expect(drover(['doctor', '--help']).stdout).toMatch(/Examples:[^]*--fetch[^]*--json/);
  });
});
