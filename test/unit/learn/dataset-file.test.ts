import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { decodeDataset, encodeDataset, joinDatasets } from '../../../infra/arrow/dataset-file.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';
import { GROW_DEFAULTS, growSets } from '../../../src/domain/realtime/draw/grow.ts';
import type { RealtimeTask } from '../../../src/domain/realtime/realtime-task.ts';
import { responseTimeUs } from '../../../src/domain/realtime/response-time.ts';
import { drawSets, labelledSets } from '../../support/learn-sets.ts';

const rowOf = (tasks: readonly RealtimeTask[]) => ({
  tasks,
  responsesUs: tasks.map((_, i) => {
    const response = responseTimeUs(tasks, i);
    return response.ok ? response.value : 0;
  }),
});
const rows = drawSets(4, 30).map(rowOf);
const spec = '{"seed":4}';

describe('a data set in a file', () => {
  it('comes back as it was, also when it was joined from parts', () => {
    const whole = joinDatasets([
      encodeDataset(rows.slice(0, 7), { firstSet: 0, spec }),
      encodeDataset(rows.slice(7), { firstSet: 7, spec }),
    ]);
    const read = decodeDataset(whole, 'it');
    expect(read.spec).toBe(spec);
    expect(read.sets).toEqual(labelledSets(4, 30));
  });

  it('is plain Arrow: a row a set, a list a column', () => {
    const table = tableFromIPC(encodeDataset(rows, { firstSet: 5, spec }));
    expect(table.schema.fields.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'set Uint32',
      'wcetUs List<Uint32>',
      'periodUs List<Uint32>',
      'deadlineUs List<Uint32>',
      'priority List<Uint32>',
      'responseUs List<Uint32>',
      'schedulable Bool',
      'utilisation Float64',
    ]);
    const row = table.get(3)?.toJSON();
    expect(row?.['set']).toBe(8);
    expect([...(row?.['wcetUs'] ?? [])]).toEqual(rows[3]?.tasks.map(({ wcetUs }) => wcetUs));
    expect(row?.['schedulable']).toBe(rows[3]?.responsesUs.every((response) => response > 0));
  });

  it('of grown sets says the work of each task', () => {
    const growing = growSets(createRng(1), { ...GROW_DEFAULTS, perSize: 5 });
    const grown: (readonly RealtimeTask[])[] = [];
    for (let next = growing.next(); next.done !== true; next = growing.next(true)) grown.push(next.value);
    const table = tableFromIPC(encodeDataset(grown.map(rowOf), { firstSet: 0, spec }));
    expect(table.schema.fields.map(({ name }) => name).slice(-3)).toEqual(['work', 'argument', 'jobs']);
    const names = JSON.parse(table.schema.metadata.get('drover.work') ?? '[]') as string[];
    const [work = Number.NaN] = table.get(0)?.toJSON()['work'] ?? [];
    expect(grown[0]?.[0]).toMatchObject({ work: names[work] });
  });

  it('is refused when it is cut short, no data set, or contradicts itself', () => {
    const bytes = encodeDataset(rows, { firstSet: 0, spec });
    expect(() => decodeDataset(bytes.slice(0, bytes.length / 2), 'it')).toThrow(/it/);
    expect(() => decodeDataset(new Uint8Array(100), 'it')).toThrow(/no Arrow file|no data set/);
    const [first] = rows;
    if (first === undefined) throw new Error('there are rows');
    const lying = { ...first, responsesUs: first.tasks.map(({ deadlineUs }) => deadlineUs + 1) };
    expect(() => decodeDataset(encodeDataset([lying], { firstSet: 0, spec }), 'it')).toThrow(
      'it: row 0 has an impossible response time',
    );
    const short = { ...first, responsesUs: first.responsesUs.slice(1) };
    expect(() => decodeDataset(encodeDataset([short], { firstSet: 0, spec }), 'it')).toThrow();
    const empty = { tasks: [], responsesUs: [] };
    expect(() => decodeDataset(encodeDataset([empty], { firstSet: 0, spec }), 'it')).toThrow(
      'it: row 0 has lists of different lengths, or none',
    );
  });
});
