/**
 * The managers' part in learning: reads what bridges report, and when there is enough that is new, has the fleet's model fine-tuned and published.
 *
 * L1. Nothing here is computed but counts: the training is the tuner's, in a thread of its own.
 * L2. Who trains: whoever is first by rendezvous hashing among the living managers. The others wait `everyUs` longer for each that
 *     stands before them, so that a manager that does not learn, or cannot, keeps nobody from it. Two that train at once meet at the
 *     head of the versions: one has published, the other has lost and begins again from there.
 * L3. A version is published only if it is no worse than its parent on sets that neither learned from; else the attempt is written down,
 *     and there is no other before something new was reported (`model-head.ts`).
 * L4. Bounded: REPORTS_BYTES_MAX of reports, KNOWN_MAX sets. The newest stay.
 * L5. All of it is in the stream and the bucket: a manager that starts anew knows what the one before knew.
 */
import { DroverError } from '../src/domain/kernel/error-codes.ts';
import {
  type ModelHead,
  type TrainingTold,
  versionText,
  whyNotPublished,
  withAttempt,
  withVersion,
} from '../src/domain/learn/fleet/model-head.ts';
import { isLearnable, isTeachable, keyOfSet } from '../src/domain/learn/fleet/outcome.ts';
import { decodeOutcomeReport } from '../src/domain/protocol/codec-learn.ts';
import type { LearningView } from '../src/domain/protocol/messages.ts';
import { learnSubject, streams } from '../src/domain/protocol/subjects.ts';
import type { StreamMessage } from '../src/ports/bus.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { FineTuner, Tuned } from '../src/ports/fine-tuner.ts';
import type { ModelBoard } from '../src/ports/model-board.ts';
import type { Host } from './host.ts';

export interface LearningPolicy {
  /** Different sets that must have been seen. */
  readonly setsLeast: number;
  /** Between two trainings of one manager. */
  readonly everyUs: number;
}

export interface FleetLearnerParts {
  readonly host: Host;
  readonly manager: string;
  readonly board: ModelBoard;
  readonly tuner: FineTuner;
  readonly policy: LearningPolicy;
  /** Living managers that are to train before this one (L2). */
  readonly rank: () => number;
  /** The file to begin from where there is no version; undefined: from drawn sets. */
  readonly given: Uint8Array | undefined;
}

const REPORTS_BYTES_MAX = 4 * 1024 * 1024;
const KNOWN_MAX = 65_536;
/** Of `setsLeast`: so many sets, or outcomes of known ones, must be new. */
const NEW_SHARE = 4;
const CHECK_US_MAX = 5_000_000;

export class FleetLearner {
  private readonly parts: FleetLearnerParts;
  private reports: StreamMessage[] = [];
  private reportBytes = 0;
  private newestSequence = 0;
  /** Sets with an outcome, and where in the stream each was told of first. */
  private readonly known = new Map<string, number>();
  private readonly sets = new Set<string>();
  private consuming: Cancel | undefined;
  private checking: Cancel | undefined;
  private dueSinceUs: number | undefined;
  private trainedUs: number | undefined;
  private training = false;
  private stopped = false;
  /** What the tuner found too little; asked again when there is more. */
  private tooFew = 0;

  constructor(parts: FleetLearnerParts) {
    this.parts = parts;
  }

  async start(): Promise<void> {
    const { bus } = this.parts.host;
    this.consuming = await bus.consume(streams.learning, { filter: learnSubject.all, from: 1 }, (message) =>
      this.heard(message),
    );
    this.checkLater();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.consuming?.();
    this.checking?.();
    await this.parts.tuner.close();
  }

  told(): NonNullable<LearningView['learner']> {
    const { policy, rank } = this.parts;
    return { training: this.training, sets: this.sets.size, setsLeast: policy.setsLeast, rank: rank() };
  }

  private heard(message: StreamMessage): void {
    const { counters } = this.parts.host;
    const report = decodeOutcomeReport(message.payload);
    if (!report.ok) {
      counters.add(`wire.${report.error.kind}`);
      return;
    }
    this.newestSequence = message.sequence;
    const { scheduling } = report.value.body;
    if (!isLearnable(scheduling)) {
      counters.add('learn.rowsUndeclared', report.value.body.rows.length);
      return;
    }
    const rows = report.value.body.rows.filter(({ tasks }) => isTeachable(tasks));
    if (rows.length === 0) return;
    counters.add('learn.rowsHeard', rows.length);
    this.reports.push(message);
    this.reportBytes += message.payload.length;
    while (this.reportBytes > REPORTS_BYTES_MAX) this.reportBytes -= this.reports.shift()?.payload.length ?? 0;
    for (const { tasks, outcome } of rows) {
      const set = `${scheduling} ${keyOfSet(tasks)}`;
      const key = `${outcome} ${set}`;
      if (this.known.has(key)) continue;
      this.known.set(key, message.sequence);
      this.sets.add(set);
      const [oldest] = this.known.keys();
      if (this.known.size > KNOWN_MAX && oldest !== undefined) this.forget(oldest);
    }
  }

