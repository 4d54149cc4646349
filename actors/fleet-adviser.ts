/**
 * Whose advice counts in a manager's plans: the newest version of the fleet's model, and until there is one the model that this manager was given as a
 * file. A version that cannot be taken is told of once; what advised before goes on.
 */
import { createAdviser } from '../src/domain/learn/adviser.ts';
import { versionText } from '../src/domain/learn/fleet/model-head.ts';
import type { Adviser } from '../src/domain/placement/assign.ts';
import type { LearningView } from '../src/domain/protocol/messages.ts';
import type { Advising } from '../src/ports/advising.ts';
import type { Cancel } from '../src/ports/clock.ts';
import type { ModelBoard } from '../src/ports/model-board.ts';
import type { Host } from './host.ts';

export interface NamedAdviser {
  readonly adviser: Adviser;
  readonly name: string;
}

export class FleetAdviser implements Advising {
  private readonly host: Host;
  private readonly board: ModelBoard;
  private now: NamedAdviser | undefined;
  private following: Cancel | undefined;
  /** Why the newest version is not taken. */
  private refused: string | undefined;

  constructor(parts: { readonly host: Host; readonly board: ModelBoard; readonly given: NamedAdviser | undefined }) {
    this.host = parts.host;
    this.board = parts.board;
    this.now = parts.given;
  }

  current(): NamedAdviser | undefined {
    return this.now;
  }

  told(): LearningView {
    const advisedBy = this.now?.name;
    return {
      ...(advisedBy === undefined ? {} : { advisedBy }),
      ...(this.refused === undefined ? {} : { refused: this.refused }),
    };
  }

  async start(): Promise<void> {
    const { host } = this;
    this.following = await this.board.follow({
      onVersion: (version, model) => {
        if (model.purpose !== 'yes-no') return;
        this.now = { adviser: createAdviser(model, version.scheduling), name: versionText(version) };
        this.refused = undefined;
        host.counters.add('learn.adviserReloaded');
        host.log.info('candidates are ranked by a version of the fleet’s model', { version: versionText(version) });
      },
      onRefused: (sentence) => {
        this.refused = sentence;
        host.counters.add('learn.modelRefused');
        host.log.error('a version of the fleet’s model is not taken; who advised before goes on', {
          code: 'ERR_MODEL_FILE',
          why: sentence,
        });
      },
    });
  }

  stop(): void {
    this.following?.();
  }
}
