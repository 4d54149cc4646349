/**
 * What is common to every event an actor takes. Events are past-tense facts in plain JSON. `id` makes a repeated delivery
 * recognisable: whoever reports the same fact twice, or two managers that report the same fact, use the same id.
 */
export interface ActorEvent {
  readonly type: string;
  readonly id: string;
  /** Set by the loop when the event is taken; never decreases within an actor. */
  readonly atUs?: number;
  /** The outbox entry this event answers: it is closed by the step that takes the event. */
  readonly closes?: string;
  /** W3C traceparent. */
  readonly trace?: string;
  readonly [field: string]: unknown;
}
