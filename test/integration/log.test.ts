import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCounters } from '../../infra/log/counters.ts';
import type { LogOptions } from '../../infra/log/pino.ts';
import { createLog, REDACTED_FIELDS } from '../../infra/log/pino.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { Log } from '../../src/ports/log.ts';

function linesOf(use: (log: Log) => void, options: LogOptions = {}): Record<string, unknown>[] {
  const chunks: string[] = [];
  use(createLog({ level: 'debug', ...options, destination: { write: (line: string) => void chunks.push(line) } }));
  return chunks.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('pino log', () => {
  it('writes one object a line with level, time, host, what was bound, and the sentence', () => {
    const [line] = linesOf(
      (log) =>
        log
          .bind({ actor: 'placement/kalman', revision: 7 })
          .bind({ task: 'kalman', epoch: 3 })
          .info('took the epoch', { trace: 'abc' }),
      {
        host: 'manager.m1',
      },
    );
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      host: 'manager.m1',
      actor: 'placement/kalman',
      revision: 7,
      task: 'kalman',
      epoch: 3,
      trace: 'abc',
      sentence: 'took the epoch',
    });
  });

  it('keeps the levels', () => {
    const use = (log: Log): void => {
      log.debug('d');
      log.info('i');
      log.warn('w');
      log.error('e');
    };
    expect(linesOf(use, { level: 'warn' }).map(({ level }) => level)).toEqual(['warn', 'error']);
    expect(linesOf(use, { level: 'silent' })).toEqual([]);
  });

  it('hides secrets on three levels, bound or not, and leaves the rest', () => {
    for (const field of REDACTED_FIELDS) {
      const text = JSON.stringify(
        linesOf((log) => {
          log.info('x', { options: { [field]: 'hunter2', url: 'kept' }, deep: { options: { [field]: 'hunter2' } } });
          if (field !== 'seed')
            log.bind({ [field]: 'hunter2', inner: { [field]: 'hunter2' } }).warn('y', { [field]: 'hunter2' });
        }),
      );
      expect(text).not.toContain('hunter2');
      expect(text).toContain('[redacted]');
      expect(text).toContain('kept');
    }
    expect(linesOf((log) => log.info('run', { seed: 7 }))[0]).toMatchObject({ seed: 7 });
  });

  it('shows an error with its code and causes', () => {
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const [line] = linesOf((log) =>
      log.error('could not store', { error: new DroverError('ERR_STORE_FULL', 'the disk is full', { cause }) }),
    );
    expect(line?.['error']).toMatchObject({
      code: 'ERR_STORE_FULL',
      message: 'the disk is full',
      cause: { code: 'ENOSPC', message: 'no space' },
    });
  });

  it('goes to a file when asked, with the folder made', () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-log-'));
    try {
      const file = join(folder, 'deep', 'bridge.log');
      createLog({ destination: file }).info('written at once');
      expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ sentence: 'written at once' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('goes to stderr by default, to the last line before a crash, and never to stdout', () => {
    const script = `
      import { createLog } from './infra/log/pino.ts';
      createLog({ host: 'bridge.x' }).error('last words');
      process.kill(process.pid, 'SIGKILL');
    `;
    const run = spawnSync(
      process.execPath,
      ['--import', './test/support/run-typescript.mjs', '--input-type=module', '-e', script],
      {
        cwd: new URL('../..', import.meta.url),
        encoding: 'utf8',
        timeout: 60_000,
      },
    );
    expect(run.signal).toBe('SIGKILL');
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain('"sentence":"last words"');
  });
});

describe('counters', () => {
  it('add up and are read in order', () => {
    const counters = createCounters();
    counters.add('wire.malformed');
    counters.add('bus.retried', 3);
    counters.add('wire.malformed', 2);
    expect(JSON.stringify(counters.read())).toBe('{"bus.retried":3,"wire.malformed":3}');
  });
});
