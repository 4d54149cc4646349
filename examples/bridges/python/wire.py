"""The messages a bridge reads and writes (docs/PROTOCOL.md, "Messages"), and the envelope they travel in."""
import itertools
import re
import time

from protobuf import Malformed, decode, encode, fields

VERSION = 1
RUNTIMES = {1: "wasm", 2: "worker", 3: "process", 4: "container"}
RUNTIME_PROCESS = 3

_EMPTY = {}
_LABEL = {1: ("key", "text"), 2: ("value", "text")}
_SLEEP = {1: ("name", "text"), 2: ("watts", "real"), 3: ("wake_us", "uint"), 4: ("wake_joules", "real")}
CURSOR = {1: ("sequence", "uint"), 2: ("data_number", "uint"), 3: ("tick_number", "uint")}
_PROCESS = {1: ("boot_id", "text"), 2: ("pid", "uint"), 3: ("start_ticks", "uint")}
_REFUSAL = {1: ("code", "text"), 2: ("sentence", "text")}
_SUBJECT = {1: ("task", "text"), 2: ("epoch", "uint")}

SPEC = {
    1: ("name", "text"), 2: ("runtime", "uint"), 3: ("artefact", "bytes"), 4: ("artefact_bytes", "uint"),
    5: ("period_us", "uint"), 6: ("wcet_us", "uint"), 7: ("deadline_us", "uint"), 8: ("priority", "sint"),
    9: ("criticality", "uint"), 10: ("hard_deadline", "bool"), 11: ("memory_bytes_max", "uint"),
    12: ("capabilities", ["text"]),
    14: ("reservation", {1: ("cpu_ppm", "uint"), 2: ("memory_bytes", "uint")}),
    15: ("checkpoint", {1: ("interval_us", "uint"), 2: ("chain_max", "uint"), 3: ("quorum", "uint")}),
    16: ("inputs", {1: ("backlog_max", "uint"), 2: ("catch_up_ticks", "bool")}),
    17: ("fuel_per_job", "uint"),
}
MANIFEST = {
    1: ("task", "text"), 2: ("epoch", "uint"), 3: ("sequence", "uint"), 4: ("mac", "text"), 5: ("incarnation", "uint"),
    6: ("program_id", "uint"), 7: ("nonce", "text"), 8: ("base_sequence", "uint?"), 9: ("page_count", "uint"),
    10: ("page_indexes", "words"), 11: ("page_digests", "bytes"), 12: ("globals", "bytes"), 13: ("state_digest", "bytes"),
    14: ("input", CURSOR), 15: ("output_number", "uint"), 16: ("artefact", "bytes"),
}
REFERENCE = {
    1: ("task", "text"), 2: ("epoch", "uint"), 3: ("sequence", "uint"), 4: ("input", CURSOR), 5: ("output_number", "uint"),
    6: ("state_digest", "bytes"), 7: ("holders", ["text"]),
}
_CHECKPOINT_KEY = {1: ("task", "text"), 2: ("mac", "text"), 3: ("program_id", "uint"), 4: ("epoch", "uint"), 5: ("sequence", "uint")}
_STORED = {
    1: ("manager", "text"), 2: ("task", "text"), 3: ("mac", "text"), 4: ("program_id", "uint"), 5: ("epoch", "uint"),
    6: ("sequence", "uint"), 7: ("reference", REFERENCE),
}
_ACCEPTED_TASK = {
    1: ("task", "text"), 2: ("epoch", "uint"), 3: ("period_us", "uint"), 4: ("wcet_us", "uint"), 5: ("deadline_us", "uint"),
    6: ("priority", "sint"), 7: ("memory_bytes_max", "uint"), 8: ("hard_deadline", "bool?"), 9: ("cpu_ppm", "uint?"),
    10: ("core", "uint?"),
}
_LOAD = {1: ("mac", "text"), 2: ("incarnation", "uint"), 3: ("draining", "bool"), 4: ("tasks", [_ACCEPTED_TASK])}
_DESCRIPTION = {
    1: ("mac", "text"), 2: ("incarnation", "uint"), 3: ("name", "text"), 4: ("ecu_class", "text"), 5: ("resource_kind", "uint"),
    6: ("cores", "uint"), 7: ("memory_bytes", "uint"), 8: ("capabilities", ["text"]), 9: ("labels", [_LABEL]),
    10: ("runtimes", ["uint"]), 11: ("bridge", _PROCESS), 12: ("supervisor", _PROCESS), 13: ("heartbeat_interval_us", "uint"),
    14: ("version", "text"), 17: ("scheduling", {1: ("scheduler", "uint"), 2: ("non_preemptive", "bool"), 9: ("bound", "bool")}),
    25: ("follows_reservations", "bool"),
    24: ("power", {1: ("idle_watts", "real"), 2: ("busy_watts", "real"), 3: ("sleep", [_SLEEP])}),
}
_HEADER = {1: ("task", "text"), 2: ("epoch", "uint"), 3: ("effect_id", "text"), 4: ("actor", "text"), 5: ("actor_revision", "uint")}
ORDERS = {
    2: ("deploy", {1: ("spec", SPEC), 2: ("incarnation", "uint"), 3: ("checkpoint", REFERENCE), 4: ("trimmed", CURSOR)}),
    3: ("pause", _EMPTY), 4: ("resume", _EMPTY), 5: ("stop", {1: ("reason", "text")}),
    6: ("checkpoint", {1: ("mode", "uint")}), 7: ("query_load", _EMPTY),
    20: ("power", {1: ("sleep", _SLEEP)}),
}
WITHOUT_HEADER = ("query_load", "power")
AWAKE, ASLEEP, WAKING = 1, 2, 3
_ANSWER = {
    1: ("running", {**_SUBJECT, 3: ("incarnation", "uint"), 4: ("nonce", "text"), 5: ("program_id", "uint"), 6: ("core", "uint?")}),
    2: ("stopped", _SUBJECT), 3: ("paused", _SUBJECT), 4: ("resumed", _SUBJECT),
    5: ("checkpointed", {**_SUBJECT, 3: ("sequence", "uint")}), 6: ("load", _LOAD),
    7: ("refused", {**_SUBJECT, 3: ("refusal", _REFUSAL)}),
    20: ("power", {1: ("state", "uint"), 2: ("ready_in_us", "uint"), 3: ("reason", "text")}),
}
_REPORT = {
    1: ("task", "text"), 2: ("epoch", "uint"), 3: ("mac", "text"), 4: ("incarnation", "uint"), 5: ("nonce", "text"),
    6: ("what", "uint"), 7: ("code", "text"), 8: ("sentence", "text"),
}
CAUGHT_UP, ENDED = 1, 2
_BOOKING = {
    1: ("id", "text"), 2: ("ecu", "text"), 4: ("from_us", "uint"), 5: ("until_us", "uint"), 6: ("task", "text"),
    7: ("criticality", "uint"), 8: ("cpu_ppm", "uint"), 9: ("memory_bytes", "uint"), 10: ("period_us", "uint"), 11: ("wcet_us", "uint"),
    12: ("deadline_us", "uint"), 13: ("priority", "uint"), 14: ("hard_deadline", "bool"),
}
_BEAT = {1: ("mac", "text"), 2: ("incarnation", "uint"), 3: ("sequence", "uint"), 4: ("uptime_us", "uint")}
_MANIFEST_REQUEST = {1: ("task", "text"), 2: ("epoch", "uint"), 3: ("sequence", "uint")}

