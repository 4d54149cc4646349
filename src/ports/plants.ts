/**
 * Known ways to break drover, each by name, so that a test can put one in and see its scenario fail: a test that passes with
 * the mechanism taken out proves nothing. Many of them were real bugs once. Production passes none; nothing else reads these
 * names. `LOOP_PLANTS` break the one loop; `FLEET_PLANTS` break what bridges, instances and managers do with it.
 */
export const LOOP_PLANTS = [
  // the loop (actors/shell.ts, outbox.ts, timers.ts, next-record.ts)
  /** Appends at whatever position the store is at. */
  'skip-compare-and-set',
  /** Takes an event again that the record has seen. */
  'forget-seen',
  /** A step keeps only what it opened itself. */
  'overwrite-outbox',
  /** Takes a timer that the record no longer holds. */
  'accept-stale-timer',
  /** Takes an answer to an entry that the record no longer holds. */
  'accept-stale-answer',
  /** Timers of an earlier incarnation are not armed. */
  'lose-timers-on-restart',
  /** Timers are recorded and never counted: nobody answers for what was begun. */
  'never-count-timers',
  /** Counts a timer from the record's own time, by a clock that is another host's. */
  'early-timers',
  /** Performs what no record holds yet. */
  'perform-before-append',
  /** Acknowledges what no record holds yet. */
  'acknowledge-before-append',
  /** Takes an append without an answer for written. */
  'trust-lost-answer',
  /** Takes an append that was refused for lost, without looking whether it was its own earlier one. */
  'ignore-own-late-append',
  /** Lets a late answer put an older record over a newer one. */
  'adopt-older',
  /** Leaves a gone writer's records alone. */
  'no-takeover',
  /** Acknowledges what the present state cannot take yet. */
  'drop-deferred',
  /** Leaves entries open that are answered after the chart's end. */
  'forget-answers-at-the-end',
] as const;

/** Mechanisms of managers as the miniature of them has them (`test/sim/miniature.ts`): a model's bugs, not the code's. */
export const MINIATURE_PLANTS = [
  /** An effect that reads the world acts on what it read. */
  'act-on-reading',
  /** A failure is raised once per incarnation, whatever placements say later. */
  'no-reopen',
  /** An answer given in an earlier incarnation is given again as if it were of this one. */
  'trust-earlier-incarnation',
  /** A taker that finds the epoch taken does not look by whom. */
  'nameless-refusal',
] as const;

