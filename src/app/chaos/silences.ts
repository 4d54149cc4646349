/**
 * What a task's users noticed of each change of instance: how long it was silent, and which deadlines passed meanwhile. Bridges count the jobs that were
 * late where they ran; of jobs whose time came while nobody ran them, or which waited until an instance had caught up, no bridge knows.
 */
import type { TaskSpec } from '../../domain/model/task.ts';
import type { RecordedOutput, TaskRecording } from './recording.ts';

interface Silence {
  readonly fromUs: number;
  /** The next instance's marker, and its first output. */
  readonly markerUs: number;
  readonly untilUs: number;
}

/** From the last output of one instance to the first of the next, a tick's or an input's wait included. */
export function silencesOf({ outputs }: Pick<TaskRecording, 'outputs'>): Silence[] {
  const silences: Silence[] = [];
  let before: RecordedOutput | undefined;
  let markerUs: number | undefined;
  for (const output of outputs) {
    if (output.marker) {
      markerUs = output.atUs;
      continue;
    }
    if (before !== undefined && before.epoch !== output.epoch)
      silences.push({ fromUs: before.atUs, markerUs: markerUs ?? output.atUs, untilUs: output.atUs });
    before = output;
  }
  return silences;
}

/** Ticks that fell due and data that came too long before the next instance spoke. Without a deadline nothing is late. */
export function missedInSilence(
  recording: Pick<TaskRecording, 'inputs' | 'outputs'>,
  { periodUs, deadlineUs }: Pick<TaskSpec, 'periodUs' | 'deadlineUs'>,
): number {
  if (deadlineUs === 0) return 0;
  let missed = 0;
  for (const { fromUs, markerUs, untilUs } of silencesOf(recording)) {
    if (periodUs > 0) missed += Math.floor(Math.max(0, untilUs - fromUs - deadlineUs) / periodUs);
    // What came after the marker is the new instance's, whose bridge counts.
    const lastUs = Math.min(markerUs, untilUs - deadlineUs);
    for (const { kind, atUs } of recording.inputs) if (kind === 'data' && atUs > fromUs && atUs < lastUs) missed++;
  }
  return missed;
}
