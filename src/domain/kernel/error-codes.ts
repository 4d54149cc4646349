/**
 * Every code that a user, a log line or a wire answer can carry. `docs/ERRORS.md` has one entry per code, with its way
 * out; a test compares the two in both directions.
 */
export const ERROR_CODES = [
  // the wire
  'ERR_WIRE_VERSION', // an envelope of a version this build does not speak
  'ERR_WIRE_MALFORMED', // bytes that do not decode, or a field outside its range
  'ERR_WIRE_OVERSIZED', // a message above the broker's limit
  'ERR_WIRE_CODE', // a peer answered with a code this build does not know; the code stands before its sentence
  // the broker
  'ERR_BUS_CLOSED', // the connection is closed for good
  'ERR_BUS_DISCONNECTED', // the broker cannot be reached just now
  'ERR_BUS_DENIED', // the broker does not take these credentials
  'ERR_BUS_TIMEOUT', // no answer in time: it may or may not have happened
  'ERR_BUS_NO_RESPONDER', // nobody serves this subject
  'ERR_BUS_HANDLER', // whoever serves this subject failed while it answered
  'ERR_BUS_NO_STREAM', // no stream takes this subject
  'ERR_BUS_REFUSED', // the broker refused a call; its words are in the sentence
  'ERR_BUS_STREAM_FULL', // a stream with `discard: new` is at its bound
  'ERR_SERVER_NOT_FOUND', // no usable nats-server anywhere
  'ERR_SERVER_START', // nats-server did not come up
  // records
  'ERR_RECORD_CORRUPT', // a record that does not decode
  'ERR_RECORD_CHART_VERSION', // written by a chart this build does not have
  'ERR_RECORD_TOO_LARGE', // a record above the store's limit
  // stores
  'ERR_STORE_FULL', // disk or map full
  'ERR_STORE_CORRUPT', // a page or manifest whose digest does not match
  'ERR_STORE_MISSING', // a page, manifest or artefact nobody has
  'ERR_CHECKPOINT_REFUTED', // tried in a sandbox, it did not give the outputs that were accepted after it
  'ERR_STORE_CLOSED',
  'ERR_STORE_IO', // the disk or the file system failed
  'ERR_STORE_IN_USE', // a process that runs has it open, and this needs it alone
  'ERR_ARCHIVE_INVALID', // a file of exported checkpoints that is damaged, cut short, or none
  // task specifications and modules
  'ERR_SPEC_INVALID', // a field that is absurd or contradicts another
  'ERR_MODULE_INVALID', // bytes that are no WebAssembly module
  'ERR_MODULE_REFUSED', // a module that uses what a migratable task must not
  'ERR_RUNTIME_UNKNOWN', // a runtime this bridge does not have
  // jobs
  'ERR_JOB_TRAP', // the task trapped
  'ERR_JOB_FUEL', // the job ran past its fuel: an endless loop, or a budget too small
  'ERR_JOB_HANG', // the worker did not answer in time and was ended
  'ERR_JOB_MEMORY', // the task grew beyond its memory
  'ERR_JOB_OUTPUT', // an output too large or too many
  // admission and commands
  'ERR_ADMIT_CAPABILITY',
  'ERR_ADMIT_MEMORY',
  'ERR_ADMIT_SCHEDULE',
  'ERR_ADMIT_DRAINING',
  'ERR_ECU_ASLEEP', // it sleeps, or is on its way up
  'ERR_ADMIT_RESERVED', // it would fit but for what is booked there
  'ERR_COMMAND_STALE', // below the highest revision of that actor this bridge has handled
  'ERR_COMMAND_EPOCH', // an epoch below the one already accepted
  'ERR_COMMAND_DIED', // answered in an earlier incarnation: that instance is gone
  'ERR_COMMAND_UNKNOWN',
  'ERR_MAC_TAKEN', // another live bridge answers to this MAC
  // inputs
  'ERR_INPUT_TRIMMED', // the cursor lies below what the stream still has
  'ERR_INPUT_GAP', // the next input is not the one after the cursor
  'ERR_FENCED', // a newer instance owns the task's outputs
  // placement
  'ERR_NO_PLACE', // no feasible ECU
  'ERR_NO_TASK',
  'ERR_NO_ECU',
  'ERR_TASK_EXISTS',
  'ERR_CHAIN', // a task that cannot be fed as its file says: from nowhere, or from itself by way of others
  'ERR_TASK_BUSY', // it is being placed, moved or removed
  'ERR_NO_MANAGER', // no manager answers
  'ERR_RESERVATION', // a reservation that is absurd, past, or more than the ECU has left
  'ERR_NO_RESERVATION',
  'ERR_NO_FORECAST', // of an ECU or a task of which too little, or nothing, is measured
  'ERR_NOT_PREDICTING', // the managers were told not to foresee anything
  // learning
  'ERR_DATASET_FILE', // a data set that is damaged, unfinished, or of another kind
  'ERR_LEARN_BACKEND', // no TensorFlow.js backend works here
  'ERR_LEARN_WORKER', // the thread that trains died, or took too long
  'ERR_MODEL_FILE', // a learned model that is damaged, cut short, forged, or none
  // forecasts and failure probabilities
  'ERR_FIT_FAILED', // models of a forecast could not be fitted in the background
  'ERR_UNIT_TABLE', // a table of units over time that cannot be read, or that nothing can be learned from
  'ERR_TWIN_NOT_KEPT', // a twin of rare situations that did not beat the bootstrap and the real units alone
  // the command line
  'ERR_USAGE',
  'ERR_FLEET_FILE',
  'ERR_POLICY_FILE', // a policy that cannot be read, names what there is not, or cannot be meant
  'ERR_ARTEFACT_UNREADABLE',
  'ERR_TASK_SET', // a task set that cannot be read, or that no analysis or simulation takes
  'ERR_WORK_LIMIT', // it would take longer than anyone waits; refused before the beginning
  'ERR_NOT_RUNNING',
  'ERR_BENCH_FAILED', // a bench could not measure what it was asked for
  'ERR_FAULT', // an injected fault (tests and chaos only)
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** A failure whose cause lies outside: the retry policy, the operator or the user acts on it, by `code`. */
export class DroverError extends Error {
  override readonly name = 'DroverError';
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, sentence: string, options: { readonly retryable?: boolean; readonly cause?: unknown } = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}
