"""One instance of a task: a marker, then one job after the other, outputs in one row, a checkpoint now and then.

Everything happens on one thread, at job boundaries: an output is accepted before the next job begins, so a checkpoint
never runs ahead of its outputs. Commands only leave wishes (pause, checkpoint, stop) that the thread sees at the next boundary.
"""
import threading
import time

import counter
from checkpoints import Checkpoints
from nats import NoAnswer, NoResponder
from ticker import Ticker
from wire import Refused

LEASE = 1.0
RETRY = 0.02
LOOK = 0.02

EPOCH, NONCE, OUTPUT, CHANNEL, MARKER, NUMBER, SKIPPED = (
    "Drover-Epoch", "Drover-Nonce", "Drover-Output", "Drover-Channel", "Drover-Marker", "Drover-Number", "Drover-Skipped",
)


class Ended(Exception):
    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


class Instance:
    def __init__(self, bridge, spec, epoch, nonce, program_id, memory, reference):
        self.bridge, self.spec, self.epoch, self.nonce, self.program_id = bridge, spec, epoch, nonce, program_id
        self.task = spec["name"]
        shard = bridge.shard_of(self.task)
        self.output_subject, self.output_stream = f"task.{shard}.{self.task}.out", f"OUTPUTS_{shard}"
        self.input_subject, self.input_stream = f"task.{shard}.{self.task}.in", f"INPUTS_{shard}"
        start = {"sequence": 0, "data_number": 0, "tick_number": 0}
        self.memory = memory if memory is not None else bytearray(counter.MEMORY_BYTES)
        self.cursor = {**start, **reference["input"]} if reference else start
        self.output_number = reference.get("output_number", 0) if reference else 0
        self.accepted = 0  # number of the last output that stands in the stream
        self.output_sequence = 0
        policy = spec["checkpoint"]
        self.interval = policy.get("interval_us", 0) / 1e6
        self.checkpoints = Checkpoints(policy.get("quorum", 1), policy.get("chain_max", 0))
        self.wanted = None  # a checkpoint that was ordered: "full" or "delta"
        self.wake = threading.Event()
        self.stopping, self.pausing, self.paused = False, False, threading.Event()
        self.ticker = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    # — commands, from other threads —

    def stop(self):
        self.stopping = True
        self.wake.set()
        if self.thread.is_alive() and self.thread is not threading.current_thread():
            self.thread.join()

    def pause(self):
        self.pausing = True
        self.wake.set()
        while not self.paused.wait(0.1) and self.thread.is_alive():
            pass
        return self.paused.is_set()

    def resume(self):
        self.pausing = False
        self.wake.set()

    def order_checkpoint(self, mode):
        self.wanted = mode
        self.wake.set()
        newest = self.checkpoints.newest
        return 1 if newest is None else newest["sequence"] + 1

    # — the fence —

    def claim(self):
        """Appends the marker; raises Refused with ERR_FENCED when somebody newer owns the outputs."""
        while not self.stopping:
            last = self._read_last()
            if self._is_ours(last):
                break
            self.accepted = last.number(OUTPUT) if last else 0
            headers = {EPOCH: self.epoch, NONCE: self.nonce, OUTPUT: self.accepted, MARKER: 1}
            self.output_sequence = last.sequence if last else 0
            sequence = self._append(b"", headers, "m")
            if sequence is not None:
                self.output_sequence = sequence
                break
        self.thread.start()

    def _read_last(self):
        """The last message of the output subject, if it does not say that we are fenced."""
        while True:
            try:
                last = self.bridge.js.read_last(self.output_stream, self.output_subject)
            except (NoAnswer, NoResponder):
                if self.stopping:
                    return None
                time.sleep(RETRY)
                continue
            epoch = last.number(EPOCH) if last else 0
            if epoch > self.epoch or (epoch == self.epoch and last.headers.get(NONCE) != self.nonce):
                raise Ended("ERR_FENCED", f"epoch {epoch} owns the outputs; this instance is of epoch {self.epoch}")
            return last

    def _is_ours(self, last):
        if last is None or last.number(EPOCH) != self.epoch:
            return False
        self.accepted, self.output_sequence = last.number(OUTPUT), last.sequence
        return True

    def _append(self, payload, headers, what):
        message_id = f"{self.task}:{self.epoch}:{self.nonce}:{what}"
        return self.bridge.js.append(self.output_subject, payload, headers, self.output_sequence, message_id)

    def _put_out(self, channel, payload):
        self.output_number += 1
        headers = {EPOCH: self.epoch, NONCE: self.nonce, OUTPUT: self.output_number, CHANNEL: channel}
        while self.output_number > self.accepted:  # else it was accepted before: this is the replay
            sequence = self._append(payload, headers, self.output_number)
            if sequence is not None:
                self.accepted, self.output_sequence = self.output_number, sequence
            elif not self._is_ours(self._read_last()):
                raise Ended("ERR_FENCED", "the output stream has lost this instance's marker")

    # — the life —

    def _run(self):
        subscription = self.bridge.nats.subscribe(f"{self.input_subject}.>", lambda _: self.wake.set())
        self._tick()
        try:
            self._loop()
        except Ended as ended:
            self._release(subscription)
            self.bridge.instance_ended(self, ended.code, ended.sentence)
            return
        except Exception as error:  # a task that fails never takes the bridge with it
            self._release(subscription)
            self.bridge.instance_ended(self, "ERR_JOB_TRAP", f"{type(error).__name__}: {error}")
            return
        self._release(subscription)

    def _release(self, subscription):
        self._untick()
        self.bridge.nats.unsubscribe(subscription)

    def _tick(self):
        if self.spec.get("period_us") and self.ticker is None:
            self.ticker = Ticker(self)

    def _untick(self):
        if self.ticker is not None:
            self.ticker.stop()
            self.ticker = None

    def _loop(self):
        start_through, caught_up = self._start_inputs(), False
        next_checkpoint = time.monotonic() + self.interval
        consumed = True
        seen = time.monotonic()
        while not self.stopping:
            if self.pausing:
                self._stand_still()
                continue
            now = time.monotonic()
            if now - seen > LEASE:
                self._read_last()  # the process stood still: somebody may have replaced us
            seen = time.monotonic()
            if not caught_up and self.cursor["sequence"] >= start_through:
                caught_up = True
                self.bridge.instance_caught_up(self)
            if self.wanted is not None or (now >= next_checkpoint and consumed):
                full, self.wanted = self.wanted == "full", None
                self._checkpoint(full)
                next_checkpoint, consumed = now + self.interval, False
            consumed = self._job() or consumed

    def _stand_still(self):
        self._untick()
        self.paused.set()
        while self.pausing and not self.stopping:
            self.wake.wait(0.1)
            self.wake.clear()
        self.paused.clear()
        if not self.stopping:
            self._tick()

    def _start_inputs(self):
        """Sequence of the last input that is there now."""
        while True:
            try:
                last = [self.bridge.js.read_last(self.input_stream, f"{self.input_subject}.{kind}") for kind in ("data", "tick")]
                return max((one.sequence for one in last if one), default=0)
            except (NoAnswer, NoResponder):
                time.sleep(RETRY)

    def _job(self):
        """Consumes the next input, if there is one; else waits a little."""
        self.wake.clear()
        try:
            message = self.bridge.js.read_next(self.input_stream, f"{self.input_subject}.>", self.cursor["sequence"] + 1)
        except (NoAnswer, NoResponder):
            time.sleep(RETRY)
            return False
        if message is None:
            self.wake.wait(LOOK)
            return False
        kind = message.subject.rpartition(".")[2]
        number, skipped = message.number(NUMBER), message.number(SKIPPED) if kind == "tick" else 0
        last = self.cursor[f"{kind}_number"]
        if number > last:
            if number - skipped != last + 1:
                raise Ended("ERR_INPUT_GAP", f"the next {kind} is number {number - skipped}, expected was {last + 1}")
            with self.bridge.core.turn(self.spec):
                outputs = counter.job(self.memory, kind, message.data)
            for channel, payload in outputs:
                self._put_out(channel, payload)
        # Both at once: the state stands behind this input, or before it.
        self.cursor = {**self.cursor, "sequence": message.sequence, f"{kind}_number": max(number, last)}
        return True

    def _checkpoint(self, full):
        manifest = self.checkpoints.capture(
            self.memory,
            {
                "task": self.task, "epoch": self.epoch, "mac": self.bridge.mac, "incarnation": self.bridge.incarnation,
                "program_id": self.program_id, "nonce": self.nonce, "input": self.cursor,
                "output_number": self.output_number, "artefact": self.spec["artefact"],
            },
            full,
        )
        notice = self.bridge.sealer.seal("checkpoint_notice", {"announced": {"manifest": manifest}})
        while not self.stopping and self.bridge.js.append(f"ckpt.{self.bridge.mac}.{self.program_id}", notice) is None:
            time.sleep(RETRY)


def refused_of(ended):
    return Refused(ended.code, ended.sentence)
