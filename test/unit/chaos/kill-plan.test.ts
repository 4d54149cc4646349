import { describe, expect, it } from 'vitest';
import { KILL_KINDS, type PlannedKill, planKills } from '../../../src/app/chaos/kill-plan.ts';
import { createRng } from '../../../src/domain/kernel/rng.ts';

const options = { kills: 10, kind: 'mixed', ecus: 4, managers: 2, spacingUs: 1_000_000 } as const;

const planOf = (seed: number, change: Partial<Parameters<typeof planKills>[0]> = {}): PlannedKill[] =>
  planKills({ ...options, ...change }, createRng(seed, 'chaos'));

describe('kill plan', () => {
  it('is a function of its seed', () => {
    expect(planOf(7)).toEqual(planOf(7));
    expect(planOf(7)).not.toEqual(planOf(8));
  });

  it('mixes every kind', () => {
    for (let seed = 0; seed < 20; seed++) expect(new Set(planOf(seed).map(({ kind }) => kind))).toEqual(new Set(KILL_KINDS));
  });

  it('K1: leaves one manager and one ECU up at every moment, whatever the seed', () => {
    for (let seed = 0; seed < 200; seed++) {
      for (const [ecus, managers] of [
        [2, 2],
        [3, 2],
        [4, 3],
        [8, 2],
      ] as const) {
        const plan = planOf(seed, { ecus, managers, kills: 20, spacingUs: 300_000 });
        for (const { atUs } of plan) {
          const down = plan.filter((kill) => kill.atUs <= atUs && kill.atUs + kill.downUs > atUs);
          expect(down.filter(({ kind }) => kind !== 'manager' && kind !== 'bridge').length).toBeLessThan(ecus);
          expect(down.filter(({ kind }) => kind === 'manager' || kind === 'both').length).toBeLessThan(managers);
        }
      }
    }
  });

  it('kills no manager where there is only one', () => {
    for (const kind of ['mixed', 'manager', 'both'] as const) {
      const kinds = planOf(3, { managers: 1, kind }).map((kill) => kill.kind);
      expect(kinds).not.toContain('manager');
      expect(kinds).not.toContain('both');
    }
  });

  it('never goes back in time', () => {
    for (let seed = 0; seed < 50; seed++) {
      const times = planOf(seed, { spacingUs: 200_000 }).map(({ atUs }) => atUs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});
