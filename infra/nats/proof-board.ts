/** The bucket `proofs`, one JSON object per task, so that `nats kv watch proofs` shows what was tried. */
import type { Proof, Trial } from '../../src/domain/checkpoint/proof.ts';
import { DroverError } from '../../src/domain/kernel/error-codes.ts';
import type { CheckpointOrder } from '../../src/domain/model/checkpoint.ts';
import { bucket, buckets } from '../../src/domain/protocol/subjects.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { ProofBoard } from '../../src/ports/proof-board.ts';

const APPEND_TIMEOUT_US = 2_000_000;
const VERSION = 1;

export function createBusProofBoard(bus: Bus): ProofBoard {
  return {
    async put(proof) {
      const payload = new TextEncoder().encode(JSON.stringify({ version: VERSION, ...proof }));
      const answer = await bus.append(bucket.entry(buckets.proofs, proof.task), payload, { timeoutUs: APPEND_TIMEOUT_US });
      if (answer.kind === 'appended' || answer.kind === 'duplicate') return;
      if (answer.kind === 'full') throw new DroverError('ERR_BUS_STREAM_FULL', 'The bucket `proofs` is at its bound.');
      throw new DroverError('ERR_BUS_TIMEOUT', `the proof of ${proof.task} was not answered`, { retryable: true });
    },
    follow(handler) {
      const options = { filter: bucket.all(buckets.proofs), from: 'last-per-subject' } as const;
      return bus.consume(bucket.stream(buckets.proofs), options, ({ subject, payload }) => {
        const proof = readProof(bucket.keyOf(buckets.proofs, subject), payload);
        if (proof !== undefined) handler(proof);
      });
    },
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** Undefined for what another version wrote, and for what is none. */
export function readProof(task: string, payload: Uint8Array): Proof | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  if (!isFields(value) || value['version'] !== VERSION || value['task'] !== task) return undefined;
  const { last, proven, refuted } = value;
  if (!isTrial(last) || !(proven === undefined || isTrial(proven)) || !Array.isArray(refuted) || !refuted.every(isOrder))
    return undefined;
  return { task, last, proven, refuted };
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isOrder = (value: unknown): value is CheckpointOrder =>
  isFields(value) && isCount(value['epoch']) && isCount(value['sequence']);

function isTrial(value: unknown): value is Trial {
  if (!isFields(value) || !isOrder(value)) return false;
  const { verdict, jobs, outputs, why, by, triedAtUs, storedAtUs } = value as Fields;
  return (
    (verdict === 'proven' || verdict === 'inconclusive' || verdict === 'refuted') &&
    [jobs, outputs, triedAtUs, storedAtUs].every(isCount) &&
    (why === undefined || typeof why === 'string') &&
    typeof by === 'string'
  );
}
