"""Read an agent's journal as it lies on disk, written from the formats' descriptions alone (libagent/journal.h,
libagent/turn.h, agents/audit/audit.h, docs/PROTOCOL.md): an independent witness of what was kept.

archive.messages(DIRECTORY) yields (topic, sequence, body) of each message in audit's archive, in order.
"""
import glob
import hashlib
import struct

SEGMENT_HEAD, RECORD_HEAD, RECORD_TAIL = 512, 72, 40
KIND_USER, NOTE, NOTE_MESSAGE, HEADER = 16, 2, 1, 40


def unpack(b, i=0):
    """One msgpack value: (value, next index).  The types our envelopes use."""
    t, i = b[i], i + 1
    if t < 0x80:
        return t, i
    if t >= 0xe0:
        return t - 256, i
    if t < 0x90:
        return pairs(b, i, t & 15)
    if t < 0xa0:
        return items(b, i, t & 15)
    if t < 0xc0:
        return b[i:i + (t & 31)].decode(), i + (t & 31)
    if t in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[t], i
    if t in (0xc4, 0xc5, 0xd9, 0xda):
        size = 1 if t in (0xc4, 0xd9) else 2
        n = int.from_bytes(b[i:i + size], "big")
        v = bytes(b[i + size:i + size + n])
        return (v if t < 0xc6 else v.decode()), i + size + n
    if t in (0xdc, 0xde):
        n = int.from_bytes(b[i:i + 2], "big")
        return items(b, i + 2, n) if t == 0xdc else pairs(b, i + 2, n)
    fmt = {0xca: ">f", 0xcb: ">d", 0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q",
           0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}[t]
    return struct.unpack_from(fmt, b, i)[0], i + struct.calcsize(fmt)


def items(b, i, n):
    out = []
    for _ in range(n):
        v, i = unpack(b, i)
        out.append(v)
    return out, i


def pairs(b, i, n):
    out = {}
    for _ in range(n):
        k, i = unpack(b, i)
        out[k], i = unpack(b, i)
    return out, i


def records(directory):
    """Payloads of an agent's own records, oldest first; the hash of each is checked."""
    lsn = None
    for path in sorted(glob.glob(directory + "/*.jrn")):
        b, i = open(path, "rb").read(), SEGMENT_HEAD
        while b[i:i + 4] == b"JRN1":
            _, n, number, _, kind, _ = struct.unpack_from("<IIQIHH", b, i)
            payload = b[i + RECORD_HEAD:i + RECORD_HEAD + n]
            end = i + RECORD_HEAD + (n + 7) // 8 * 8
            if hashlib.blake2b(b[i:i + RECORD_HEAD] + payload, digest_size=32).digest() != b[end:end + 32]:
                raise ValueError("%s: record %d at %d: its hash is another" % (path, number, i))
            if lsn is not None and number != lsn + 1:
                raise ValueError("%s: record %d follows %d" % (path, number, lsn))
            lsn = number
            if kind >= KIND_USER:
                yield payload
            i = end + RECORD_TAIL


def notes(record):
    """The notes of one turn: (kind, data)."""
    i = 0
    while i < len(record):
        entry, i = record[i], i + 1
        if entry == 1:
            i += 2 + record[i + 1] + 16
        elif entry == 2:
            kind, n = struct.unpack_from("<HI", record, i)
            yield kind, record[i + 6:i + 6 + n]
            i += 6 + n
        elif entry == 3:
            i += 1 + record[i] + HEADER
            i += 4 + struct.unpack_from("<I", record, i)[0]
        elif entry == 4:
            i += 1 + record[i] + 8
        elif entry == 8:                # anchors of others, in the same record as messages
            i += 1 + 3 * 8 + 32
        else:
            raise ValueError("an entry of kind %d" % entry)


def messages(directory):
    for record in records(directory):
        for kind, data in notes(record):
            if kind != NOTE_MESSAGE:
                continue
            n = data[0]
            header, body = data[1 + n:1 + n + HEADER], data[1 + n + HEADER:]
            yield data[1:1 + n].decode(), struct.unpack_from("<Q", header, 8)[0], unpack(body)[0]


def fleeting(order):
    """A trigger that the exchange made and took away by itself before anybody could ask for it: of an order in its
    record, of which nobody else can know."""
    return order["attached"] and order["state"] == "done" and order["dealSize"] == 0 and \
        order["end_ns"] - order["created_ns"] < 5e9
