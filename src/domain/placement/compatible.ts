/**
 * Whether a checkpoint can go on at an ECU: what it needs against what the ECU says it offers. The answer names everything
 * that lacks, in the words of the manifest, so that whoever reads it knows what to install or where to look.
 *
 * A bridge that says nothing of its runtimes' versions has version 1 of each with that version's host functions: what drover
 * had before checkpoints named their needs. One that says nothing of subjects may use all.
 */
import type { CheckpointNeeds, RuntimeOffer } from '../model/compatibility.ts';
import type { EcuDescription } from '../model/ecu.ts';

export type OfferingEcu = Pick<EcuDescription, 'runtimes' | 'capabilities' | 'memoryBytes' | 'offers' | 'subjects'>;

/** Of the runtimes' first versions; a runtime's own constant names what the present one has. */
const FIRST_HOST_FUNCTIONS = ['drover.output', 'drover.log', 'env.abort'] as const;

/** Empty: nothing lacks. */
export function lackOf(needs: CheckpointNeeds, ecu: OfferingEcu): readonly string[] {
  const lacks: string[] = [];
  const offer = offerOf(needs, ecu);
  if (offer === undefined) lacks.push(`runtime ${needs.runtime}`);
  else {
    if (offer.version < needs.runtimeVersion) lacks.push(`runtime ${needs.runtime} ≥ ${needs.runtimeVersion}`);
    for (const name of needs.hostFunctions) if (!offer.hostFunctions.includes(name)) lacks.push(`host function ${name}`);
  }
  if (needs.memoryBytes > ecu.memoryBytes) lacks.push(`${needs.memoryBytes} bytes of memory`);
  for (const name of needs.capabilities) if (!ecu.capabilities.includes(name)) lacks.push(`capability ${name}`);
  const allowed = ecu.subjects ?? [];
  if (allowed.length > 0) {
    for (const subject of needs.subjects) {
      if (!allowed.some((pattern) => covers(pattern, subject))) lacks.push(`subject ${subject}`);
    }
  }
  return lacks;
}

function offerOf({ runtime }: CheckpointNeeds, { offers = [], runtimes }: OfferingEcu): RuntimeOffer | undefined {
  if (offers.length > 0) return offers.find((offer) => offer.runtime === runtime);
  return runtimes.includes(runtime) ? { runtime, version: 1, hostFunctions: FIRST_HOST_FUNCTIONS } : undefined;
}

/** Whether every subject that `subject` stands for (it may end in `>`) is one that `pattern` allows. */
export function covers(pattern: string, subject: string): boolean {
  const allowed = pattern.split('.');
  const wanted = subject.split('.');
  for (let at = 0; at < wanted.length; at++) {
    if (allowed[at] === '>') return true;
    if (wanted[at] === '>' || allowed[at] === undefined) return false;
    if (allowed[at] !== '*' && allowed[at] !== wanted[at]) return false;
  }
  return allowed.length === wanted.length;
}
