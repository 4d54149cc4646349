/** The metrics agent of a bridge with its sources: those of this machine, those that its owner names, and simulated ones on top. */
import { existsSync } from 'node:fs';
import type { NatsConnection } from '@nats-io/nats-core';
import type { Bridge } from '../../../actors/bridge.ts';
import type { Host } from '../../../actors/host.ts';
import { MetricsAgent } from '../../../actors/metrics-agent.ts';
import { createCommandSource } from '../../../infra/metrics/command-source.ts';
import { createFileSensors } from '../../../infra/metrics/file-sensors.ts';
import { nvidiaSmi } from '../../../infra/metrics/nvidia-smi.ts';
import { perfCounters } from '../../../infra/metrics/perf-counters.ts';
import { createProcSource } from '../../../infra/metrics/proc-source.ts';
import { createSimulatedSensors } from '../../../infra/metrics/simulated-sensors.ts';
import { vendorCommand } from '../../../infra/metrics/vendor-sensor.ts';
import { createRoundTrip } from '../../../infra/nats/round-trip.ts';
import type { MetricsPlan } from '../../domain/model/ecu.ts';
import type { MetricsSource } from '../../ports/metrics-source.ts';
import type { EcuConfig } from './process-config.ts';

/** The driver's own word that there is such a GPU; without it nobody looks for the tool. */
const NVIDIA_DRIVER = '/proc/driver/nvidia/version';

export interface MetricsParts {
  readonly host: Host;
  readonly connection: NatsConnection;
  readonly config: Pick<EcuConfig, 'mac' | 'resourceKind' | 'cores' | 'sensors' | 'simulatedSensors'>;
  readonly plan: MetricsPlan;
  readonly bridge: Pick<Bridge, 'running' | 'asleep'>;
}

export function openMetrics(parts: MetricsParts): MetricsAgent {
  const { host, config, plan, bridge } = parts;
  const { mac, resourceKind, cores } = config;
  const agent = new MetricsAgent({
    host,
    mac,
    resourceKind,
    cores,
    plan,
    openSources: () => openSources(parts),
    tasks: () => bridge.running().all(),
    isAsleep: () => bridge.asleep() !== undefined,
  });
  agent.start();
  return agent;
}

export function openSources({
  host,
  connection,
  config,
  plan,
  bridge,
}: Omit<MetricsParts, 'bridge'> & Partial<Pick<MetricsParts, 'bridge'>>): readonly MetricsSource[] {
  const { clock, log, rng } = host;
  const { everyUs } = plan;
  const commands = [
    ...(existsSync(NVIDIA_DRIVER) ? [nvidiaSmi({ everyUs })] : []),
    perfCounters({ pid: process.pid, everyUs }),
    ...(config.sensors ?? []).map(vendorCommand),
  ].filter((sensor) => sensor !== undefined);
  const { resourceKind, simulatedSensors: profile } = config;
  const nowUs = clock.monotonicUs();
  const asleep = () => bridge?.asleep();
  return [
    createProcSource(),
    createFileSensors({ monotonicUs: () => clock.monotonicUs() }),
    createRoundTrip(connection, clock),
    ...commands.map((sensor) => createCommandSource(sensor, { clock, log })),
    ...(profile === undefined
      ? []
      : [createSimulatedSensors({ profile, resourceKind, rng: rng.stream('sensors'), nowUs, asleep })]),
  ];
}
