"""Appends a task's ticks every period, each on the one before; stops for good when it finds a higher epoch."""
import threading
import time

from nats import NoAnswer, NoResponder

EPOCH, NUMBER, SKIPPED = "Drover-Epoch", "Drover-Number", "Drover-Skipped"
RETRY = 0.02


class Ticker:
    def __init__(self, instance):
        self.js, self.epoch = instance.bridge.js, instance.epoch
        self.subject, self.stream = f"{instance.input_subject}.tick", instance.input_stream
        self.period = instance.spec["period_us"] / 1e6
        self.catches_up = instance.spec.get("inputs", {}).get("catch_up_ticks", False)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.over.set()
        self.thread.join()

    def _run(self):
        last = self._last()
        # The first is due a period after the last one that anybody appended.
        due = time.monotonic() + self.period - (last[2] if last else 0)
        while last is not None and not self.over.wait(max(0.0, due - time.monotonic())):
            # The phase is kept; periods that have passed altogether are skipped and counted, or made up.
            skipped = 0 if self.catches_up else int((time.monotonic() - due) / self.period)
            sequence, number, _ = last
            headers = {EPOCH: self.epoch, NUMBER: number + 1 + skipped, SKIPPED: skipped}
            appended = self.js.append(self.subject, b"", headers, sequence)
            if appended is None:
                last = self._last()
                continue
            last = (appended, number + 1 + skipped, 0)
            due += (1 + skipped) * self.period

    def _last(self):
        """(sequence, number, age) of the last tick; None when it is not ours to go on from."""
        while not self.over.is_set():
            try:
                last = self.js.read_last(self.stream, self.subject)
            except (NoAnswer, NoResponder):
                self.over.wait(RETRY)
                continue
            if last is None:
                return (0, 0, 0)
            return None if last.number(EPOCH) > self.epoch else (last.sequence, last.number(NUMBER), last.age())
        return None
