"""The counting program (docs of `drover conformance`), as a program of this bridge: 64 KiB of memory, a function of
(memory, input). A tick adds one, a data input (a whole number as text) adds that number; the count goes out as text.
A number followed by an x is counted up one by one, which takes its time.

    offset 0       the count, int64        offset 8   jobs run, uint64
    4096 · (1 + n mod 15)                  the count after job n: so that jobs change different pages
"""
import struct

MEMORY_BYTES = 65536
#: The artefact that stands for this program: a text that names it, because this bridge loads no foreign code.
ARTEFACT = b"drover conformance counter 1\n"


def job(memory, kind, payload):
    """Runs one job on `memory` (a bytearray); returns its outputs as (channel, payload)."""
    count, jobs = struct.unpack_from("<qQ", memory, 0)
    if kind == "tick":
        count += 1
    else:
        text = payload.strip()
        try:
            if text.endswith(b"x"):
                for _ in range(int(text[:-1])):
                    count += 1
            else:
                count += int(text)
        except ValueError:
            pass  # not a number: counts as 0
    jobs += 1
    struct.pack_into("<qQ", memory, 0, count, jobs)
    struct.pack_into("<q", memory, 4096 * (1 + jobs % 15), count)
    return [(0, str(count).encode())]
