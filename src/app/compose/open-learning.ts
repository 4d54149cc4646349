/**
 * What of a manager asks a learned model and learns: the model it was given, the newest version of the fleet's, and whoever trains the next. Loaded only
 * where one of them is asked for.
 */
import { basename } from 'node:path';
import { FleetAdviser } from '../../../actors/fleet-adviser.ts';
import { FleetLearner } from '../../../actors/fleet-learner.ts';
import type { Host } from '../../../actors/host.ts';
import { createBusModelBoard } from '../../../infra/nats/model-board.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { createAdviser } from '../../domain/learn/adviser.ts';
import { whyNot } from '../../domain/learn/fleet/bridge-learner.ts';
import type { Advising } from '../../ports/advising.ts';
import { readAdviser } from '../learn/open-adviser.ts';
import { createTuner } from '../learn/open-tuner.ts';
import type { ManagerConfig } from './process-config.ts';

export interface OpenLearning {
  readonly advising: Advising;
  /** When the manager serves. */
  start(rank: () => number): Promise<void>;
  stop(): Promise<void>;
}

/** Fails with ERR_MODEL_FILE where the given file is none, or where a bridge could not go on from it and this manager is to learn. */
export async function openLearning(
  host: Host,
  config: Pick<ManagerConfig, 'id' | 'adviser' | 'learns'>,
): Promise<OpenLearning> {
  const { adviser: path, learns: policy } = config;
  const file = path === undefined ? undefined : await readAdviser(path);
  const digest = file === undefined ? '' : systemHasher.hex(file.bytes).slice(0, 8);
  const given =
    file === undefined || path === undefined
      ? undefined
      : { adviser: createAdviser(file.model), name: `${basename(path)} ${digest}` };
  if (policy === undefined) {
    const advising: Advising = { current: () => given, told: () => (given === undefined ? {} : { advisedBy: given.name }) };
    return { advising, start: async () => {}, stop: async () => {} };
  }
  const fault = file === undefined ? undefined : whyNot(file.model);
  if (fault !== undefined)
    throw new DroverError('ERR_MODEL_FILE', `${path}: with --learn it is where learning begins, but it ${fault}`);
  const board = createBusModelBoard(host);
  const adviser = new FleetAdviser({ host, board, given });
  let learner: FleetLearner | undefined;
  return {
    advising: {
      current: () => adviser.current(),
      told: () => ({ ...adviser.told(), ...(learner === undefined ? {} : { learner: learner.told() }) }),
    },
    start: async (rank) => {
      await adviser.start();
      learner = new FleetLearner({ host, manager: config.id, board, tuner: createTuner(), policy, rank, given: file?.bytes });
      await learner.start();
    },
    stop: async () => {
      adviser.stop();
      await learner?.stop();
    },
  };
}
