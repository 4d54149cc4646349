#!/usr/bin/env python3
"""A bridge for drover in plain Python: an ECU that runs the counting program. README.md says how to start it.

This file is the ECU on the bus: it announces itself, beats, obeys commands, serves pages, says goodbye. What it has
accepted and answered is in `memory.py`, on disk, so that it holds across its own death.
"""
import argparse
import hashlib
import json
import os
import secrets
import signal
import sys
import threading
import time

import admission
import counter
from checkpoints import fetch
from core import Core
from instance import Ended, Instance, refused_of
from jetstream import JetStream
from memory import Memory
from nats import Nats, NoAnswer, NoResponder
from sleep import STATE, Sleep
from wire import CAUGHT_UP, ENDED, RUNTIME_PROCESS, Refused, Sealer, read_command, unseal

HEARTBEAT = 0.1
FIXED_PRIORITY = 1
REPORT_RETRY = 0.2


class Bridge:
    def __init__(self, options):
        self.mac = options.mac.lower().replace(":", "").replace("-", "")
        self.memory = Memory(options.folder)
        self.incarnation = self.memory.begin(self.mac)
        self.sealer = Sealer(f"bridge.{self.mac}", self.incarnation)
        self.ecu = {
            "cores": 1, "memory_bytes": options.memory_mib << 20, "capabilities": options.capability,
            "runtimes": [RUNTIME_PROCESS], "scheduling": {"scheduler": FIXED_PRIORITY, "non_preemptive": True, "bound": True}, "follows_reservations": True,
        }
        if options.sleeps:
            self.ecu["power"] = {"idle_watts": 4.0, "busy_watts": 12.0, "sleep": [STATE]}
        self.nonce = secrets.token_hex(16)  # tells this start's claim of the MAC from another's
        self.nats = Nats(options.nats or url_of(options.data), f"bridge.{self.mac}#{self.incarnation}")
        self.js = JetStream(self.nats)
        self.shard_count = self._fleet_settings()["shardCount"]
        self.instances, self.core = {}, Core()
        self.task_locks, self.lock, self.sleep = {}, threading.Lock(), Sleep()
        self.started, self.leaving = time.monotonic(), threading.Event()

    # — arriving and leaving —

    def start(self):
        entry = self._inventory_entry()  # before anybody is asked: whoever claims after this is found by the claim
        self._refuse_taken_mac()
        self.nats.serve(f"ecu.{self.mac}.command", self._answering(self._command))
        self.nats.serve(f"ecu.{self.mac}.pages", self._answering(self._pages))
        self.nats.subscribe(f"ckpt.stored.{self.mac}.>", self._stored)
        self.nats.flush()
        self._claim_mac(entry.sequence if entry else 0)
        self.nats.on_reconnect = self._announce_again
        for report in self.memory.unreported():
            threading.Thread(target=self._report, args=(report,), daemon=True).start()
        self.beating = threading.Thread(target=self._beat, daemon=True)
        self.beating.start()

    def leave(self, reason):
        self.leaving.set()
        self.beating.join()
        for instance in list(self.instances.values()):
            instance.stop()
        self.nats.publish(f"ecu.{self.mac}.goodbye", self.sealer.seal("goodbye", {"mac": self.mac, "incarnation": self.incarnation, "reason": reason}))
        self.nats.flush()
        self.nats.close()

    def _fleet_settings(self):
        while True:
            try:
                settings = self.js.bucket_get("fleet", "settings")
                if settings is not None:
                    return json.loads(settings)
            except (NoAnswer, NoResponder):
                pass
            time.sleep(0.1)  # nobody has prepared this broker yet

    def _refuse_taken_mac(self):
        query = self.sealer.seal("command", {"query_load": {}})
        try:
            self.nats.request(f"ecu.{self.mac}.command", query, timeout=0.3)
        except (NoAnswer, NoResponder):
            return
        sys.exit(f"another bridge answers to MAC {self.mac}: give this one another (ERR_MAC_TAKEN)")

    def _inventory_entry(self):
        while True:
            try:
                return self.js.bucket_entry("inventory", self.mac)
            except (NoAnswer, NoResponder):
                time.sleep(0.1)

    def _claim_mac(self, seen):
        """Writes the description over what stood there before anybody was asked, or leaves: another one was first."""
        while self._announce(seen) is None:
            entry = self._inventory_entry()
            if entry is not None and entry.headers.get("Drover-Nonce") == self.nonce:
                return
            if (entry.sequence if entry else 0) != seen:
                sys.exit(f"another bridge has just started with MAC {self.mac}: give this one another (ERR_MAC_TAKEN)")
            time.sleep(0.02)

    def _announce_again(self):
        while self._announce() is None:
            time.sleep(0.1)

    def _announce(self, expected=None):
        description = {
            "mac": self.mac, "incarnation": self.incarnation, "name": f"python-{self.mac}", "ecu_class": "python", "resource_kind": 1,
            **self.ecu, "bridge": process_identity(), "heartbeat_interval_us": int(HEARTBEAT * 1e6), "version": "python-1",
        }
        sealed = self.sealer.seal("ecu_description", description)
        return self.js.bucket_put("inventory", self.mac, sealed, {"Drover-Nonce": self.nonce}, expected)

    def _beat(self):
        sequence = 0
        while not self.leaving.is_set():
            sequence += 1
            uptime = int((time.monotonic() - self.started) * 1e6)
            beat = {"mac": self.mac, "incarnation": self.incarnation, "sequence": sequence, "uptime_us": uptime}
            if not self.sleep.is_asleep():
                self.nats.publish(f"ecu.{self.mac}.heartbeat", self.sealer.seal("heartbeat", beat))
            self.leaving.wait(HEARTBEAT)

    def shard_of(self, task):
        return 0 if self.shard_count == 1 else hash32(task) % self.shard_count

    # — requests —

    def _answering(self, handler):
        """What does not decode fails as a request, with the headers of a micro service."""

        def answer(message):
            try:
                return handler(message.data), None
            except Refused as refused:
                print(f"refused a request on {message.subject}: {refused.code} {refused.sentence}", file=sys.stderr)
                return b"", {"Nats-Service-Error": refused.sentence, "Nats-Service-Error-Code": 500, "Drover-Error": refused.code}

        return answer

    def _command(self, data):
        _, command, trace = unseal(data, "command")
        order, fields, header = read_command(command)
        subject = {"task": header["task"], "epoch": header["epoch"]}
        if order == "power":
            return self.sealer.seal("answer", {"power": self._power(fields)}, trace)
        try:
            kind, answer = ("load", self._load()) if order == "query_load" else self._obey(order, fields, header)
        except Refused as refused:
            kind, answer = "refused", {"refusal": {"code": refused.code, "sentence": refused.sentence}}
        return self.sealer.seal("answer", {kind: answer if kind == "load" else {**subject, **answer}}, trace)

    def _power(self, order):
        if "sleep" not in order:
            return self.sleep.wake()
        with self.lock:  # as every admission: it either sees this one sleep, or is seen by it
            return self.sleep.fall(order["sleep"], next((name for name, _ in self.memory.accepted()), None))

    def _obey(self, order, fields, header):
        task, epoch = header["task"], header["epoch"]
        self.memory.handle(header["actor"], header["actor_revision"])
        with self.lock:
            task_lock = self.task_locks.setdefault(task, threading.Lock())
        with task_lock:
            self.memory.refuse_lower(task, epoch)
            if order == "deploy":
                return self._deploy(fields, task, epoch)
            if order == "stop":
                self._stop(task)
                self.memory.note(task, epoch=epoch, state="stopped", incarnation=self.incarnation, spec=None)
                return "stopped", {}
            instance = self.instances.get(task)
            if instance is None or instance.epoch != epoch:
                raise Refused("ERR_NO_TASK", "it does not run here")
            if order == "pause":
                if not instance.pause():
                    raise Refused("ERR_NO_TASK", "it has just ended")
                return "paused", {}
            if order == "resume":
                instance.resume()
                return "resumed", {}
            return "checkpointed", {"sequence": instance.order_checkpoint("full" if fields["mode"] == 1 else "delta")}

    def _deploy(self, order, task, epoch):
        if order.get("incarnation", 0) != self.incarnation:
            raise Refused("ERR_COMMAND_DIED", f"this bridge is at incarnation {self.incarnation}")
        if self.memory.epoch(task) < epoch:
            self._start(order, task, epoch)
        return self.memory.remembered(task, self.incarnation)

    def _start(self, order, task, epoch):
        spec, reference = order["spec"], order.get("checkpoint")
        with self.lock:  # one admission at a time: each counts what the one before accepted
            if self.sleep.is_asleep():
                raise Refused("ERR_ECU_ASLEEP", "this ECU sleeps")
            others = [other for name, other in self.memory.accepted() if name != task]
            admission.check(spec, others, self.ecu, self._bookings())
            if self.leaving.is_set():
                raise Refused("ERR_ADMIT_DRAINING", "this bridge is leaving")
            program_id = self.memory.program_id(task)
            nonce = secrets.token_hex(16)
            self.memory.note(task, epoch=epoch, state="running", incarnation=self.incarnation, nonce=nonce, program_id=program_id, spec=spec)
        self._stop(task)
        try:
            artefact = self.js.object_get("artefacts", spec["artefact"].hex())
            if artefact is None:
                raise Refused("ERR_STORE_MISSING", "no artefact has that digest")
            if hashlib.sha256(artefact).digest() != spec["artefact"]:
                raise Refused("ERR_STORE_CORRUPT", "the artefact has another digest")
            if artefact != counter.ARTEFACT:
                raise Refused("ERR_MODULE_REFUSED", "this bridge runs the counting program alone")
            below, trimmed = cursor_of(reference), order.get("trimmed", {}).get("sequence", 0)
            if below < trimmed:
                raise Refused("ERR_INPUT_TRIMMED", f"its state has read inputs up to sequence {below}, and those up to {trimmed} may be gone")
            memory = fetch(self.nats, self.sealer, reference) if reference else None
            instance = Instance(self, spec, epoch, nonce, program_id, memory, reference)
            self.instances[task] = instance
            try:
                instance.claim()
            except Ended as ended:
                raise refused_of(ended) from ended
        except (NoAnswer, NoResponder) as error:
            self._end(task, epoch, nonce, "ERR_STORE_MISSING", str(error))
        except Refused as refused:
            self._end(task, epoch, nonce, refused.code, refused.sentence)

    def _bookings(self):
        """What is reserved on this ECU and is not over. Read anew for each deploy: they are few."""
        try:
            book = self.js.bucket_get("fleet", "reservations")
        except (NoAnswer, NoResponder) as error:
            raise Refused("ERR_ADMIT_RESERVED", f"what is reserved cannot be read just now: {error}") from error
        bookings = unseal(book, "booking_book")[1].get("bookings", []) if book else []
        return [one for one in bookings if one.get("ecu") == self.mac and one.get("until_us", 0) > time.time_ns() // 1000]

    def _stop(self, task):
        instance = self.instances.pop(task, None)
        if instance is not None:
            instance.stop()

    def _load(self):
        tasks = [accepted_task(name, spec, self.memory.epoch(name)) for name, spec in self.memory.accepted()]
        return {"mac": self.mac, "incarnation": self.incarnation, "draining": self.leaving.is_set() or self.sleep.is_asleep(), "tasks": tasks}

    # — what instances tell —

    def instance_caught_up(self, instance):
        report = self._report_of(instance.task, instance.epoch, instance.nonce, CAUGHT_UP)
        threading.Thread(target=self._report, args=(report,), daemon=True).start()

    def instance_ended(self, instance, code, sentence):
        with self.lock:
            if self.instances.get(instance.task) is instance:
                del self.instances[instance.task]
        self._end(instance.task, instance.epoch, instance.nonce, code, sentence)

    def _end(self, task, epoch, nonce, code, sentence):
        self.instances.pop(task, None) if self.instances.get(task) and self.instances[task].epoch == epoch else None
        report = {**self._report_of(task, epoch, nonce, ENDED), "code": code, "sentence": sentence[:4096]}
        if self.memory.end(task, epoch, code, sentence, report):
            threading.Thread(target=self._report, args=(report,), daemon=True).start()

    def _report_of(self, task, epoch, nonce, what):
        return {"task": task, "epoch": epoch, "mac": self.mac, "incarnation": self.incarnation, "nonce": nonce, "what": what}

    def _report(self, report):
        """Until a manager has taken it."""
        call = self.sealer.seal("manager_call", {"instance_report": report})
        while not self.leaving.is_set():
            try:
                reply = self.nats.request("manager.call", call, timeout=1.0)
                if "Nats-Service-Error" not in reply.headers and "accepted" in unseal(reply.data, "manager_answer")[1]:
                    self.memory.reported(report)
                    return
            except (NoAnswer, NoResponder, Refused):
                pass
            self.leaving.wait(REPORT_RETRY)

    # — checkpoints —

    def _pages(self, data):
        body, request, trace = unseal(data, "page_request", "manifest_request")
        answer_body = "page_answer" if body == "page_request" else "manifest_answer"
        instance = self.instances.get(request.get("task", ""))
        refused = {"refused": {"code": "ERR_STORE_MISSING", "sentence": "no instance of that task and epoch runs here"}}
        if instance is None or instance.epoch != request.get("epoch", 0):
            return self.sealer.seal(answer_body, refused, trace)
        sequence = request.get("sequence", 0)
        if body == "manifest_request":
            manifest = instance.checkpoints.whole(sequence)
            return self.sealer.seal(answer_body, {"manifest": manifest} if manifest else refused, trace)
        if not 1 <= len(request.get("positions", [])) <= 1024:
            raise Refused("ERR_WIRE_MALFORMED", "page_request.positions must name 1 to 1024 pages")
        pages = instance.checkpoints.pages(sequence, request["positions"])
        newest = instance.checkpoints.newest
        superseded = {"superseded": {"epoch": instance.epoch, "sequence": newest["sequence"] if newest else 0}}
        return self.sealer.seal(answer_body, superseded if pages is None else {"pages": {"pages": pages}}, trace)

    def _stored(self, message):
        try:
            stored = unseal(message.data, "checkpoint_notice")[1].get("stored")
        except Refused as refused:
            print(f"could not read a notice on {message.subject}: {refused.sentence}", file=sys.stderr)
            return
        instance = self.instances.get(stored.get("task")) if stored else None
        if instance is None or instance.epoch != stored.get("epoch"):
            return
        freed = instance.checkpoints.stored(stored.get("manager"), stored.get("sequence", 0))
        if freed is not None:
            key = {"task": instance.task, "mac": self.mac, "program_id": instance.program_id, "epoch": instance.epoch, "sequence": freed}
            self.nats.pool.submit(self.js.append, f"ckpt.freed.{self.mac}.{instance.program_id}", self.sealer.seal("checkpoint_notice", {"freed": key}))


def cursor_of(reference):
    """Sequence of the last input that a state has read."""
    return reference.get("input", {}).get("sequence", 0) if reference else 0


def accepted_task(name, spec, epoch):
    copied = {field: spec.get(field, 0) for field in ("period_us", "wcet_us", "deadline_us", "priority")}
    demand = {"memory_bytes_max": admission.memory(spec), "hard_deadline": admission.is_hard(spec), "cpu_ppm": spec.get("reservation", {}).get("cpu_ppm", 0)}
    return {"task": name, "epoch": epoch, "core": 0, **copied, **demand}


def hash32(text):
    """FNV-1a with murmur3's final mixing."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    value = (value ^ value >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ value >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16


def process_identity():
    """This process as managers on the same boot of the same host look it up; elsewhere it is only a label."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as boot, open("/proc/self/stat") as stat:
            namespace = "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
            start = int(stat.read().rpartition(")")[2].split()[19])
            return {"boot_id": f"{boot.read().strip()}.{namespace}", "pid": os.getpid(), "start_ticks": start}
    except OSError:
        return {"boot_id": secrets.token_hex(16), "pid": os.getpid(), "start_ticks": 0}


def url_of(data):
    """Where the server of a fleet's data folder on this machine is, and as whom to go there."""
    with open(os.path.join(data, "server", "server.json")) as file:
        server = json.load(file)
    return f"nats://{server['drover']['user']}:{server['drover']['password']}@{server['host']}:{server['port']}"


def main():
    parser = argparse.ArgumentParser(description="A bridge for drover that runs the counting program.")
    parser.add_argument("--mac", required=True)
    broker = parser.add_mutually_exclusive_group(required=True)
    broker.add_argument("--nats", help="nats://[user:password@]host[:port]")
    broker.add_argument("--data", help="or the data folder of a fleet on this machine (drover up)")
    parser.add_argument("--folder", required=True, help="where the bridge keeps what must outlive it")
    parser.add_argument("--memory-mib", type=int, default=64)
    parser.add_argument("--sleeps", action="store_true", help="declare that it can be put to sleep; all it does then is to fall silent")
    parser.add_argument("--capability", action="append", default=[])
    bridge = Bridge(parser.parse_args())
    asked = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: asked.set())
    bridge.start()
    print(f"bridge {bridge.mac} serves, incarnation {bridge.incarnation}", file=sys.stderr)
    asked.wait()
    bridge.leave("it was asked to stop")


if __name__ == "__main__":
    main()
