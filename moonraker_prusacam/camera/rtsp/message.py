# Messages of RTSP, and what comes between them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a stream of RTSP apart: requests, responses, and runs of media packets.

Source: RFC 2326, sections 4 to 7 and 10.12. Packets of media stand between the
messages, each after a ``$``, a channel and a length; they are passed on as they are, as
many at once as have come.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_HEADER_BYTES = 16 << 10
MOST_BODY_BYTES = 256 << 10
DOLLAR = 0x24
PREFIX_BYTES = 4

_RESPONSE = re.compile(r"RTSP/\d\.\d (\d{3}) ?(.*)")
_REQUEST = re.compile(r"([A-Z_]+) (\S+) RTSP/\d\.\d")
_END = re.compile(rb"\r?\n\r?\n")
# A message begins with a word in capitals.
_BEGIN = re.compile(rb"[A-Z_]{1,20}(?:[ /]|$)")


class MessageError(ValueError):
    """The peer sends something that is no RTSP."""


class WebServerError(MessageError):
    """The peer answers as a web server does."""


@attrs.frozen
class Headers:
    """Names and values in their order; names are found in any case."""

    pairs: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> list[str]:
        """Every value of ``name``."""
        wanted = name.lower()
        return [value for known, value in self.pairs if known.lower() == wanted]

    def get(self, name: str, default: str = "") -> str:
        """The first value of ``name``."""
        return next(iter(self.all(name)), default)


@attrs.frozen
class Request:
    """A request, from whichever side."""

    method: str
    url: str
    headers: Headers = Headers()
    body: bytes = b""

    def encode(self) -> bytes:
        """What goes over the wire."""
        return _encode(f"{self.method} {self.url} RTSP/1.0", self.headers, self.body)


@attrs.frozen
class Response:
    """An answer; the ``CSeq`` header tells to what."""

    status: int
    reason: str = ""
    headers: Headers = Headers()
    body: bytes = b""

    def encode(self) -> bytes:
        """What goes over the wire."""
        return _encode(f"RTSP/1.0 {self.status} {self.reason}", self.headers, self.body)


class Splitter:
    """Takes reads of any size, and gives what is whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Request | Response | bytes]:
        """Messages and runs of packets, in their order; raises MessageError."""
        buffer = self._buffer
        buffer += data
        pieces: list[Request | Response | bytes] = []
        run = position = 0
        while position < len(buffer):
            if buffer[position] == DOLLAR:
                end = _packet_end(buffer, position)
                if end > len(buffer):
                    break
                position = end
                continue
            if position > run:
                pieces.append(bytes(buffer[run:position]))
                run = position
            if buffer[position] in b"\r\n":  # some end a message with one too many
                position += 1
                run = position
                continue
            taken = _message(buffer, position)
            if taken is None:
                break
            piece, position = taken
            pieces.append(piece)
            run = position
        if position > run:
            pieces.append(bytes(buffer[run:position]))
        del buffer[:position]
        return pieces


def _packet_end(buffer: bytearray, begin: int) -> int:
    size = int.from_bytes(buffer[begin + 2 : begin + PREFIX_BYTES], "big")
    return begin + PREFIX_BYTES + size


def _message(buffer: bytearray, begin: int) -> tuple[Request | Response, int] | None:
    """The message at ``begin`` and where it ends, or None if it is not whole."""
    if not _BEGIN.match(buffer, begin, begin + 24):
        raise MessageError("something that is no RTSP")
    if buffer.startswith(b"HTTP", begin):
        raise WebServerError("an answer of a web server")
    end = _END.search(buffer, begin)
    if (end.end() if end else len(buffer)) - begin > MOST_HEADER_BYTES:
        raise MessageError(f"a header of more than {MOST_HEADER_BYTES >> 10} KiB")
    if end is None:
        return None
    first, *lines = buffer[begin : end.start()].decode(errors="replace").splitlines()
    headers = Headers(tuple(_headers(lines)))
    told = headers.get("Content-Length", "0")
    size = int(told) if told.isascii() and told.isdigit() else 0
    if size > MOST_BODY_BYTES:
        raise MessageError(f"an answer of more than {MOST_BODY_BYTES >> 10} KiB")
    if len(buffer) - end.end() < size:
        return None
    after = end.end() + size
    body = bytes(buffer[end.end() : after])
    if response := _RESPONSE.fullmatch(first):
        return Response(int(response[1]), response[2], headers, body), after
    if request := _REQUEST.fullmatch(first):
        return Request(request[1], request[2], headers, body), after
    raise MessageError("something that is no RTSP")


def _headers(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip(), value.strip()


def _encode(first: str, headers: Headers, body: bytes) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.pairs)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
