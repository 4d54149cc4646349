/**
 * Bounds of what a decoder accepts. They keep a forged or broken message from costing more than its bytes, and are wide
 * enough that no honest fleet meets them. Where one is raised, old readers refuse what new writers send: raise readers first.
 */

/** One message. A choice: the largest payload that NATS recommends for a stream; the broker must be set to no less. */
export const WIRE_BYTES_MAX = 8 * 1024 * 1024;
/** Ids of messages, effects, actors and events: `kind/id#revision/index` with a task name in it stays below 200. */
export const ID_CHARS_MAX = 256;
/** Names of hosts, capabilities, labels, classes, versions. */
export const NAME_CHARS_MAX = 128;
/** Nonces: 128 random bits as hex are 32. */
export const NONCE_CHARS_MAX = 64;
/** Sentences for people: a module's own error text may be in them. */
export const SENTENCE_CHARS_MAX = 4096;
export const LABELS_MAX = 256;
export const CAPABILITIES_MAX = 256;
/** Lists of ECUs or tasks: ten times the largest fleet whose names one message has to carry today. */
export const LIST_MAX = 4096;
/** Names that one bridge counts under: today's have some fifty. */
export const COUNTERS_MAX = 1024;
/** Tasks whose checkpoints one call asks for: with all that is remembered of them the answer stays far below a message. */
export const TASKS_PER_QUERY_MAX = 16;
/** ECUs whose outlook one call asks for. */
export const ECUS_PER_QUERY_MAX = 64;
/** Series, and horizons, of one question about forecasts. */
export const SERIES_PER_QUERY_MAX = 16;
/** Managers that hold a checkpoint: fleets have two or three. */
export const HOLDERS_MAX = 64;
/** 4 GiB in pages of 4 KiB: all that 32-bit WebAssembly can address. */
export const PAGES_MAX = 1_048_576;
/** Pages in one answer: 4 MiB, half of what a message may be. */
export const PAGES_PER_REQUEST_MAX = 1024;
export const GLOBALS_BYTES_MAX = 1024 * 1024;
/** Jobs in one journal message: a second of 64 tasks at 1 kHz. */
export const JOB_RECORDS_MAX = 65_536;
/** Task sets in one report of a bridge: more wait for the next. */
export const OUTCOME_ROWS_MAX = 256;
/** Filters or score terms of one candidate. */
export const TERMS_MAX = 64;
/** W3C traceparent, version 00. */
export const TRACEPARENT_CHARS = 55;
