/**
 * What the output subject of a conformance task must hold, given its input subject. The task counts: a tick adds one, a data
 * input (a whole number as text) adds that number, and each job puts out the count as text on channel 0. So the outputs are
 * a function of the inputs' order, and every lost, doubled or swapped one shows.
 *
 *   O1. The first message is a marker, and every output has the epoch and nonce of the marker before it.
 *   O2. Output numbers are consecutive from 1; a marker repeats the number before it.
 *   O3. Markers' epochs never fall.
 *   O4. Output n is what job n of an undisturbed run gives.
 */
import { header } from '../../domain/protocol/subjects.ts';
import type { StreamMessage } from '../../ports/bus.ts';

export const isMarker = (message: StreamMessage): boolean => message.headers[header.marker] === '1';
export const outputNumberOf = (message: StreamMessage): number => Number(message.headers[header.output]);
export const textOf = (message: StreamMessage): string => new TextDecoder().decode(message.payload);

/** The texts that the given inputs lead to. Inputs that were consumed already (a number seen before) lead to none. */
export function countsAfter(inputs: readonly StreamMessage[]): string[] {
  const last = { data: 0, tick: 0 };
  const counts: string[] = [];
  let count = 0;
  for (const input of inputs) {
    const kind = input.subject.endsWith('.tick') ? 'tick' : 'data';
    const number = Number(input.headers[header.number]);
    if (number <= last[kind]) continue;
    last[kind] = number;
    count += kind === 'tick' ? 1 : Number(textOf(input));
    counts.push(String(count));
  }
  return counts;
}

/** The first thing that is wrong, or undefined. The two lists are read one by one, so either may be behind the other. */
export function wrongOutput(outputs: readonly StreamMessage[], inputs: readonly StreamMessage[]): string | undefined {
  const counts = countsAfter(inputs);
  let marker: StreamMessage | undefined;
  let number = 0;
  for (const [at, output] of outputs.entries()) {
    const where = `message ${at + 1} of the output subject`;
    const { headers } = output;
    if (isMarker(output)) {
      if (outputNumberOf(output) !== number)
        return `${where} is a marker after output ${number} and says ${header.output} ${headers[header.output]}`;
      if (output.payload.length > 0) return `${where} is a marker with a payload of ${output.payload.length} bytes`;
      if (marker !== undefined && Number(headers[header.epoch]) < Number(marker.headers[header.epoch]))
        return `${where} is a marker of an epoch below the one before`;
      marker = output;
      continue;
    }
    if (marker === undefined) return `${where} is an output and no marker stands before it`;
    number++;
    if (outputNumberOf(output) !== number)
      return `${where} should be output ${number} and says ${header.output} ${headers[header.output]}`;
    for (const name of [header.epoch, header.nonce]) {
      if (headers[name] !== marker.headers[name])
        return `${where} says ${name} ${headers[name]}, and the marker before it ${marker.headers[name]}`;
    }
    if (headers[header.channel] !== '0') return `${where} should say ${header.channel} 0 and says ${headers[header.channel]}`;
    const count = counts[number - 1];
    if (count !== undefined && textOf(output) !== count) return `output ${number} should be ${count} and is ${textOf(output)}`;
  }
  return undefined;
}
