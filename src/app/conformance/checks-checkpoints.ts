/** State leaves the ECU whole, is freed only when a quorum has it, and goes on somewhere else exactly where it stood. */

import { envelope } from '../../../actors/host.ts';
import { systemHasher } from '../../../infra/system/hasher.ts';
import { stateDigest } from '../../domain/checkpoint/manifest.ts';
import { decodeManifestAnswer, encodeCheckpointNotice, encodeManifestRequest } from '../../domain/protocol/codec-checkpoint.ts';
import { checkpointSubject, ecuSubject } from '../../domain/protocol/subjects.ts';
import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { outputNumberOf } from './judge-outputs.ts';
import { promised, same } from './promised.ts';
import type { HeldState } from './stand-in-manager.ts';
import { type Manifest, referenceTo, type Trial, withTrial } from './trial.ts';

const CHAIN_MAX = 2;

async function sayStored(bench: Bench, { body: manifest }: Manifest, manager: string): Promise<void> {
  const { task, mac, programId, epoch, sequence, input, outputNumber, stateDigest: digest } = manifest;
  const reference = { task, epoch, sequence, input, outputNumber, stateDigest: digest, holders: [manager] };
  const notice = { kind: 'stored', manager, task, mac, programId, epoch, sequence, reference } as const;
  const answer = await bench.host.bus.append(
    checkpointSubject.stored(mac, programId, manager),
    encodeCheckpointNotice(envelope(bench.host, notice)),
    {
      timeoutUs: bench.parts.patienceUs,
    },
  );
  promised(answer.kind === 'appended', 'the broker to take a stored notice', answer.kind);
}

/** I5: what a checkpoint says was put out, was accepted before it was announced. */
function afterItsOutputs(trial: Trial, { body: manifest, atUs }: Manifest): void {
  if (manifest.outputNumber === 0) return;
  const output = trial.counted.find((message) => outputNumberOf(message) === manifest.outputNumber);
  promised(
    output !== undefined,
    `output ${manifest.outputNumber} to stand in the stream, as checkpoint ${manifest.epoch}.${manifest.sequence} says`,
    trial.counted.length,
  );
  promised(
    output.atUs <= atUs,
    `output ${manifest.outputNumber} to be accepted before its checkpoint was announced`,
    `${output.atUs - atUs} µs later`,
  );
}

/** The same state under a name that no bridge can have kept by itself, so that it must be fetched from its holders. */
function renamed(state: HeldState, epoch: number): HeldState {
  return { ...state, manifest: { ...state.manifest, epoch, sequence: 1, baseSequence: undefined } };
}

/** Runs a task over five inputs and takes its whole state there. */
async function stateAfterFive(trial: Trial): Promise<HeldState> {
  await trial.run();
  await trial.feed(1, 2, 3, 4, 5);
  await trial.settle();
  return trial.pull((await trial.checkpoint('full')).body);
}

const check = (
  group: Check['group'],
  name: string,
  promise: string,
  look: (trial: Trial, bench: Bench) => Promise<void>,
): Check => ({
  group,
  name,
  promise,
  look: (bench) => withTrial(bench, { chainMax: CHAIN_MAX }, (trial) => look(trial, bench)),
});