BODIES = {
    16: ("heartbeat", _BEAT),
    17: ("goodbye", {1: ("mac", "text"), 2: ("incarnation", "uint"), 3: ("reason", "text")}),
    19: ("command", {1: ("header", _HEADER), **ORDERS}),
    20: ("answer", _ANSWER),
    23: ("checkpoint_notice", {1: ("announced", {1: ("manifest", MANIFEST)}), 2: ("stored", _STORED), 3: ("freed", _CHECKPOINT_KEY)}),
    24: ("page_request", {**_MANIFEST_REQUEST, 4: ("positions", "words")}),
    25: ("page_answer", {1: ("pages", {1: ("pages", "bytes")}), 2: ("superseded", {1: ("epoch", "uint"), 2: ("sequence", "uint")}), 3: ("refused", _REFUSAL)}),
    26: ("manifest_request", _MANIFEST_REQUEST),
    27: ("manifest_answer", {1: ("manifest", MANIFEST), 2: ("refused", _REFUSAL)}),
    28: ("manager_call", {3: ("instance_report", _REPORT)}),
    29: ("manager_answer", {1: ("accepted", _EMPTY), 2: ("refused", _REFUSAL)}),
    30: ("ecu_description", _DESCRIPTION),
    70: ("booking_book", {2: ("bookings", [_BOOKING])}),
}
ENVELOPE = {1: ("version", "uint"), 2: ("id", "text"), 3: ("sender", "text"), 4: ("trace", "text"), 5: ("sent_at_us", "uint"), **BODIES}

