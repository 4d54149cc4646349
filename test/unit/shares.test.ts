/** Who keeps what (`src/domain/placement/shares.ts`), and the views of several managers put together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SubjectTree } from '../../infra/sim/subject.ts';
import { type Affinity, NO_AFFINITY } from '../../src/domain/model/task.ts';
import { mergeViews } from '../../src/domain/placement/merge-views.ts';
import { couldTake, type Offer, Offers } from '../../src/domain/placement/offer.ts';
import { KEEPERS, Shares } from '../../src/domain/placement/shares.ts';
import type { FleetTask, FleetView } from '../../src/domain/protocol/messages.ts';
import { ecuOf, specOf } from '../support/placement-builders.ts';

const KEYS = Array.from({ length: 600 }, (_, at) => `02aa${at.toString(16).padStart(8, '0')}`);
const named = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at + 1}`);

/** As each manager sees it by itself. */
function keepersSeen(managers: readonly string[], key: string): string[] {
  return managers.filter((self) => {
    const shares = new Shares(self);
    shares.setLiving(managers);
    return shares.keeps(key);
  });
}

describe('shares', () => {
  it('S1: two managers or fewer keep everything', () => {
    for (const managers of [['m1'], ['m1', 'm2']])
      for (const key of KEYS.slice(0, 20)) expect(keepersSeen(managers, key)).toEqual(managers);
    const alone = new Shares('m1');
    expect([alone.whole, alone.keeps('x')]).toEqual([true, true]);
  });

  it('two keep each key, and all of them agree on who', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 30 }), fc.constantFrom(...KEYS), (count, key) => {
        const managers = named(count);
        const seen = keepersSeen(managers, key);
        const shares = new Shares('m1');
        shares.setLiving(managers);
        expect([...seen].sort()).toEqual([...shares.keepersOf(key)].sort());
        expect(seen).toHaveLength(KEEPERS);
      }),
    );
  });

  it('S2: when a manager goes, only what it kept moves, and evenly; when it comes back, it gets the same', () => {
    const all = named(6);
    const before = new Map(KEYS.map((key) => [key, keepersSeen(all, key)]));
    const left = all.filter((one) => one !== 'm3');
    const gained = new Map<string, number>();
    for (const key of KEYS) {
      const now = keepersSeen(left, key);
      const was = before.get(key) ?? [];
      const news = now.filter((one) => !was.includes(one));
      expect(news).toHaveLength(was.includes('m3') ? 1 : 0);
      for (const one of news) gained.set(one, (gained.get(one) ?? 0) + 1);
    }
    const lost = [...before.values()].filter((keepers) => keepers.includes('m3')).length;
    for (const manager of left) expect(gained.get(manager) ?? 0).toBeGreaterThan(lost / left.length / 3);
    for (const key of KEYS.slice(0, 50)) expect(keepersSeen(all, key)).toEqual(before.get(key));
  });

  it('no share is much larger than another', () => {
    const managers = named(10);
    const counts = new Map(managers.map((one) => [one, 0]));
    for (const key of KEYS) for (const one of keepersSeen(managers, key)) counts.set(one, (counts.get(one) ?? 0) + 1);
    const fair = (KEYS.length * KEEPERS) / managers.length;
    for (const count of counts.values()) expect(Math.abs(count - fair)).toBeLessThan(fair / 2);
  });

  it('says whether anything changed', () => {
    const shares = new Shares('m2');
    expect(shares.setLiving(['m1', 'm2', 'm3'])).toBe(true);
    expect(shares.setLiving(['m3', 'm1'])).toBe(false);
    expect(shares.setLiving(['m1'])).toBe(true);
  });
});

