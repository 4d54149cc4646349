/** docs/PROTOCOL.md says what the schema and `subjects.ts` say. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { protocolReference, replaceBlock } from '../../../src/app/docs/protocol-reference.ts';
import * as limits from '../../../src/domain/protocol/limits.ts';
import * as subjects from '../../../src/domain/protocol/subjects.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(`${ROOT}docs/PROTOCOL.md`, 'utf8');
const buf = (args: readonly string[]): Buffer =>
  execFileSync(`${ROOT}node_modules/.bin/buf`, args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });

describe('docs/PROTOCOL.md', () => {
  it('has the tables of the schema (else: npm run docs:protocol)', () => {
    const reference = protocolReference(buf(['build', '--as-file-descriptor-set', '-o', '-']));
    expect(replaceBlock(page, 'messages', reference)).toBe(page);
  });

  it('names every subject', () => {
    const names = { shardCount: 1 };
    const { ecuSubject, supervisorSubject, managerSubject, checkpointSubject, taskSubject } = subjects;
    const written = [
      ...[ecuSubject.heartbeat, ecuSubject.goodbye, ecuSubject.command, ecuSubject.pages].map((of) => of('<mac>')),
      ...[ecuSubject.metrics, ecuSubject.metricsKept].map((of) => of('<mac>')),
      ...[supervisorSubject.heartbeat, supervisorSubject.command].map((of) => of('<mac>')),
      ...[managerSubject.heartbeat, managerSubject.goodbye, managerSubject.pages].map((of) => of('<id>')),
      managerSubject.call,
      ...[checkpointSubject.announced, checkpointSubject.freed].map((of) => of('<mac>', 7).replace('7', '<programId>')),
      checkpointSubject.stored('<mac>', 7, '<manager>').replace('7', '<programId>'),
      ...[taskSubject.data, taskSubject.tick, taskSubject.outputs].map((of) => of(names, '<name>').replace('.0.', '.<shard>.')),
    ];
    for (const subject of written) expect(page).toContain(`\`${subject}\``);
  });

  it('names every header, stream and bucket that a bridge meets', () => {
    for (const header of Object.values(subjects.header)) expect(page).toContain(`\`${header}\``);
    for (const stream of [subjects.streams.inputs, subjects.streams.outputs])
      expect(page).toContain(`\`${stream(0).replace('0', '<shard>')}\``);
    expect(page).toContain(`\`${subjects.streams.checkpoints}\``);
    expect(page).toContain(`\`${subjects.streams.metrics}\``);
    for (const bucket of Object.values(subjects.buckets)) expect(page).toContain(`\`${bucket}\``);
  });

  it('gives the bounds that the decoders have', () => {
    expect(limits.WIRE_BYTES_MAX).toBe(8 * 1024 * 1024);
    expect(page).toContain('8 MiB');
    expect(page).toContain(`at most ${limits.PAGES_PER_REQUEST_MAX} positions`);
  });
});

describe('the schema', () => {
  it('passes buf lint', () => {
    expect(buf(['lint']).toString()).toBe('');
  });
});
