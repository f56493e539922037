# Payloads that no good peer sends.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spoils messages octet by octet, by protobuf's encoding and not by its library.

Encoding: a field is its key, ``number << 3 | wire type``, and a value. Wire types are
0 varint, 1 eight octets, 2 length and octets, 5 four octets.
"""

from __future__ import annotations

from .faults import FaultKind

VARINT, LENGTH, FOUR_OCTETS = 0, 2, 5
UNKNOWN_NUMBER = 1000  # a field of no message in either layout
MAX_NUMBER = 15  # the highest one that is known
# A field that is text, in both layouts where both have the message.
TEXT_FIELDS = {
    "trigger": 13,
    "configuration": 7,
    "status": 8,
    "features": 7,
    "protobuf_version": 2,
    "client_trigger": 1,
    "file_list": 1,
}
NO_UTF8 = b"\xff\xfe\xc0"


def spoil(kind: FaultKind, event: str, octets: bytes, size_bytes: int) -> bytes:
    """``octets`` of ``event`` as the fault ``kind`` makes them."""
    match kind:
        case FaultKind.EMPTY:
            return b""
        case FaultKind.TRUNCATED:
            # 100 octets of text are promised, three come.
            return octets + key(TEXT_FIELDS[event], LENGTH) + varint(100) + b"cut"
        case FaultKind.UNKNOWN_FIELDS:
            new = key(UNKNOWN_NUMBER, VARINT) + varint(1 << 40)
            return new + octets + field(UNKNOWN_NUMBER + 1, b"of tomorrow")
        case FaultKind.WRONG_WIRE_TYPE:
            return b"".join(
                key(number, FOUR_OCTETS) + b"\1\2\3\4"
                for number in range(1, MAX_NUMBER + 1)
            )
        case FaultKind.INVALID_UTF8:
            return octets + field(TEXT_FIELDS[event], NO_UTF8)
        case FaultKind.HUGE:
            return octets + field(UNKNOWN_NUMBER, bytes(size_bytes))
        case _:
            return octets


def field(number: int, octets: bytes) -> bytes:
    """A field that holds ``octets``."""
    return key(number, LENGTH) + varint(len(octets)) + octets


def key(number: int, wire_type: int) -> bytes:
    """What a field begins with."""
    return varint(number << 3 | wire_type)


def varint(value: int) -> bytes:
    """Seven bits an octet, the lowest first; the highest bit says that more come."""
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*octets, value])
