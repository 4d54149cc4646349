/** A deploy from a state whose next inputs may be gone is refused before its marker, and costs the task nothing. */
import { describe, expect, test, vi } from 'vitest';
import { envelope, type Host } from '../../../actors/host.ts';
import type { SimProcess } from '../../../infra/sim/host.ts';
import type { SimPorts } from '../../../infra/sim/world.ts';
import type { FleetWorld } from '../../../src/app/simulation/fleet-world.ts';
import { hostOf } from '../../../src/app/simulation/simulated-ecu.ts';
import type { CheckpointReference } from '../../../src/domain/model/checkpoint.ts';
import { decodeAnswer, decodeCommand, encodeCommand } from '../../../src/domain/protocol/codec-command.ts';
import type { Command } from '../../../src/domain/protocol/messages.ts';
import { ecuSubject } from '../../../src/domain/protocol/subjects.ts';
import { ECU1, ECU2, epochOf, stage, task } from './stage.ts';

// Virtual time is free, the machine's is not: a loaded one takes its time.
vi.setConfig({ testTimeout: 120_000 });

const NAMES = { shardCount: 1 };
const DEPLOYER = 'manager.stale';

const JANITOR = { everyUs: 100_000, outputsKept: 100, recordsKept: 1_000 };

/** A process of nobody, on the bus. */
async function outsider(fleet: FleetWorld): Promise<{ readonly ports: SimPorts; readonly host: Host }> {
  const process = await fleet.done(
    new Promise<SimProcess>((boot) => {
      fleet.world.add({ id: DEPLOYER, boot });
      fleet.world.host(DEPLOYER).start();
    }),
  );
  const ports = await fleet.done(fleet.world.portsOf(process));
  return { ports, host: hostOf({ id: DEPLOYER, incarnation: 1, names: NAMES, ports }) };
}

async function ask(fleet: FleetWorld, mac: string, command: Command) {
  const { ports, host } = await outsider(fleet);
  const bytes = encodeCommand(envelope(host, command));
  return fleet.done(ports.bus.request(ecuSubject.command(mac), bytes, { timeoutUs: 2_000_000 }));
}

describe('a deployer that remembers a checkpoint of before the last trim', () => {
  test('is refused with ERR_INPUT_TRIMMED; the task is not taken for one that fails by itself, and goes on', async () => {
    const fleet = await stage({ tasks: [task('alpha')], janitor: JANITOR });
    await fleet.until('inputs are trimmed', () => (fleet.truth.placements.get('alpha')?.context.trim?.sequence ?? 0) > 10);
    const trimmed = fleet.truth.placements.get('alpha')?.context.trim;
    const spec = fleet.truth.placements.get('alpha')?.context.spec;
    if (trimmed === undefined || spec === undefined) throw new Error('the placement has both');
    const target = fleet.owner('alpha') === ECU1 ? ECU2 : ECU1;
    const stale: CheckpointReference = {
      task: 'alpha',
      epoch: 1,
      sequence: 1,
      input: { sequence: trimmed.sequence - 1, dataNumber: 1, tickNumber: 1 },
      outputNumber: 2,
      stateDigest: 'ab'.repeat(32),
      holders: ['m1'],
    };
    const markers = fleet.world.judges.markers;
    const header = { task: 'alpha', epoch: 2, effectId: 'e1', actor: 'arbiter/request.alpha.1', actorRevision: 1 };
    const answer = decodeAnswer(
      await ask(fleet, target, { kind: 'deploy', ...header, spec, incarnation: 1, checkpoint: stale, trimmed }),
    );
    expect(answer).toMatchObject({
      ok: true,
      value: { body: { kind: 'refused', task: 'alpha', epoch: 2, code: 'ERR_INPUT_TRIMMED' } },
    });
    expect(fleet.world.judges.markers).toBe(markers);
    await fleet.settle();
    expect(epochOf(fleet, 'alpha')).toBe(1);
  });

  test('is no manager of drover: what they deploy carries the mark of the epoch they took', async () => {
    const fleet = await stage({ tasks: [task('alpha')], janitor: JANITOR });
    await fleet.until('inputs are trimmed', () => (fleet.truth.placements.get('alpha')?.context.trim?.sequence ?? 0) > 10);
    const { ports } = await outsider(fleet);
    const deploys: Command[] = [];
    ports.bus.subscribe('ecu.*.command', ({ payload }) => {
      const command = decodeCommand(payload);
      if (command.ok && command.value.body.kind === 'deploy') deploys.push(command.value.body);
    });
    await fleet.elapse(100_000);
    const owner = fleet.owner('alpha') as string;
    fleet.killEcu(owner);
    await fleet.until('it runs elsewhere', () => fleet.runs('alpha') && fleet.owner('alpha') !== owner);
    const trim = fleet.truth.placements.get('alpha')?.context.trim;
    expect(deploys.length).toBeGreaterThan(0);
    for (const deploy of deploys) {
      expect(deploy).toMatchObject({ epoch: 2, checkpoint: { task: 'alpha' } });
      if (deploy.kind !== 'deploy') continue;
      expect(deploy.trimmed?.sequence).toBeGreaterThan(10);
      expect(deploy.trimmed?.sequence).toBeLessThanOrEqual(trim?.sequence ?? 0);
      expect(deploy.checkpoint?.input.sequence).toBeGreaterThanOrEqual(deploy.trimmed?.sequence ?? 0);
    }
    await fleet.settle();
  });
});
