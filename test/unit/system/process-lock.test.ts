import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeProcessLock } from '../../../infra/system/process-lock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const take = (timeoutUs = 20_000_000) => takeProcessLock({ folder, name: 'lock', timeoutUs });

describe('process lock', () => {
  it('L1: has one holder at a time, also among many that ask at once', async () => {
    const journal = join(folder, 'journal');
    const enter = async (): Promise<void> => {
      const lock = await take();
      if (lock === undefined) throw new Error('nobody holds it for 20 s');
      appendFileSync(journal, 'in ');
      await new Promise((resume) => setTimeout(resume, 1));
      appendFileSync(journal, 'out ');
      await lock.release();
    };
    await Promise.all(Array.from({ length: 20 }, enter));
    expect(readFileSync(journal, 'utf8')).toBe('in out '.repeat(20));
    expect(readdirSync(folder).filter((entry) => entry !== 'journal')).toHaveLength(1);
  });

  it('gives up after its time while a live process holds it', async () => {
    const lock = await take();
    expect(await take(1)).toBeUndefined();
    await lock?.release();
    await expect(take(1)).resolves.toBeDefined();
  });

  it('is free once its holder is dead', async () => {
    const { pid } = spawnSync('true');
    writeFileSync(join(folder, 'lock.7'), JSON.stringify({ pid, start: '' }));
    await expect(take(1)).resolves.toBeDefined();
    expect(readdirSync(folder)).toEqual(['lock.8']);
  });

  it.runIf(process.platform === 'linux')('is free when the pid of its holder belongs to another process now', async () => {
    writeFileSync(join(folder, 'lock.7'), JSON.stringify({ pid: process.pid, start: 'another-boot/1' }));
    await expect(take(1)).resolves.toBeDefined();
  });

  it('is free when the power was cut while it was written', async () => {
    writeFileSync(join(folder, 'lock.7'), '{"pi');
    await expect(take(1)).resolves.toBeDefined();
  });
});
