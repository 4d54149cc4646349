"""Protocol Buffers, as much as a bridge needs: messages are dicts, described by tables of fields (wire.py).

A table maps a field's number to (name, kind). Kinds: uint, sint, bool, real (a double), text, bytes, words (packed fixed32), or the table
of another message. A kind in a list is repeated. Fields that are zero are left out, as proto3 has it; a kind that ends in
"?" has presence and is written whatever its value. Unknown fields are skipped.
"""
import struct

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Malformed(Exception):
    """Bytes that do not decode."""


def _varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(table, message):
    out = bytearray()
    for number, (name, kind) in table.items():
        value = message.get(name)
        if value is None:
            continue
        for one in value if isinstance(kind, list) else [value]:
            _field(out, number, kind[0] if isinstance(kind, list) else kind, one, isinstance(kind, list))
    return bytes(out)


def _field(out, number, kind, value, repeated):
    if isinstance(kind, dict):
        _bytes(out, number, encode(kind, value))
        return
    present, kind = repeated or kind.endswith("?"), kind.rstrip("?")
    if kind in ("uint", "sint", "bool"):
        wide = (value << 1) ^ (value >> 63) if kind == "sint" else int(value)
        if wide or present:
            out += _varint(number << 3 | VARINT) + _varint(wide)
        return
    if kind == "real":
        if value or present:
            out += _varint(number << 3 | FIXED64) + struct.pack("<d", value)
        return
    raw = value.encode() if kind == "text" else struct.pack(f"<{len(value)}I", *value) if kind == "words" else bytes(value)
    if raw or present:
        _bytes(out, number, raw)


def _bytes(out, number, raw):
    out += _varint(number << 3 | BYTES) + _varint(len(raw)) + raw


def fields(data):
    """(number, wire type, value) of every field; a value is an int, or bytes."""
    at, end = 0, len(data)

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= end or shift > 63:
                raise Malformed("a number does not end")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < end:
        tag = varint()
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("field number 0")
        if wire_type == VARINT:
            yield number, wire_type, varint()
            continue
        if wire_type not in (FIXED64, BYTES, FIXED32):
            raise Malformed(f"wire type {wire_type}")
        length = varint() if wire_type == BYTES else 8 if wire_type == FIXED64 else 4
        if at + length > end:
            raise Malformed(f"field {number} is cut short")
        yield number, wire_type, bytes(data[at : at + length])
        at += length


def decode(table, data):
    message = {}
    for number, wire_type, value in fields(data):
        name, kind = table.get(number, (None, None))
        if name is None:
            continue
        repeated = isinstance(kind, list)
        read = _value(kind[0] if repeated else kind, wire_type, value)
        if repeated:
            message.setdefault(name, []).append(read)
        else:
            message[name] = read
    return message


def _value(kind, wire_type, value):
    plain = kind.rstrip("?") if isinstance(kind, str) else kind
    wanted = VARINT if plain in ("uint", "sint", "bool") else FIXED64 if plain == "real" else BYTES
    if wire_type != wanted:
        raise Malformed("a field has another wire type")
    if isinstance(plain, dict):
        return decode(plain, value)
    if plain == "real":
        return struct.unpack("<d", value)[0]
    if plain == "sint":
        return (value >> 1) ^ -(value & 1)
    if plain == "bool":
        return value != 0
    if plain == "text":
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise Malformed("a text is no UTF-8") from error
    if plain == "words":
        if len(value) % 4:
            raise Malformed("a list of words is cut short")
        return list(struct.unpack(f"<{len(value) // 4}I", value))
    return value