describe('the views of several managers', () => {
  const task = (name: string, epoch: number, more: Partial<FleetTask> = {}): FleetTask => ({
    task: name,
    state: 'owned',
    epoch,
    owner: 'e1',
    programId: 1,
    reason: undefined,
    checkpoint: undefined,
    durability: 'none',
    ...more,
  });
  const view = (manager: string, tasks: readonly FleetTask[]): FleetView => ({
    manager,
    ecus: [{ mac: 'e1', name: 'e1', incarnation: 1, state: 'alive', description: undefined, tasks: [] }],
    tasks,
    managers: [],
    counters: {},
    receive: 'notify',
  });

  it('are one view: the later epoch counts, and whoever knows of a checkpoint', () => {
    const checkpoint = { epoch: 2, sequence: 7, holders: ['m2'], ageUs: 1 };
    const merged = mergeViews(view('m1', [task('a', 1), task('b', 2)]), [
      view('m2', [task('a', 3, { owner: 'e2' }), task('b', 2, { checkpoint, durability: 'durable' }), task('c', 1)]),
    ]);
    expect(merged.tasks.map(({ task: name, epoch }) => [name, epoch])).toEqual([
      ['a', 3],
      ['b', 2],
      ['c', 1],
    ]);
    expect(merged.tasks[1]?.checkpoint).toEqual(checkpoint);
    expect(merged.ecus).toHaveLength(1);
    expect(merged.ecus[0]?.tasks).toEqual(['b', 'c']);
  });

  it('tell how a task is fed by whoever keeps its route, whoever keeps its ECU', () => {
    const fed = (state: string) => ({ from: 'a', state, by: undefined, reason: undefined });
    for (const [first, second] of [
      ['unknown', 'routing'],
      ['routing', 'unknown'],
    ] as const) {
      const merged = mergeViews(view('m1', [task('b', 2, { fed: fed(first) })]), [
        view('m2', [task('b', 2, { fed: fed(second) })]),
      ]);
      expect(merged.tasks[0]?.fed?.state).toBe('routing');
    }
  });
});

describe('what is remembered of ECUs in other shares', () => {
  it('is one thing for all that offer the same, and says who could never take a task', () => {
    const offers = new Offers();
    const [plain, twin] = [0, 1].map((at) => offers.of(ecuOf(KEYS[at] ?? '')));
    const labelled = offers.of({ ...ecuOf(KEYS[2] ?? ''), labels: { zone: 'left' } });
    expect(twin).toBe(plain);
    expect(labelled).not.toBe(plain);
    const wants = (affinity: Partial<Affinity>) => specOf('a', { affinity: { ...NO_AFFINITY, ...affinity } });
    expect(couldTake('x', labelled, wants({ requiredLabels: { zone: 'left' } }))).toBe(true);
    expect(couldTake('x', plain as Offer, wants({ requiredLabels: { zone: 'left' } }))).toBe(false);
    expect(couldTake('x', labelled, wants({ requiredEcus: ['y'] }))).toBe(false);
    expect(couldTake('x', labelled, wants({ resourceKind: 'fpga' }))).toBe(false);
    expect(couldTake('x', labelled, specOf('a', { capabilities: ['camera'] }))).toBe(false);
  });
});

describe('many subject filters as one', () => {
  it('give the same as each of them alone', () => {
    const token = fc.constantFrom('a', 'b', 'c');
    const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'));
    const filter = fc
      .tuple(fc.array(fc.constantFrom('a', 'b', '*'), { minLength: 1, maxLength: 3 }), fc.constantFrom('', '.>'))
      .map(([tokens, rest]) => tokens.join('.') + rest);
    const alone = (one: string, of: string): boolean => {
      const [wanted, tokens] = [one.split('.'), of.split('.')];
      for (const [at, want] of wanted.entries()) {
        if (want === '>') return tokens.length > at;
        if (at >= tokens.length || (want !== '*' && want !== tokens[at])) return false;
      }
      return wanted.length === tokens.length;
    };
    fc.assert(
      fc.property(fc.array(filter, { maxLength: 6 }), fc.array(filter, { maxLength: 2 }), subject, (filters, gone, of) => {
        const tree = new SubjectTree<string>();
        for (const one of [...filters, ...gone]) tree.add(one, one);
        for (const one of gone) tree.remove(one, one);
        const left = new Set(filters.filter((one) => !gone.includes(one)));
        expect(new Set(tree.of(of))).toEqual(new Set([...left].filter((one) => alone(one, of))));
      }),
    );
  });
});
