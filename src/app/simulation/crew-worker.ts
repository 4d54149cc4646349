/** A worker thread that plays what it is told, one after the other, and answers each with what became of it. */
import { parentPort } from 'node:worker_threads';
import type { CrewAnswer, CrewJob } from './crew.ts';
import { judgeSeed } from './judge-seed.ts';
import { playLoss } from './loss-trial.ts';

async function play(job: CrewJob): Promise<CrewAnswer> {
  switch (job.kind) {
    case 'seed':
      return { kind: 'seed', verdict: await judgeSeed(job.seed, job.options) };
    case 'loss':
      return { kind: 'loss', outcome: await playLoss(job.own, job.trial) };
  }
}

parentPort?.on('message', (job: CrewJob) => {
  void play(job).then((answer) => parentPort?.postMessage(answer));
});
