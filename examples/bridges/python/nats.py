"""A small NATS client: one socket, one thread that reads it, and a few that answer requests.

It reconnects for ever and subscribes again. A request that is out when the connection is lost fails at once; what was
published may or may not have arrived, which every caller here has to survive anyway.
"""
import concurrent.futures
import itertools
import json
import os
import socket
import threading
import time
import urllib.parse


class NoResponder(Exception):
    pass


class NoAnswer(Exception):
    """Timed out, or the connection was lost: it may or may not have happened."""


class Message:
    def __init__(self, subject, reply, headers, data):
        self.subject, self.reply, self.headers, self.data = subject, reply, headers, data


def parse_headers(block):
    """The status ("503", or empty) and the headers of a block `NATS/1.0 …`."""
    first, *lines = block.decode().split("\r\n")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name, value.strip())
    return first[8:].strip()[:3], headers


def format_headers(headers):
    return ("NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode()


class Nats:
    def __init__(self, url, name, patience=30.0):
        parsed = urllib.parse.urlparse(url if "//" in url else f"nats://{url}")
        self.address = (parsed.hostname or "127.0.0.1", parsed.port or 4222)
        self.options = {"verbose": False, "pedantic": False, "name": name, "lang": "python", "version": "1", "protocol": 1, "headers": True, "no_responders": True}
        if parsed.username:
            self.options["user"] = urllib.parse.unquote(parsed.username)
            self.options["pass"] = urllib.parse.unquote(parsed.password or "")
        self.write_lock = threading.Lock()
        self.subscriptions = {}  # sid → (subject, callback)
        self.sids = itertools.count(1)
        self.inbox = f"_INBOX.{os.urandom(12).hex()}."
        self.waiting = {}  # token → Future
        self.tokens = itertools.count(1)
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=16)
        self.on_reconnect = lambda: None
        self.closed = False
        self.pings_out = 0
        self.socket = None
        self._connect(time.monotonic() + patience)
        self.subscribe(self.inbox + "*", self._answered)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._ping, daemon=True).start()

    # — sending —

    def publish(self, subject, data, reply="", headers=None):
        """Dropped silently while there is no connection."""
        if headers:
            block = format_headers(headers)
            line = f"HPUB {subject} {reply} {len(block)} {len(block) + len(data)}\r\n".encode() + block
        else:
            line = f"PUB {subject} {reply} {len(data)}\r\n".encode()
        self._send(line + data + b"\r\n")

    def request(self, subject, data, headers=None, timeout=2.0):
        token = str(next(self.tokens))
        future = self.waiting[token] = concurrent.futures.Future()
        try:
            self.publish(subject, data, self.inbox + token, headers)
            return future.result(timeout)
        except concurrent.futures.TimeoutError as error:
            raise NoAnswer(f"{subject} did not answer in {timeout} s") from error
        finally:
            self.waiting.pop(token, None)

    def subscribe(self, subject, callback):
        """`callback` runs on the reading thread and must be quick; what waits for answers goes through `serve`."""
        sid = next(self.sids)
        self.subscriptions[sid] = (subject, callback)
        self._send(f"SUB {subject} {sid}\r\n".encode())
        return sid

    def unsubscribe(self, sid):
        self.subscriptions.pop(sid, None)
        self._send(f"UNSUB {sid}\r\n".encode())

    def serve(self, subject, handler):
        """Answers requests with what `handler(message)` returns: (payload, headers or None)."""

        def answer(message):
            payload, headers = handler(message)
            if message.reply:
                self.publish(message.reply, payload, headers=headers)

        return self.subscribe(subject, lambda message: self.pool.submit(answer, message))

    def flush(self):
        """Returns when the server has read everything that was sent before: what one sends to oneself comes last."""
        token = str(next(self.tokens))
        future = self.waiting[token] = concurrent.futures.Future()
        self.publish(self.inbox + token, b"")
        try:
            future.result(1.0)
        except (concurrent.futures.TimeoutError, NoAnswer):
            pass

    def close(self):
        self.closed = True
        self.socket.close()

    def _send(self, data):
        with self.write_lock:
            try:
                self.socket.sendall(data)
            except OSError:
                pass  # the reading thread sees it, too, and connects again

    # — the connection —

    def _connect(self, until):
        wait = 0.05
        while True:
            try:
                sock = socket.create_connection(self.address, timeout=2.0)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                stream = sock.makefile("rb")
                stream.readline()  # INFO
                sock.sendall(f"CONNECT {json.dumps(self.options)}\r\nPING\r\n".encode())
                while (line := stream.readline()) != b"PONG\r\n":
                    if line == b"" or line.startswith(b"-ERR"):
                        raise OSError(line.decode().strip() or "the server closed the connection")
                sock.settimeout(None)
                with self.write_lock:
                    self.socket, self.stream, self.pings_out = sock, stream, 0
                    for sid, (subject, _) in list(self.subscriptions.items()):
                        sock.sendall(f"SUB {subject} {sid}\r\n".encode())
                return
            except OSError:
                if self.closed or time.monotonic() > until:
                    raise
                time.sleep(wait)
                wait = min(2.0, wait * 2)

    def _read(self):
        while not self.closed:
            try:
                self._read_until_lost()
            except (OSError, ValueError, IndexError):
                pass
            for token in list(self.waiting):
                self._fail(token, NoAnswer("the connection was lost"))
            if self.closed:
                return
            self.socket.close()
            self._connect(float("inf"))
            self.pool.submit(self.on_reconnect)

    def _read_until_lost(self):
        while True:
            line = self.stream.readline()
            if line == b"":
                raise OSError("the server closed the connection")
            verb, *rest = line.decode().split()
            if verb == "PING":
                self._send(b"PONG\r\n")
            elif verb == "PONG":
                self.pings_out = 0
            elif verb in ("MSG", "HMSG"):
                self._message(verb, rest)

    def _message(self, verb, rest):
        counts = 2 if verb == "HMSG" else 1
        subject, sid, *reply = rest[:-counts]
        body = self.stream.read(int(rest[-1]) + 2)[:-2]
        head = int(rest[-2]) if verb == "HMSG" else 0
        status, headers = parse_headers(body[:head]) if head else ("", {})
        message = Message(subject, reply[0] if reply else "", {"": status, **headers}, body[head:])
        _, callback = self.subscriptions.get(int(sid), (None, None))
        if callback is not None:
            callback(message)

    def _ping(self):
        while not self.closed:
            time.sleep(1.0)
            self.pings_out += 1
            if self.pings_out > 3:
                self.socket.shutdown(socket.SHUT_RDWR) if self.socket.fileno() >= 0 else None
            self._send(b"PING\r\n")

    def _answered(self, message):
        token = message.subject[len(self.inbox) :]
        if message.headers[""] == "503" and not message.data:
            self._fail(token, NoResponder("nobody serves this subject"))
        elif future := self.waiting.pop(token, None):
            future.set_result(message)

    def _fail(self, token, error):
        if future := self.waiting.pop(token, None):
            future.set_exception(error)
