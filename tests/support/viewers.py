# Viewers: how real programs read a stream.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers with the known habits of Mainsail, Fluidd and Mobileraker, and a strict one.

The habits were measured with Mainsail 2.18, Fluidd 1.37 and Mobileraker. A parser gets
the bytes of a body as they arrive, and gives the frames that its program would show.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from typing import TYPE_CHECKING, Protocol, Self

import attrs

if TYPE_CHECKING:
    from types import TracebackType

WAIT_S = 10.0
SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
LINGER_RESET = struct.pack("ii", 1, 0)


class Parser(Protocol):
    """Bytes of a body in, frames out."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The frames that ``chunk`` completes."""


class StreamMalformed(Exception):
    """The stream breaks a rule that this viewer insists on."""


class MainsailParser:
    """Mainsail's worker: FF D8 begins a body of Content-Length bytes.

    FF D8 counts wherever it stands, but only within one chunk. A frame is shown when
    one more byte than the body has come. Boundaries are of no interest.
    """

    def __init__(self, _content_type: str = "") -> None:
        self._headers = b""
        self._body: bytearray | None = None
        self._length = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        shown: list[bytes] = []
        position = 0
        while position < len(chunk):
            if chunk.startswith(SOI, position):
                self._begin()
            if self._body is None:
                self._headers += chunk[position : position + 1]
                position += 1
            elif len(self._body) < self._length:
                room = self._length - len(self._body)
                inner = chunk.find(SOI, position + 1)
                end = min(position + room, inner if inner > 0 else len(chunk))
                self._body += chunk[position:end]
                position = end
            else:
                shown.append(bytes(self._body))
                self._body, self._headers = None, b""
        return shown

    def _begin(self) -> None:
        if self._body is None:
            found = re.search(rb"(?i)content-length: *(\d+)", self._headers)
            if found is None:
                raise StreamMalformed("a part has no Content-Length")
            self._length = int(found[1])
        self._body = bytearray()


class FluiddParser:
    """Fluidd's worker: a frame is what lies between its header and ``--boundary``.

    The boundary is the literal text up to a semicolon. A frame is shown when the next
    boundary has come, with the line break before it.
    """

    def __init__(self, content_type: str) -> None:
        found = re.search("boundary=([^;]+)", content_type)
        if "multipart" not in content_type or found is None:
            raise StreamMalformed(f"no boundary in {content_type!r}")
        self._delimiter = b"--" + found[1].encode()
        self._buffer = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        self._buffer += chunk
        shown: list[bytes] = []
        while True:
            begin = self._buffer.find(self._delimiter)
            header_end = self._buffer.find(b"\r\n\r\n", begin)
            end = self._buffer.find(self._delimiter, header_end)
            if min(begin, header_end, end) < 0:
                return shown
            shown.append(self._buffer[header_end + 4 : end])
            self._buffer = self._buffer[end:]


class MobilerakerParser:
    """Mobileraker: from FF D8 to FF D9, headers or not.

    A marker that two chunks share is not seen.
    """

    def __init__(self, _content_type: str = "") -> None:
        self._open: bytes | None = None

    def feed(self, chunk: bytes) -> list[bytes]:
        shown: list[bytes] = []
        position = 0
        while True:
            if self._open is None:
                begin = chunk.find(SOI, position)
                if begin < 0:
                    return shown
                self._open, position = b"", begin
            end = chunk.find(EOI, position)
            if end < 0:
                self._open += chunk[position:]
                return shown
            shown.append(self._open + chunk[position : end + 2])
            self._open, position = None, end + 2


@attrs.frozen
class Part:
    """One part of a multipart body."""

    headers: dict[str, str]
    body: bytes


