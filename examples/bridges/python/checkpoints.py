"""The ECU's side of checkpoints, one per instance: what was captured, until a quorum has it; and fetching a state to restore."""
import hashlib
import struct
import threading

from nats import NoAnswer, NoResponder
from wire import Refused, unseal

PAGE = 4096
HELD_MAX = 8
PAGES_PER_REQUEST = 128


def sha(data):
    return hashlib.sha256(data).digest()


def state_digest(page_table, globals_, cursor, output_number):
    numbers = struct.pack("<4Q", cursor["sequence"], cursor["data_number"], cursor["tick_number"], output_number)
    return sha(page_table + struct.pack("<I", len(globals_)) + globals_ + numbers)


class Checkpoints:
    def __init__(self, quorum, chain_max):
        self.lock = threading.Lock()
        self.quorum, self.chain_max = quorum, chain_max
        self.shadow = b""
        self.table = []
        self.held = {}  # sequence → {page index: bytes}
        self.newest = None
        self.chain = 0
        self.stored_by = {}
        self.durable = 0

    def capture(self, memory, base, full):
        """`base`: the manifest's fields that the instance knows. Returns the manifest."""
        with self.lock:
            full = full or self.newest is None or self.chain >= self.chain_max or len(self.held) >= HELD_MAX
            state = bytes(memory)
            changed = [page for page in range(len(state) // PAGE) if full or state[page * PAGE : page * PAGE + PAGE] != self.shadow[page * PAGE : page * PAGE + PAGE]]
            pages = {page: state[page * PAGE : page * PAGE + PAGE] for page in changed}
            table = self.table or [b""] * (len(state) // PAGE)
            for page, data in pages.items():
                table[page] = sha(data)
            sequence = 1 if self.newest is None else self.newest["sequence"] + 1
            self.chain = 0 if full else self.chain + 1
            manifest = {
                **base,
                "sequence": sequence,
                "base_sequence": None if full else sequence - 1,
                "page_count": len(table),
                "page_indexes": changed,
                "page_digests": b"".join(table[page] for page in changed),
                "globals": b"",
                "state_digest": state_digest(b"".join(table), b"", base["input"], base["output_number"]),
            }
            if full:
                self.held.clear()  # nothing needs what came before
            self.held[sequence] = pages
            self.shadow, self.table, self.newest = state, table, manifest
            return manifest

    def whole(self, sequence):
        """The newest state as a full manifest; None when there is none as new as asked for."""
        with self.lock:
            if self.newest is None or self.newest["sequence"] < sequence:
                return None
            every = list(range(len(self.table)))
            return {**self.newest, "base_sequence": None, "page_indexes": every, "page_digests": b"".join(self.table)}

    def pages(self, sequence, indexes):
        """The pages, or None when a newer checkpoint has replaced them."""
        with self.lock:
            if self.newest is not None and sequence == self.newest["sequence"]:
                if any(index >= len(self.table) for index in indexes):
                    raise Refused("ERR_WIRE_MALFORMED", f"a page index is beyond the memory of {len(self.table)} pages")
                return b"".join(self.shadow[index * PAGE : index * PAGE + PAGE] for index in indexes)
            held = self.held.get(sequence, {})
            return b"".join(held[index] for index in indexes) if all(index in held for index in indexes) else None

    def stored(self, manager, sequence):
        """A manager's word. The sequence that may be freed now, or None."""
        with self.lock:
            if self.newest is None or sequence <= self.durable:
                return None
            managers = self.stored_by.setdefault(sequence, set())
            managers.add(manager)
            if len(managers) < self.quorum:
                return None
            self.durable = sequence
            self.stored_by = {of: who for of, who in self.stored_by.items() if of > sequence}
            self.held = {of: pages for of, pages in self.held.items() if of > sequence or of == self.newest["sequence"]}
            return sequence


def fetch(nats, sealer, reference):
    """The memory of a checkpoint from the first of its holders that gives it whole; else a Refused."""
    code = "ERR_STORE_MISSING"
    for holder in reference.get("holders", []):
        try:
            return _fetch_from(nats, sealer, reference, f"manager.{holder}.pages")
        except (NoAnswer, NoResponder):
            continue
        except Refused as refused:
            if refused.code == "ERR_STORE_CORRUPT":
                code = refused.code
    raise Refused(code, f"no holder gave checkpoint {reference.get('epoch')}.{reference.get('sequence')}")


def _fetch_from(nats, sealer, reference, subject):
    key = {name: reference.get(name) for name in ("task", "epoch", "sequence")}
    cursor = {"sequence": 0, "data_number": 0, "tick_number": 0, **reference.get("input", {})}
    _, answer, _ = unseal(nats.request(subject, sealer.seal("manifest_request", key)).data, "manifest_answer")
    manifest = _given(answer, "manifest")
    digests = manifest.get("page_digests", b"")
    if state_digest(digests, manifest.get("globals", b""), cursor, reference.get("output_number", 0)) != reference.get("state_digest"):
        raise Refused("ERR_STORE_CORRUPT", "the manifest is not that of the announced state")
    memory = bytearray()
    while len(memory) < len(digests) // 32 * PAGE:
        first = len(memory) // PAGE
        indexes = list(range(first, min(first + PAGES_PER_REQUEST, len(digests) // 32)))
        _, answer, _ = unseal(nats.request(subject, sealer.seal("page_request", {**key, "positions": indexes})).data, "page_answer")
        pages = _given(answer, "pages").get("pages", b"")
        for order, index in enumerate(indexes):
            if sha(pages[order * PAGE : order * PAGE + PAGE]) != digests[index * 32 : index * 32 + 32]:
                raise Refused("ERR_STORE_CORRUPT", f"page {index} has another digest")
        memory += pages
    return memory


def _given(answer, name):
    if name not in answer:
        raise Refused("ERR_STORE_MISSING", "the holder does not give it")
    return answer[name]
