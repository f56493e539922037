# What a camera's certificate says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingerprint of a certificate, and the name in it.

Python's ssl tells names of verified certificates only, and a camera's is none. The name
is for people (a Bambu Lab printer's is its serial number); nothing is decided by it, so
a certificate in which none is found is as good as any.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

# ITU-T X.690: tags, and 2.5.4.3 as it is encoded.
SEQUENCE, SET, OBJECT, VERSION = 0x30, 0x31, 0x06, 0xA0
COMMON_NAME = b"\x55\x04\x03"
ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii"}
ENCODINGS[0x1E] = "utf-16-be"
SUBJECT = 4  # after serial number, algorithm, issuer and validity
MAX_NAME = 64  # RFC 5280, ub-common-name
SHOWN_BYTES = 8


@attrs.frozen
class Certificate:
    """SHA-256 of the whole certificate, and its common name or ""."""

    sha256: bytes
    name: str

    def __str__(self) -> str:
        """Short, for a line of status."""
        digest = f"SHA-256 {self.sha256[:SHOWN_BYTES].hex(':')}…"
        return f"{self.name}, {digest}" if self.name else digest

    @property
    def fingerprint(self) -> str:
        """As ``openssl x509 -fingerprint -sha256`` shows it."""
        return self.sha256.hex(":").upper()


def certificate(der: bytes) -> Certificate:
    """What ``der`` says; ``der`` may be anything."""
    return Certificate(hashlib.sha256(der).digest(), common_name(der))


def common_name(der: bytes) -> str:
    """The subject's common name in printable characters, or ""."""
    try:
        names = [_text(tag, content) for tag, content in _names(der)]
    except (ValueError, IndexError):
        return ""
    printable = (c if c.isprintable() else "?" for c in "".join(names[-1:]))
    return "".join(printable)[:MAX_NAME].strip()


def _names(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Every common name of the subject, the most special one last."""
    (whole,) = _contents(der, SEQUENCE)
    signed = _contents(whole, SEQUENCE)[0]
    fields = [item for item in _items(signed) if item[0] != VERSION]
    for relative in _contents(fields[SUBJECT][1], SET):
        for pair in _contents(relative, SEQUENCE):
            kind, value = tuple(_items(pair))
            if kind == (OBJECT, COMMON_NAME):
                yield value


def _text(tag: int, content: bytes) -> str:
    return content.decode(ENCODINGS[tag]) if tag in ENCODINGS else ""


def _contents(data: bytes, tag: int) -> list[bytes]:
    """What the elements with this tag hold."""
    return [content for found, content in _items(data) if found == tag]


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the elements in ``data``; raises ValueError."""
    place = 0
    while place < len(data):
        tag, size = data[place], data[place + 1]
        place += 2
        if size & 0x80:
            digits = size & 0x7F
            size = int.from_bytes(data[place : place + digits])
            place += digits
        if place + size > len(data):
            raise ValueError("an element is longer than what it is in")
        yield tag, data[place : place + size]
        place += size