  private forget(key: string): void {
    this.known.delete(key);
    const set = key.slice(key.indexOf(' ') + 1);
    if (!this.known.has(`met ${set}`) && !this.known.has(`missed ${set}`)) this.sets.delete(set);
  }

  private checkLater(): void {
    const { host, policy } = this.parts;
    this.checking = host.clock.after(Math.min(policy.everyUs, CHECK_US_MAX), () => {
      void this.check().finally(() => {
        if (!this.stopped) this.checkLater();
      });
    });
  }

  private async check(): Promise<void> {
    const { host, board, policy, rank } = this.parts;
    if (!host.bus.connected() || this.sets.size < Math.max(policy.setsLeast, this.tooFew)) return;
    try {
      const { head, position } = await board.read();
      const nowUs = host.clock.monotonicUs();
      if (this.freshSince(head.learnedUpTo) < Math.ceil(policy.setsLeast / NEW_SHARE)) {
        this.dueSinceUs = undefined;
        return;
      }
      this.dueSinceUs ??= nowUs;
      // L2.
      if (nowUs - this.dueSinceUs < rank() * policy.everyUs) return;
      if (this.trainedUs !== undefined && nowUs - this.trainedUs < policy.everyUs) return;
      await this.train(head, position);
    } catch (cause) {
      if (!(cause instanceof DroverError)) throw cause;
      host.counters.add('learn.trainingFailed');
      host.log.error('the fleet’s model could not be trained', { code: cause.code, cause });
    }
  }

  /** What was not there yet at the last training; a stream that was made anew counts from the beginning. */
  private freshSince(learnedUpTo: number): number {
    if (learnedUpTo > this.newestSequence) return this.known.size;
    let fresh = 0;
    for (const sequence of this.known.values()) if (sequence > learnedUpTo) fresh++;
    return fresh;
  }

  private async train(head: ModelHead, position: number): Promise<void> {
    const { host, tuner, policy } = this.parts;
    const learnedUpTo = this.newestSequence;
    const parent = await this.parentOf(head);
    const request = { reports: this.reports.map(({ payload }) => payload), parent: parent.file, setsLeast: policy.setsLeast };
    this.training = true;
    try {
      const tuned = await tuner.tune({ ...request, seed: (head.versions[0]?.number ?? 0) + 1 });
      if (this.stopped) return;
      if (tuned.kind === 'too-few') {
        this.tooFew = this.sets.size + Math.max(1, policy.setsLeast - tuned.sets);
        return;
      }
      host.counters.add('learn.trained');
      await this.publish(tuned, { head, position, learnedUpTo, parent: parent.digest });
    } finally {
      this.training = false;
      // A thread that takes long is not started again at once.
      this.trainedUs = host.clock.monotonicUs();
      this.dueSinceUs = undefined;
    }
  }

  /** Where the newest version's file is gone or damaged, the chain ends there: the next one begins as the first did. */
  private async parentOf({
    versions: [newest],
  }: ModelHead): Promise<{ file: Uint8Array | undefined; digest: string | undefined }> {
    const { host, board, given } = this.parts;
    if (newest === undefined) return { file: given, digest: undefined };
    try {
      return { file: await board.bytesOf(newest), digest: newest.digest };
    } catch (cause) {
      if (!(cause instanceof DroverError) || (cause.code !== 'ERR_MODEL_FILE' && cause.code !== 'ERR_STORE_MISSING'))
        throw cause;
      host.log.error('the newest version cannot be gone on from; training begins anew', { code: cause.code, cause });
      return { file: given, digest: undefined };
    }
  }

  private async publish(
    tuned: Extract<Tuned, { kind: 'tuned' }>,
    from: {
      readonly head: ModelHead;
      readonly position: number;
      readonly learnedUpTo: number;
      readonly parent: string | undefined;
    },
  ): Promise<void> {
    const { host, board, manager } = this.parts;
    const { head, position, learnedUpTo, parent } = from;
    const { kind: _, file, digest, ...figures } = tuned;
    const training: TrainingTold = { ...figures, by: manager, atUs: host.clock.wallUs() };
    const why = whyNotPublished(training);
    if (why !== undefined) {
      const answer = await board.replace(withAttempt(head, { ...training, why }, learnedUpTo), position);
      if (answer === 'lost') return this.lost();
      host.counters.add('learn.attemptsRefused');
      host.log.info('what was trained is not published', { why, ...figures });
      return;
    }
    const key = await board.put(manager, head, file);
    const number = (head.versions[0]?.number ?? 0) + 1;
    const version = { ...training, number, digest, parent, key, bytes: file.length };
    if ((await board.replace(withVersion(head, version, learnedUpTo), position)) === 'lost') return this.lost();
    host.counters.add('learn.published');
    host.log.info('a version of the fleet’s model is published', { version: versionText(version), ...figures });
  }

  private lost(): void {
    this.parts.host.counters.add('learn.lostRace');
    this.parts.host.log.info('another manager has published meanwhile');
  }
}
