/**
 * The thread in which a manager trains: asked once, answers once. It takes a lower priority first, which on Linux is the thread's own, so that on a
 * busy machine the manager's heartbeats and decisions come before it.
 */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { DroverError } from '../../domain/kernel/error-codes.ts';
import { tune } from './tune.ts';
import { type TunerAnswer, type TunerQuestion, unpacked } from './tuner-messages.ts';

/** A third of what others get where all cores are busy: at 15 a training of two seconds took two minutes there. */
const NICE = 5;

function stepBack(): void {
  // Elsewhere it would be the whole process that steps back.
  if (process.platform !== 'linux') return;
  try {
    setPriority(NICE);
  } catch {
    // It trains as it is.
  }
}

async function answer({ packed, ...request }: TunerQuestion): Promise<TunerAnswer> {
  try {
    const { createTrainer } = await import('../../../infra/tensorflow/train.ts');
    return { kind: 'answer', tuned: await tune({ ...request, reports: unpacked(packed) }, () => createTrainer()) };
  } catch (error) {
    if (error instanceof DroverError) return { kind: 'failed', code: error.code, sentence: error.message };
    return {
      kind: 'failed',
      code: 'ERR_LEARN_WORKER',
      sentence: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
}

stepBack();
parentPort?.on('message', (question: TunerQuestion) => {
  void answer(question).then((said) => parentPort?.postMessage(said));
});