export const FLEET_PLANTS = [
  // the instance and its bridge (actors/instance.ts, task.ts, bridge.ts)
  /** A new instance goes on without a marker: nothing refuses what a stale one appends. */
  'skip-marker',
  /** Outputs are appended wherever the stream is. */
  'append-blindly',
  /** An instance that appends nothing never learns that its task has moved. */
  'never-ask-placement',
  /** A slow start of an earlier epoch takes the place of a later instance. */
  'start-overtaken',
  /** An instance whose start could not be written down is started again, and again. */
  'start-again',
  /** That an instance ended is only the answer to its start, also when nobody waits for that any more. */
  'end-unanswered',
  /** Having caught up is not taken for having started. */
  'drop-early-caught-up',
  /** A command is overtaken by what its actor said of another task. */
  'overtake-by-actor',
  /** The bridge accepts whatever it is told to run. */
  'overfill',
  /** Nobody is told that an instance has ended. */
  'end-in-silence',
  /** A command that was overtaken by a later one of its actor is obeyed. */
  'obey-overtaken',
  /** A command for an earlier incarnation is answered as if that one lived. */
  'answer-for-the-dead',
  /** An input that is not the next one is taken for the next one. */
  'skip-input-gap',
  /** How many ticks fell due is told by the ECU's wall clock. */
  'trust-own-clock',
  /** A bridge whose disk has forgotten its last start counts from what is left there. */
  'forget-incarnation',
  /** A bridge falls asleep with the tasks that it has. */
  'sleep-with-tasks',
  /** A bridge that sleeps takes a task all the same. */
  'take-tasks-asleep',
  /** No sleeper is woken for tasks that wait for a place (actors/power-manager.ts). */
  'let-them-wait',
  /** Whether all tasks can leave an ECU is found out on the way (actors/power-manager.ts). */
  'begin-in-part',
  /** An ECU sleeps on when a reservation of it begins (actors/power-manager.ts). */
  'sleep-through',
  /** A call that is repeated makes a second reservation (actors/reservations.ts). */
  'reserve-again',
  /** What is reserved on an ECU already does not count when more is (actors/reservations.ts). */
  'overbook',
  // checkpoints (actors/checkpoint-source.ts, janitor.ts, fleet-knowledge.ts)
  /** The newest capture is served although its outputs are not accepted. */
  'serve-unaccepted',
  /** A capture is announced although its outputs are not accepted. */
  'announce-unaccepted',
  /** One manager's copy is taken for a quorum. */
  'free-before-quorum',
  /** An increment leaves out a page that has changed. */
  'forget-page',
  /** Inputs are trimmed by what one manager has, before the placement says so. */
  'trim-unmarked',
  /** What a manager holds that lagged behind a dead one is forgotten. */
  'forget-laggard',
  /** A checkpoint is said to be stored before it is. */
  'say-stored-early',
  // managers (actors/arbiter.ts, duty.ts, manager.ts)
  /** A restore goes on claiming a task that another has placed meanwhile. */
  'claim-what-passed',
  /** A restore that waits for an instance is not told that its task has passed to another. */
  'never-tell-what-passed',
  /** Whoever waits for an instance to catch up answers for its task, whatever becomes of it. */
  'answer-for-the-owned',
  /** An instance that caught up before its deploy was answered is not remembered to have. */
  'forget-early-caught-up',
  /** A task is restored by what this manager has heard of its checkpoints, though it ran in another's share. */
  'know-own-share',
  /** An ECU that was found dead is dead, though others watch it now and it may have shown life. */
  'believe-old-views',
  /** An epoch that another attempt took is taken for one's own. */
  'give-epoch-twice',
  /** Whoever takes an epoch follows whichever is there, instead of the one that it planned by. */
  'take-any-epoch',
  /** A deploy goes where there is most room when it is sent, instead of where the record says. */
  'deploy-on-reading',
  /** A sign of life cancels no suspicion. */
  'act-on-stale-suspicion',
  /** Whoever took an epoch is trusted to answer for it, also when it has come to its end. */
  'trust-taker',
  /** Nobody looks for what no event sets off. */
  'no-duty',
  // migrations (actors/migration.ts)
  /** A source that stands still is told to go on before the abort is on record. */
  'resume-unaborted',
  /** The target is deployed to without its epoch having been taken. */
  'switch-unclaimed',
  /** What a state computed ahead of the instance that it followed is taken for accepted. */
  'forget-followed-outputs',
  /** A source whose target keeps up with it is told to stand still all the same. */
  'pause-followed',
  // predictors (actors/foresight.ts)
  /** Nothing is asked of the managers of other shares about what they foresee. */
  'foresee-own-share',
  // chains (actors/router.ts, janitor.ts, record-shares.ts, chain-moves.ts)
  /** Outputs are routed wherever the data are. */
  'route-blindly',
  /** The marker of a new instance is taken for one of its outputs. */
  'route-markers',
  /** Outputs are trimmed that no route has passed. */
  'trim-unrouted',
  /** Of a task of another share it is not noted by whom it is fed. */
  'know-own-chains',
  /** A task of a chain that moves as one goes on without the others. */
  'move-alone',
  /** A chain is committed when all that can be kept up with are, though another of its tasks has not handed over its state. */
  'commit-unready',
] as const;

/** All that can be planted in a fleet. */
export const PLANTS = [...LOOP_PLANTS, ...FLEET_PLANTS] as const;

export type LoopPlant = (typeof LOOP_PLANTS)[number] | (typeof MINIATURE_PLANTS)[number];
export type FleetPlant = (typeof FLEET_PLANTS)[number];
export type Plant = LoopPlant | FleetPlant;

export interface Plants {
  planted(name: Plant): boolean;
}

export const NO_PLANTS: Plants = { planted: () => false };

export const plantsNamed = (names: readonly Plant[]): Plants => ({ planted: (name) => names.includes(name) });
