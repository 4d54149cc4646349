"""How this ECU sleeps, where it is told that it can: nothing is switched off here, it falls silent and takes no task until it is woken.

Asleep it still answers: the bridge stands for the small part of a machine that hears the word that wakes it.
"""
import threading
import time

from wire import ASLEEP, AWAKE, WAKING

STATE = {"name": "silence", "watts": 0.5, "wake_us": 100_000, "wake_joules": 0.5}


class Sleep:
    def __init__(self):
        self.lock = threading.RLock()
        self.state, self.ready_at = None, None

    def is_asleep(self):
        """Also while it wakes."""
        with self.lock:
            if self.ready_at is not None and time.monotonic() >= self.ready_at:
                self.state, self.ready_at = None, None
            return self.state is not None

    def fall(self, state, task):
        """`task`: one that keeps it awake, if there is any."""
        with self.lock:
            if not self.is_asleep() and task is not None:
                return {"state": AWAKE, "reason": f"it has {task}"}
            self.state, self.ready_at = state, None
        return {"state": ASLEEP}

    def wake(self):
        with self.lock:
            if not self.is_asleep():
                return {"state": AWAKE}
            now = time.monotonic()
            if self.ready_at is None:
                self.ready_at = now + self.state.get("wake_us", 0) / 1e6
            return {"state": WAKING, "ready_in_us": max(0, int((self.ready_at - now) * 1e6))}
