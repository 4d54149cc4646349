"""What must outlive the bridge: its incarnation, what it accepted and answered, and reports that nobody has taken yet.

One JSON file, written whole beside the old one and renamed over it: a death leaves the old or the new one, never a half.
"""
import json
import os
import threading

from wire import ENDED, Refused


class Memory:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, "bridge.json")
        self.lock = threading.RLock()
        self.state = {"incarnation": 0, "next_program_id": 1, "tasks": {}, "actors": {}, "reports": []}
        if os.path.exists(self.path):
            with open(self.path) as file:
                self.state = json.load(file)

    def begin(self, mac):
        """Raises the incarnation, and buries what an earlier one ran."""
        with self.lock:
            self.state["incarnation"] += 1
            for task, record in self.state["tasks"].items():
                if record["state"] != "running":
                    continue
                sentence = "the bridge that ran it was restarted"
                record.update(state="ended", code="ERR_COMMAND_DIED", sentence=sentence)
                report = {"task": task, "epoch": record["epoch"], "mac": mac, "incarnation": record["incarnation"], "nonce": record["nonce"]}
                self.state["reports"].append({**report, "what": ENDED, "code": "ERR_COMMAND_DIED", "sentence": sentence})
            self._save()
            return self.state["incarnation"]

    def handle(self, actor, revision):
        """Refuses a command that was overtaken by a later one of its actor."""
        with self.lock:
            handled = self.state["actors"].get(actor, 0)
            if revision < handled:
                raise Refused("ERR_COMMAND_STALE", f"revision {handled} of {actor} was handled here")
            if revision > handled:
                self.state["actors"][actor] = revision
                self._save()

    def refuse_lower(self, task, epoch):
        if epoch < self.epoch(task):
            raise Refused("ERR_COMMAND_EPOCH", f"epoch {self.epoch(task)} was accepted here")

    def epoch(self, task):
        with self.lock:
            return self.state["tasks"].get(task, {}).get("epoch", 0)

    def accepted(self):
        """(task, spec) of everything that runs here or is about to."""
        with self.lock:
            running = [(task, record) for task, record in self.state["tasks"].items() if record["state"] == "running"]
            return [(task, _from_json(record["spec"])) for task, record in running]

    def program_id(self, task):
        with self.lock:
            known = self.state["tasks"].get(task, {}).get("program_id")
            if known is None:
                known = self.state["next_program_id"]
                self.state["next_program_id"] += 1
            return known

    def note(self, task, **fields):
        with self.lock:
            if fields.get("spec") is not None:
                fields["spec"] = {**fields["spec"], "artefact": fields["spec"]["artefact"].hex()}
            self.state["tasks"].setdefault(task, {}).update(fields)
            self._save()

    def end(self, task, epoch, code, sentence, report):
        """False when a later epoch has taken the record, or it was stopped meanwhile."""
        with self.lock:
            record = self.state["tasks"].get(task, {})
            if record.get("epoch") != epoch or record.get("state") != "running":
                return False
            record.update(state="ended", code=code, sentence=sentence)
            self.state["reports"].append(report)
            self._save()
            return True

    def unreported(self):
        with self.lock:
            return list(self.state["reports"])

    def reported(self, report):
        with self.lock:
            if report in self.state["reports"]:
                self.state["reports"].remove(report)
                self._save()

    def remembered(self, task, incarnation):
        """The answer to a deploy of the accepted epoch, as often as it is asked."""
        with self.lock:
            record = self.state["tasks"][task]
        if record["incarnation"] != incarnation:
            raise Refused("ERR_COMMAND_DIED", "it ran in an earlier incarnation of this bridge")
        if record["state"] == "ended":
            raise Refused(record["code"], record["sentence"])
        if record["state"] == "stopped":
            return "stopped", {}
        return "running", {"incarnation": incarnation, "nonce": record["nonce"], "program_id": record["program_id"]}

    def _save(self):
        beside = f"{self.path}.new"
        with open(beside, "w") as file:
            json.dump(self.state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)


def _from_json(spec):
    return {**spec, "artefact": bytes.fromhex(spec["artefact"])}
