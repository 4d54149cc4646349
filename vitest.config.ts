/**
 * Two projects. `fast` is what a person runs before every commit (under a minute): it needs no server, no browser and no
 * child process beyond workers. `full` is what needs the real world; the contract suites appear in both, with the fakes
 * here and (files named `*nats*`) against the real server there.
 */
import { defineConfig } from 'vitest/config';

/**
 * Simulated, and so in need of nothing, but exhaustive: a death at every step, many storms, every planted bug, much damage, thousands of task sets, all stories
 * of a fleet, and whatever else takes more than a second. Together they take minutes.
 */
const EXHAUSTIVE = [
  ...[
    ...['managers', 'eviction', 'bugs', 'random', 'many-lives', 'receiving', 'own-fleet'],
    ...[
      'zombie',
      'placing',
      'proving',
      'migrating',
      'leaving',
      'catching-up',
      'trimmed',
      'shares',
      'standby',
      'predicting',
      'forecasting',
      'reserving',
      'chains',
      'sleeping',
      'beyond-share',
      'leaving-together',
      'task-series',
    ],
  ].map((name) => `test/sim/fleet/${name}.test.ts`),
  ...[
    'store-records',
    'checkpoint-store',
    'wasm-restore',
    'realtime',
    'wire',
    'forecast',
    'record-codec',
    'placement',
    'admission-schedulers',
  ].map((name) => `test/property/${name}.prop.test.ts`),
  'test/sim/learning.test.ts',
  'test/property/fleet-learning.prop.test.ts',
  'test/sim/loop/crash-points.test.ts',
  'test/sim/loop/stories.test.ts',
  ...['lane-queue', 'manifest-format', 'schedule', 'state-format'].map((name) => `test/property/${name}.prop.test.ts`),
  ...[
    'wasm/program',
    'worker-program',
    'actors/store-room',
    'realtime/analyse',
    'realtime/simulation-vectors',
    'app/analysis',
  ].map((name) => `test/unit/${name}.test.ts`),
  ...['learn/trace-twin', 'proposal/heat-watch', 'hazard/evaluate', 'forecast/forecaster'].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  'test/golden/forecast-protocol.test.ts',
  ...['fleet/restore', 'fleet/tell-seeds', 'world', 'metrics'].map((name) => `test/sim/${name}.test.ts`),
  ...['bus-sim', 'lmdb-record-store'].map((name) => `test/contract/${name}.test.ts`),
  ...['nats/fetch-server', 'app/unit-files', 'proposal/causes', 'forecast/models', 'forecast/network', 'learn/fleet-model'].map(
    (name) => `test/unit/${name}.test.ts`,
  ),
  ...['learn/runs-learned', 'chaos/kill-plan'].map((name) => `test/unit/${name}.test.ts`),
  'test/property/draw.prop.test.ts',
  'test/property/power-plan.prop.test.ts',
  'test/unit/power/plan-scale.test.ts',
  'test/sim/loop/random.test.ts',
  'test/unit/chart.test.ts',
  'test/unit/realtime/vectors.test.ts',
  'test/unit/learn/generate-dataset.test.ts',
];
const REAL_WORLD = [
  'test/integration/**/*.test.ts',
  'test/browser/**/*.test.ts',
  'test/contract/**/*nats*.test.ts',
  ...EXHAUSTIVE,
];

export default defineConfig({
  test: {
    // Worker threads and child processes run compiled code: dist is brought up to date once, before any test.
    globalSetup: ['test/support/build-dist.ts'],
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: REAL_WORLD, testTimeout: 30_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        // A test that starts a dozen commands takes a minute where two cores are shared by many, and three on a machine a third as fast.
        test: { name: 'full', include: REAL_WORLD, testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: false },
      },
    ],
  },
});