export const CHECKPOINT_CHECKS: readonly Check[] = [
  {
    group: 'checkpoints',
    name: 'interval',
    promise:
      'Checkpoints are announced at intervals by themselves, each only after its outputs were accepted; the first is full.',
    look: (bench) =>
      withTrial(bench, { checkpointIntervalUs: 50_000 }, async (trial) => {
        await trial.run();
        await bench.eventually('three checkpoints', async () => {
          await trial.feed(1);
          await bench.wait(10_000);
          return trial.manifests.length >= 3 ? true : undefined;
        });
        await trial.settle();
        for (const [at, manifest] of trial.manifests.entries()) {
          same(manifest.body.sequence, at + 1, 'the sequence of the next checkpoint');
          afterItsOutputs(trial, manifest);
        }
        same(trial.manifests[0]?.body.baseSequence, undefined, 'the base of the first checkpoint');
      }),
  },
  check(
    'checkpoints',
    'manifest',
    'A manifest says whose state it is, how far its inputs were read, and how many outputs it has given.',
    async (trial, bench) => {
      const running = await trial.run();
      await trial.feed(1, 2, 3);
      await trial.settle();
      const { body: manifest } = await trial.checkpoint('full');
      same(manifest.mac, bench.mac, 'the MAC');
      same(manifest.incarnation, bench.incarnation, 'the incarnation');
      same(manifest.programId, running.programId, 'the program id');
      same(manifest.nonce, running.nonce, 'the nonce');
      same(manifest.artefact, trial.spec.artefact, 'the artefact');
      same(manifest.baseSequence, undefined, 'the base');
      same(manifest.pageIndexes.length, manifest.pageCount, 'the number of pages carried');
      same(manifest.outputNumber, 3, 'the output number');
      same(manifest.input.sequence, trial.inputs.at(-1)?.sequence, 'the input sequence');
      same(manifest.input.dataNumber, 3, 'the data number');
      same(manifest.input.tickNumber, 0, 'the tick number');
    },
  ),
  check(
    'checkpoints',
    'pages',
    'Pages are served by their index; each has the digest of the manifest, and all of them the state digest.',
    async (trial) => {
      const state = await stateAfterFive(trial);
      const two = await trial.askPages(state.manifest, Uint32Array.of(state.manifest.pageCount - 1, 0));
      promised(two.kind === 'pages', 'the last page and the first', two);
      const expected = Buffer.concat([state.memory.subarray(-4096), state.memory.subarray(0, 4096)]);
      promised(Buffer.compare(two.pages, expected) === 0, 'pages in the order asked for', 'another order or other bytes');
    },
  ),
  check(
    'checkpoints',
    'increments',
    'Later checkpoints carry what has changed, on the one before; after chain_max of them comes a full one.',
    async (trial) => {
      let state = await stateAfterFive(trial);
      for (let link = 1; link <= CHAIN_MAX; link++) {
        await trial.feed(link);
        await trial.settle();
        const { body: manifest } = await trial.checkpoint('delta');
        same(manifest.baseSequence, state.manifest.sequence, 'the base of the next checkpoint');
        promised(
          manifest.pageIndexes.length < manifest.pageCount,
          'fewer pages than the whole memory',
          manifest.pageIndexes.length,
        );
        state = await trial.pull(manifest, state);
      }
      await trial.feed(9);
      await trial.settle();
      same((await trial.checkpoint('delta')).body.baseSequence, undefined, `the base after ${CHAIN_MAX} increments`);
    },
  ),
  check(
    'checkpoints',
    'whole-state',
    'A ManifestRequest is answered with the newest state as a full checkpoint.',
    async (trial, bench) => {
      await stateAfterFive(trial);
      await trial.feed(6);
      await trial.settle();
      const { body: increment } = await trial.checkpoint('delta');
      const request = encodeManifestRequest(
        envelope(bench.host, { kind: 'manifest', task: trial.task, epoch: increment.epoch, sequence: increment.sequence }),
      );
      const answer = decodeManifestAnswer(
        await bench.host.bus.request(ecuSubject.pages(bench.mac), request, { timeoutUs: bench.parts.patienceUs }),
      );
      promised(answer.ok && answer.value.body.kind === 'manifest', 'a manifest', answer);
      const { manifest } = answer.value.body;
      same(manifest.baseSequence, undefined, 'its base');
      same(manifest.stateDigest, increment.stateDigest, 'its state digest');
      const { globals, input, outputNumber } = manifest;
      same(
        stateDigest({ table: manifest.pageDigests, globals, input, outputNumber }, (bytes) => systemHasher.hex(bytes)),
        manifest.stateDigest,
        'the digest over it',
      );
      await trial.pull(manifest);
    },
  ),
  check(
    'checkpoints',
    'not-here',
    'Pages of a task that does not run here are refused with ERR_STORE_MISSING.',
    async (trial) => {
      const state = await stateAfterFive(trial);
      await trial.stop();
      const answer = await trial.askPages(state.manifest, Uint32Array.of(0));
      promised(answer.kind === 'refused' && answer.code === 'ERR_STORE_MISSING', 'a refusal with ERR_STORE_MISSING', answer);
    },
  ),
  check(
    'checkpoints',
    'freed-at-quorum',
    'A checkpoint is freed when a quorum of managers has stored it, and not before.',
    async (trial, bench) => {
      await trial.run();
      await trial.feed(1);
      await trial.settle();
      const first = await trial.checkpoint('full');
      await sayStored(bench, first, 'conformance-a');
      await sayStored(bench, first, 'conformance-a');
      await bench.silence();
      same(trial.freed.length, 0, 'the number of freed notices after one manager of two');
      await sayStored(bench, first, 'conformance-b');
      const freed = await bench.eventually('a freed notice', () => trial.freed[0]);
      same(freed.sequence, first.body.sequence, 'the sequence freed');
      same(freed.epoch, 1, 'the epoch freed');
    },
  ),
  check(
    'checkpoints',
    'freed-by-later',
    'A later checkpoint that a quorum has stored frees the earlier ones.',
    async (trial, bench) => {
      await trial.run();
      await trial.feed(1);
      await trial.settle();
      await trial.checkpoint('full');
      await trial.feed(2);
      await trial.settle();
      const second = await trial.checkpoint('delta');
      await Promise.all(['conformance-a', 'conformance-b'].map((manager) => sayStored(bench, second, manager)));
      await bench.eventually('a freed notice for the later one', () =>
        trial.freed.find(({ sequence }) => sequence === second.body.sequence),
      );
    },
  ),
  check(
    'restore',
    'continues',
    'A deploy with a checkpoint fetches it from its holder and goes on exactly there.',
    async (trial, bench) => {
      const state = renamed(await stateAfterFive(trial), 50);
      await trial.stop();
      await bench.manager.hold('conformance-a', state);
      const before = bench.manager.served.get('conformance-a') ?? 0;
      await trial.run({ epoch: 51, checkpoint: referenceTo(state, ['conformance-a']) });
      promised(
        (bench.manager.served.get('conformance-a') ?? 0) > before,
        'the state to be fetched from its holder',
        'no request',
      );
      await trial.feed(6, 7);
      await trial.settle();
      same(trial.counted.length, 7, 'the number of outputs');
    },
  ),
  check(
    'restore',
    'suppresses',
    'While it replays, an instance does not put out again what was accepted before.',
    async (trial, bench) => {
      const state = renamed(await stateAfterFive(trial), 50);
      await trial.feed(6, 7, 8);
      await trial.settle();
      await trial.stop();
      await bench.manager.hold('conformance-a', state);
      await trial.run({ epoch: 51, checkpoint: referenceTo(state, ['conformance-a']) });
      await trial.feed(9);
      await trial.settle();
      same(trial.counted.length, 9, 'the number of outputs');
    },
  ),
  check(
    'restore',
    'from-the-start',
    'Without a checkpoint an instance begins at the first input, and puts out only what is new.',
    async (trial) => {
      await trial.run();
      await trial.feed(1, 2, 3);
      await trial.settle();
      await trial.stop();
      await trial.run();
      await trial.feed(4);
      await trial.settle();
      same(trial.counted.length, 4, 'the number of outputs');
    },
  ),
  check(
    'restore',
    'next-holder',
    'A holder that is gone, or gives damaged pages, is passed over for the next one.',
    async (trial, bench) => {
      const state = renamed(await stateAfterFive(trial), 50);
      await trial.stop();
      await bench.manager.hold('conformance-damaged', state, { damages: true });
      await bench.manager.hold('conformance-a', state);
      await trial.run({
        epoch: 51,
        checkpoint: referenceTo(state, ['conformance-nobody', 'conformance-damaged', 'conformance-a']),
      });
      await trial.feed(6);
      await trial.settle();
    },
  ),
  check(
    'restore',
    'damaged',
    'A state that no holder gives undamaged is refused with ERR_STORE_CORRUPT; nothing runs.',
    async (trial, bench) => {
      const state = renamed(await stateAfterFive(trial), 50);
      await trial.stop();
      await bench.manager.hold('conformance-damaged', state, { damages: true });
      await trial.refused(
        trial.deploy({ epoch: 51, checkpoint: referenceTo(state, ['conformance-damaged']) }),
        'ERR_STORE_CORRUPT',
      );
      same(await trial.accepted(), false, 'whether it is among the accepted');
    },
  ),
  check(
    'restore',
    'trimmed',
    'A deploy whose next input may be gone (its cursor is below `trimmed`) is refused with ERR_INPUT_TRIMMED, before its marker.',
    async (trial, bench) => {
      const state = renamed(await stateAfterFive(trial), 50);
      await trial.feed(6, 7);
      await trial.settle();
      await trial.stop();
      await bench.manager.hold('conformance-a', state);
      const checkpoint = referenceTo(state, ['conformance-a']);
      const sequence = trial.inputs.at(-1)?.sequence ?? 0;
      const trimmed = { sequence, dataNumber: 7, tickNumber: 0 };
      await trial.refused(trial.deploy({ epoch: 51, checkpoint, trimmed }), 'ERR_INPUT_TRIMMED');
      await trial.refused(trial.deploy({ epoch: 52, trimmed }), 'ERR_INPUT_TRIMMED');
      same(await trial.accepted(), false, 'whether what was refused is among the accepted');
      await trial.outputsNow();
      same(trial.markers.length, 1, 'the number of markers');
      // Up to the cursor itself is as good as nothing: all that it has not read is there.
      await trial.run({ epoch: 53, checkpoint, trimmed: state.manifest.input });
      await trial.feed(8);
      await trial.settle();
      same(trial.counted.length, 8, 'the number of outputs');
    },
  ),
  check('restore', 'missing', 'A state that no holder has is refused with ERR_STORE_MISSING.', async (trial) => {
    const state = renamed(await stateAfterFive(trial), 60);
    await trial.stop();
    await trial.refused(
      trial.deploy({ epoch: 61, checkpoint: referenceTo(state, ['conformance-nobody']) }),
      'ERR_STORE_MISSING',
    );
  }),
];