TASK_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SAFE_MAX = 2**53 - 1


class Refused(Exception):
    """A refusal with one of the codes of docs/ERRORS.md."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class Sealer:
    """Wraps bodies into envelopes of one sender."""

    def __init__(self, sender, incarnation):
        self.sender, self.prefix = sender, f"{sender}~{incarnation}."
        self.numbers = itertools.count(1)

    def seal(self, body, message, trace=""):
        number = next(self.numbers)
        envelope = {"version": VERSION, "id": f"{self.prefix}{number}", "sender": self.sender, "trace": trace}
        return encode(ENVELOPE, {**envelope, "sent_at_us": time.time_ns() // 1000, body: message})


def unseal(data, *wanted):
    """(body's name, body, trace) of an envelope that carries one of `wanted`; else a Refused of the wire."""
    try:
        version = next((value for number, kind, value in fields(data) if number == 1 and kind == 0), 0)
        if version != VERSION:
            raise Refused("ERR_WIRE_VERSION", f"the envelope has version {version}; this bridge reads version {VERSION}")
        envelope = decode(ENVELOPE, data)
    except Malformed as error:
        raise Refused("ERR_WIRE_MALFORMED", f"the bytes are no envelope: {error}") from error
    for body in wanted:
        if body in envelope:
            return body, envelope[body], envelope.get("trace", "")
    raise Refused("ERR_WIRE_MALFORMED", f"the envelope carries nothing of {', '.join(wanted)}")


def read_command(command):
    """(order, its fields, header) of a command; a Refused of the wire where something is missing or out of range."""
    order = next((name for name, _ in ORDERS.values() if name in command), None)
    if order is None:
        raise Refused("ERR_WIRE_MALFORMED", "command.order is missing, or one that this bridge does not know")
    header = {"task": "", "epoch": 0, "effect_id": "", "actor": "", "actor_revision": 0, **command.get("header", {})}
    if order in WITHOUT_HEADER:
        return order, command[order], header
    if not TASK_NAME.fullmatch(header["task"]) or not header["effect_id"] or "/" not in header["actor"]:
        raise Refused("ERR_WIRE_MALFORMED", "command.header lacks its task, its effect id or its actor")
    if header["epoch"] > SAFE_MAX or header["actor_revision"] > SAFE_MAX:
        raise Refused("ERR_WIRE_MALFORMED", "command.header has a number above 2^53 - 1")
    if order == "deploy" and command["deploy"].get("spec", {}).get("name") != header["task"]:
        raise Refused("ERR_WIRE_MALFORMED", "deploy.spec is missing, or not of the header's task")
    if order == "checkpoint" and command["checkpoint"].get("mode") not in (1, 2):
        raise Refused("ERR_WIRE_MALFORMED", "checkpoint.mode is neither full nor delta")
    return order, command[order], header
