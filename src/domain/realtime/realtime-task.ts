/**
 * A real-time task as analysis and simulation see it: times and urgency, nothing of programs or ECUs.
 *
 * All times are integer µs. A deadline counts from the arrival, before the jitter.
 */
export interface RealtimeTask {
  readonly wcetUs: number;
  /** Shortest time between two arrivals; positive. */
  readonly periodUs: number;
  readonly deadlineUs: number;
  /** A larger number is more urgent. */
  readonly priority: number;
  /** Longest delay between arrival and release; 0 when absent. */
  readonly jitterUs?: number;
  /** Longest time a less urgent task can hold this one up; 0 when absent. */
  readonly blockingUs?: number;
  /** When the first job arrives; 0 when absent. Only a simulation looks at it: an analysis assumes the worst. */
  readonly offsetUs?: number;
  /** Partitioned: the core it is bound to, from 0. Either all tasks have one or none; without, they are packed. */
  readonly core?: number;
}