class StrictParser:
    """Insists on every byte that the format of our streams promises.

    A part is complete with its last byte, not with the next delimiter; ``owed`` is
    what must follow at once.
    """

    def __init__(self, content_type: str) -> None:
        kind, _, boundary = content_type.partition("; boundary=")
        if kind != "multipart/x-mixed-replace" or not boundary.isalnum():
            raise StreamMalformed(f"Content-Type is {content_type!r}")
        self._delimiter = f"--{boundary}\r\n".encode()
        self._expected = self._delimiter
        self._buffer = b""
        self.parts: list[Part] = []

    @property
    def owed(self) -> bytes:
        """The part of a delimiter that is still to come."""
        return self._expected[len(self._buffer) :]

    @property
    def is_between_parts(self) -> bool:
        """Whether a delimiter is complete, and nothing follows it."""
        return not self._expected and not self._buffer

    def feed(self, chunk: bytes) -> list[bytes]:
        self._buffer += chunk
        shown: list[bytes] = []
        while self._take_delimiter() and (part := self._take_part()) is not None:
            self.parts.append(part)
            shown.append(part.body)
            self._expected = b"\r\n" + self._delimiter
        return shown

    def _take_delimiter(self) -> bool:
        seen = self._buffer[: len(self._expected)]
        if not self._expected.startswith(seen):
            raise StreamMalformed(f"{seen!r} where {self._expected!r} is due")
        if len(seen) < len(self._expected):
            return False
        self._buffer = self._buffer[len(seen) :]
        self._expected = b""
        return True

    def _take_part(self) -> Part | None:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        if b"\n" in head.replace(b"\r\n", b""):
            raise StreamMalformed(f"a line of {head!r} does not end with CRLF")
        lines = [line.partition(": ") for line in head.decode("ascii").split("\r\n")]
        headers = {name: value for name, _, value in lines}
        if headers.get("Content-Type") != "image/jpeg":
            raise StreamMalformed(f"a part is {headers}")
        length = int(headers["Content-Length"])
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        body = rest[:length]
        if not (body.startswith(SOI) and body.endswith(EOI)):
            raise StreamMalformed("a part is no JPEG from SOI to EOI")
        return Part(headers, body)


class HttpClient:
    """One connection, by the byte; every wait ends after WAIT_S.

    ``receive_bytes`` makes the kernel's buffer small, so that not reading is felt.
    """

    def __init__(self, host: str, port: int, *, receive_bytes: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.setblocking(False)
        self._address = (host, port)
        self._received = b""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WAIT_S):
                await loop.sock_connect(self.socket, self._address)
        except BaseException:
            self.socket.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        async with asyncio.timeout(WAIT_S):
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def ask(self, target: str, method: str = "GET", version: str = "1.1") -> Head:
        """Send a request and read the head of its answer."""
        request = f"{method} {target} HTTP/{version}\r\nHost: printer\r\n\r\n"
        await self.send(request.encode())
        return await self.read_head()

    async def read(self, size: int = 65536) -> bytes:
        """What has come, b"" at the end."""
        if self._received:
            chunk, self._received = self._received[:size], self._received[size:]
            return chunk
        async with asyncio.timeout(WAIT_S):
            return await asyncio.get_running_loop().sock_recv(self.socket, size)

    async def read_exactly(self, size: int) -> bytes:
        """``size`` bytes; fewer if the connection ends."""
        data = b""
        while len(data) < size and (chunk := await self.read(size - len(data))):
            data += chunk
        return data

    async def read_head(self) -> Head:
        """Status line and headers."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = await self.read()
            if not chunk:
                raise ConnectionError(f"the connection ended after {data!r}")
            data += chunk
        head, _, self._received = data.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        headers = dict(line.split(": ", 1) for line in lines)
        return Head(version, int(status), headers)

    async def read_answer(self, target: str, method: str = "GET") -> Answer:
        """Ask, and read an answer with a Content-Length."""
        head = await self.ask(target, method)
        length = 0 if method == "HEAD" else int(head.headers["Content-Length"])
        return Answer(head.status, head.headers, await self.read_exactly(length))

    async def read_to_end(self) -> bytes:
        """All that comes until the server closes or resets the connection."""
        data = b""
        try:
            while chunk := await self.read():
                data += chunk
        except ConnectionResetError:
            pass
        return data

    async def read_frames(self, parser: Parser, count: int) -> list[bytes]:
        """The next ``count`` frames that a parser shows, or fewer at the end."""
        frames: list[bytes] = []
        while len(frames) < count and (chunk := await self.read()):
            frames += parser.feed(chunk)
        return frames

    def reset(self) -> None:
        """Leave without a good-bye."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.socket.close()


@attrs.frozen
class Head:
    """Status line and headers of an answer."""

    version: str
    status: int
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        """What the parsers are made from."""
        return self.headers["Content-Type"]


@attrs.frozen
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes
