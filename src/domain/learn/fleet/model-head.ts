/**
 * Which versions of the fleet's model there are: one small entry that is written by compare-and-set, so that of two managers that trained at the same
 * time one has published and the other has lost. The bytes of each version stand beside it, under the key that the entry names.
 *
 * H1. A version's number is one more than its parent's, and nothing follows a version but one that names it as its parent. Readers take a
 *     version only if its number is above the one they have.
 * H2. A version is published only where it is no worse than its parent on rows that neither has learned from. What was tried and not
 *     published stays in `attempts`, with the numbers, and is not tried again with the same rows (`learnedUpTo`).
 * H3. Bounded: VERSIONS_KEPT versions, ATTEMPTS_KEPT attempts.
 */
import { assert } from '../../kernel/assert.ts';
import type { Digest } from '../../model/ids.ts';
import { SCHEDULING_KINDS, type SchedulingKind } from './outcome.ts';

export const HEAD_VERSION = 1;
export const VERSIONS_KEPT = 8;
export const ATTEMPTS_KEPT = 8;

/** Of one training: on what, and how good its result is. */
export interface TrainingTold {
  /** The manager. */
  readonly by: string;
  readonly atUs: number;
  readonly tookUs: number;
  /** How the ECUs share a core whose sets were learned from. */
  readonly scheduling: SchedulingKind;
  readonly backend: string;
  /** Rows that the fleet had reported, and the different sets that they are about: those learned from and those held back. */
  readonly rows: number;
  readonly sets: number;
  readonly heldBack: number;
  /** Drawn sets with the exact test's answers, learned from as well so that they are not forgotten. */
  readonly drawn: number;
  /** On the sets held back; the parent's on the same ones, where there is a parent. */
  readonly accuracy: number;
  readonly parentAccuracy: number | undefined;
}

export interface ModelVersion extends TrainingTold {
  readonly number: number;
  /** SHA-256 of the file. */
  readonly digest: Digest;
  /** Undefined: it began from drawn sets, or from a file that a manager was given. */
  readonly parent: Digest | undefined;
  /** Where its bytes stand in the bucket. */
  readonly key: string;
  readonly bytes: number;
}

/** Trained and not published. */
export interface Attempt extends TrainingTold {
  readonly why: string;
}

export interface ModelHead {
  /** The newest first. */
  readonly versions: readonly ModelVersion[];
  readonly attempts: readonly Attempt[];
  /** Rows up to this sequence of the stream LEARNING were there at the last training. */
  readonly learnedUpTo: number;
}

export const NO_HEAD: ModelHead = { versions: [], attempts: [], learnedUpTo: 0 };

export function withVersion(head: ModelHead, version: ModelVersion, learnedUpTo: number): ModelHead {
  const [parent] = head.versions;
  assert(version.number === (parent?.number ?? 0) + 1, 'a version follows the newest one (H1)');
  return { ...head, versions: [version, ...head.versions].slice(0, VERSIONS_KEPT), learnedUpTo };
}

export const withAttempt = (head: ModelHead, attempt: Attempt, learnedUpTo: number): ModelHead => ({
  ...head,
  attempts: [attempt, ...head.attempts].slice(0, ATTEMPTS_KEPT),
  learnedUpTo,
});

/** H2. The sentence goes on after "it". Undefined: it may be published. */
export function whyNotPublished({ accuracy, parentAccuracy }: TrainingTold): string | undefined {
  if (parentAccuracy === undefined || accuracy >= parentAccuracy) return undefined;
  return `is right about ${percent(accuracy)} of the sets held back, its parent about ${percent(parentAccuracy)}`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** "v3 5f2a1c0d", for people. */
export const versionText = ({ number, digest }: Pick<ModelVersion, 'number' | 'digest'>): string =>
  `v${number} ${digest.slice(0, 8)}`;

// ——— as JSON ———

export const encodeHead = (head: ModelHead): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ version: HEAD_VERSION, ...head }));

type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with it, as a sentence that goes on after "the entry", or the head. */
export function parseHead(payload: Uint8Array): ModelHead | string {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return 'is no JSON';
  }
  if (!isFields(value)) return 'is no object';
  if (value['version'] !== HEAD_VERSION) return `is of version ${String(value['version'])}, this build reads ${HEAD_VERSION}`;
  const { versions, attempts, learnedUpTo } = value;
  if (!isCount(learnedUpTo)) return 'does not say what was learned from';
  if (!Array.isArray(versions) || versions.length > VERSIONS_KEPT || !versions.every(isVersion))
    return 'has a version that is none';
  if (!Array.isArray(attempts) || attempts.length > ATTEMPTS_KEPT || !attempts.every(isAttempt))
    return 'has an attempt that is none';
  // H1.
  const isChain = versions.every((one, at) => at === 0 || one.number === (versions[at - 1] as ModelVersion).number - 1);
  return isChain ? { versions, attempts, learnedUpTo } : 'has versions that do not follow each other';
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isShare = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;
const isText = (value: unknown): value is string => typeof value === 'string' && value.length > 0 && value.length <= 256;
const isDigest = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
/** A manager's name and a number, so that no entry can name a key that is none of a model. */
const isKey = (value: unknown): boolean => typeof value === 'string' && /^model\.[A-Za-z0-9_-]{1,128}\.\d{1,3}$/.test(value);

function isTraining(value: unknown): value is Fields {
  if (!isFields(value)) return false;
  const { by, atUs, tookUs, scheduling, backend, rows, sets, heldBack, drawn, accuracy, parentAccuracy } = value;
  return (
    isText(by) &&
    isText(backend) &&
    [atUs, tookUs, rows, sets, heldBack, drawn].every(isCount) &&
    SCHEDULING_KINDS.some((kind) => kind === scheduling) &&
    isShare(accuracy) &&
    (parentAccuracy === undefined || isShare(parentAccuracy))
  );
}

function isVersion(value: unknown): value is ModelVersion {
  if (!isTraining(value)) return false;
  const { number, digest, parent, key, bytes } = value;
  return (
    isCount(number) &&
    number > 0 &&
    isDigest(digest) &&
    (parent === undefined || isDigest(parent)) &&
    isKey(key) &&
    isCount(bytes)
  );
}

const isAttempt = (value: unknown): value is Attempt => isTraining(value) && isText(value['why']);
