/** Every message of the wire with its codec and its generator: what holds for one must hold for all. */
import type fc from 'fast-check';
import type { Result } from '../../src/domain/kernel/result.ts';
import * as checkpoint from '../../src/domain/protocol/codec-checkpoint.ts';
import * as command from '../../src/domain/protocol/codec-command.ts';
import * as ecu from '../../src/domain/protocol/codec-ecu.ts';
import type { WireError } from '../../src/domain/protocol/codec-envelope.ts';
import * as evidence from '../../src/domain/protocol/codec-evidence.ts';
import * as heartbeat from '../../src/domain/protocol/codec-heartbeat.ts';
import * as job from '../../src/domain/protocol/codec-job.ts';
import * as learn from '../../src/domain/protocol/codec-learn.ts';
import * as manager from '../../src/domain/protocol/codec-manager.ts';
import * as metrics from '../../src/domain/protocol/codec-metrics.ts';
import * as proposal from '../../src/domain/protocol/codec-proposal.ts';
import type { Envelope } from '../../src/domain/protocol/messages.ts';
import * as arbitrary from './arbitraries.ts';
import { ecuSample } from './metrics-arbitraries.ts';
import { outcomeReport } from './outcome-arbitraries.ts';
import { proposalNotice } from './proposal-arbitraries.ts';

export interface WireCodec<Body = unknown> {
  readonly name: string;
  readonly encode: (envelope: Envelope<Body>) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => Result<Envelope<Body>, WireError>;
  readonly envelopes: fc.Arbitrary<Envelope<Body>>;
}

/** The body's type is forgotten: the tests only ever give a codec what its own generator made. */
const codec = <Body>(
  name: string,
  encode: (envelope: Envelope<Body>) => Uint8Array,
  decode: (bytes: Uint8Array) => Result<Envelope<Body>, WireError>,
  body: fc.Arbitrary<Body>,
): WireCodec => ({ name, encode, decode, envelopes: arbitrary.envelope(body) }) as WireCodec<Body> as unknown as WireCodec;

export const WIRE_CODECS: readonly WireCodec[] = [
  codec('heartbeat', heartbeat.encodeHeartbeat, heartbeat.decodeHeartbeat, arbitrary.heartbeat()),
  codec('goodbye', ecu.encodeGoodbye, ecu.decodeGoodbye, arbitrary.goodbye()),
  codec('manager-heartbeat', manager.encodeManagerHeartbeat, manager.decodeManagerHeartbeat, arbitrary.managerHeartbeat()),
  codec('command', command.encodeCommand, command.decodeCommand, arbitrary.command()),
  codec('answer', command.encodeAnswer, command.decodeAnswer, arbitrary.answer()),
  codec('supervisor-command', command.encodeSupervisorCommand, command.decodeSupervisorCommand, arbitrary.supervisorCommand()),
  codec('supervisor-answer', command.encodeSupervisorAnswer, command.decodeSupervisorAnswer, arbitrary.supervisorAnswer()),
  codec(
    'checkpoint-notice',
    checkpoint.encodeCheckpointNotice,
    checkpoint.decodeCheckpointNotice,
    arbitrary.checkpointNotice(),
  ),
  codec('page-request', checkpoint.encodePageRequest, checkpoint.decodePageRequest, arbitrary.pageRequest()),
  codec('page-answer', checkpoint.encodePageAnswer, checkpoint.decodePageAnswer, arbitrary.pageAnswer()),
  codec('pages-pushed', checkpoint.encodePagesPushed, checkpoint.decodePagesPushed, arbitrary.pagesPushed()),
  codec('manifest-request', checkpoint.encodeManifestRequest, checkpoint.decodeManifestRequest, arbitrary.manifestRequest()),
  codec('manifest-answer', checkpoint.encodeManifestAnswer, checkpoint.decodeManifestAnswer, arbitrary.manifestAnswer()),
  codec('manager-call', manager.encodeManagerCall, manager.decodeManagerCall, arbitrary.managerCall()),
  codec('manager-answer', manager.encodeManagerAnswer, manager.decodeManagerAnswer, arbitrary.managerAnswer()),
  codec('ecu-description', ecu.encodeEcuDescription, ecu.decodeEcuDescription, arbitrary.ecuDescription()),
  codec('job-journal', job.encodeJobJournal, job.decodeJobJournal, arbitrary.jobJournal()),
  codec('ecu-sample', metrics.encodeEcuSample, metrics.decodeEcuSample, ecuSample()),
  codec('proposal', proposal.encodeProposal, proposal.decodeProposal, proposalNotice()),
  codec('outcome-report', learn.encodeOutcomeReport, learn.decodeOutcomeReport, outcomeReport()),
  codec('decision-evidence', evidence.encodeDecisionEvidence, evidence.decodeDecisionEvidence, arbitrary.decisionEvidence()),
];
