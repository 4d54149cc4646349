"""JetStream by its plain requests: append with an expected sequence, read the last or the next message, buckets, objects."""
import base64
import datetime
import json

from nats import NoAnswer, NoResponder, parse_headers


class Stored:
    """A message in a stream."""

    def __init__(self, raw):
        self.subject, self.sequence, self.time = raw["subject"], raw["seq"], raw["time"]
        self.data = base64.b64decode(raw.get("data", ""))
        self.headers = parse_headers(base64.b64decode(raw["hdrs"]))[1] if raw.get("hdrs") else {}

    def age(self):
        """Seconds since the append, as far as the two clocks can be trusted."""
        text, _, fraction = self.time.rstrip("Z").partition(".")
        at = datetime.datetime.fromisoformat(text + "+00:00").timestamp() + float(f"0.{fraction or 0}")
        return max(0.0, datetime.datetime.now(datetime.timezone.utc).timestamp() - at)

    def number(self, name):
        text = self.headers.get(name, "")
        return int(text) if text.isdigit() else 0


class JetStream:
    def __init__(self, nats):
        self.nats = nats

    def append(self, subject, data, headers=None, expected=None, message_id=None):
        """The sequence, or None for anything but a plain acknowledgement: then read the last message and decide."""
        all_headers = dict(headers or {})
        if expected is not None:
            all_headers["Nats-Expected-Last-Subject-Sequence"] = expected
        if message_id is not None:
            all_headers["Nats-Msg-Id"] = message_id
        try:
            answer = json.loads(self.nats.request(subject, data, all_headers).data)
        except (NoAnswer, NoResponder):
            return None
        return None if "error" in answer or answer.get("duplicate") else answer["seq"]

    def read_last(self, stream, subject):
        return self._get(stream, {"last_by_subj": subject})

    def read_next(self, stream, subject, sequence):
        """The first message at or after `sequence` whose subject matches; None when there is none yet."""
        return self._get(stream, {"seq": sequence, "next_by_subj": subject})

    def _get(self, stream, query):
        # Without direct gets, the leader answers: what it gives is the last word.
        answer = json.loads(self.nats.request(f"$JS.API.STREAM.MSG.GET.{stream}", json.dumps(query).encode()).data)
        if "message" in answer:
            return Stored(answer["message"])
        if answer.get("error", {}).get("code") == 404:
            return None
        raise NoAnswer(answer.get("error", {}).get("description", "the broker refused a read"))

    def bucket_get(self, bucket, key):
        found = self.read_last(f"KV_{bucket}", f"$KV.{bucket}.{key}")
        return None if found is None or "KV-Operation" in found.headers else found.data

    def bucket_entry(self, bucket, key):
        """What stands under a key, a deletion too: a Stored, or None."""
        return self.read_last(f"KV_{bucket}", f"$KV.{bucket}.{key}")

    def bucket_put(self, bucket, key, value, headers=None, expected=None):
        return self.append(f"$KV.{bucket}.{key}", value, headers, expected)

    def object_get(self, store, name):
        stream, key = f"OBJ_{store}", base64.urlsafe_b64encode(name.encode()).decode()
        meta = self.read_last(stream, f"$O.{store}.M.{key}")
        if meta is None:
            return None
        info, chunks, sequence = json.loads(meta.data), [], 1
        for _ in range(info.get("chunks", 0)):
            chunk = self.read_next(stream, f"$O.{store}.C.{info['nuid']}", sequence)
            if chunk is None:
                return None
            chunks.append(chunk.data)
            sequence = chunk.sequence + 1
        return b"".join(chunks)
