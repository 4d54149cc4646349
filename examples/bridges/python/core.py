"""The one core that all jobs share: a job that has begun runs to its end, and then the most urgent that waits is next.

This is what the bridge declares (`scheduling` of its description) and what `admission.py` tests.
"""
import contextlib
import heapq
import itertools
import threading


class Core:
    def __init__(self):
        self.changed, self.taken = threading.Condition(), False
        self.waiting, self.numbers = [], itertools.count()

    @contextlib.contextmanager
    def turn(self, spec):
        """Waits until it is this task's turn. A task without a period comes after all that have one."""
        mine = (not spec.get("period_us"), -spec.get("priority", 0), next(self.numbers))
        with self.changed:
            heapq.heappush(self.waiting, mine)
            while self.taken or self.waiting[0] != mine:
                self.changed.wait()
            heapq.heappop(self.waiting)
            self.taken = True
        try:
            yield
        finally:
            with self.changed:
                self.taken = False
                self.changed.notify_all()
