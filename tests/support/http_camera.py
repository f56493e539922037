# A camera's web server that does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers each request with bytes that a test made, so nothing is too wrong for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Self

import attrs

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    Answer = Callable[["Request", "Reply"], Awaitable[None]]

WAIT_S = 10.0
RESET = struct.pack("ii", 1, 0)
BOUNDARY = "somewhere"


@attrs.frozen
class Request:
    """Method, target, and headers with their names in small letters."""

    method: str
    target: str
    headers: dict[str, str]


class Reply:
    """Where an answer goes."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.is_over = False

    async def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def slowly(self, data: bytes, interval_s: float) -> None:
        """Send a byte every so often."""
        for place in range(len(data)):
            await self.send(data[place : place + 1])
            await asyncio.sleep(interval_s)

    async def silence(self) -> None:
        """Send nothing more, until the client leaves."""
        while await self._reader.read(4096):
            pass
        self.close()

    def close(self) -> None:
        """Close the connection after this answer."""
        self.is_over = True

    def reset(self) -> None:
        """Reset the connection now."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._writer.transport.abort()
        self.is_over = True


def head(status: int = 200, /, **headers: str | int) -> bytes:
    """Status line and headers; ``_`` stands for ``-`` in their names."""
    lines = [f"HTTP/1.1 {status} Some Reason"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode()


def whole(
    body: bytes, kind: str = "image/jpeg", status: int = 200, /, **headers: str
) -> bytes:
    """An answer that says how long it is."""
    about = head(status, Content_Type=kind, Content_Length=len(body), **headers)
    return about + body


MULTIPART = head(Content_Type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")


def part(jpeg: bytes) -> bytes:
    """A part as it should be."""
    lengths = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return f"--{BOUNDARY}\r\n{lengths}".encode() + jpeg + b"\r\n"


def chunked(data: bytes, size: int = 1000) -> bytes:
    """The chunks of a chunked body, without the last one."""
    pieces = (data[place : place + size] for place in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def streaming(*data: bytes, start: bytes = MULTIPART) -> Answer:
    """An answer that sends ``data``, and stays."""

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(start, *data)
        await reply.silence()

    return answer


def giving(*answers: bytes, closes: bool = False) -> Answer:
    """Answers in turn, the last one for ever; the connection is kept, or closed."""
    left = list(answers)

    async def answer(_: Request, reply: Reply) -> None:
        await reply.send(left.pop(0) if len(left) > 1 else left[0])
        if closes:
            reply.close()

    return answer


class HttpCamera:
    """Serves on ``host``; ``answer`` may be changed at any time.

    ``connections`` counts those that were accepted, ``requests`` keeps all.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.connections = 0
        self._host = host
        self._context = context
        self._writers: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()
        self._server: asyncio.Server
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, self._host, 0, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in tuple(self._writers):
            writer.transport.abort()
        await self.left()

    @property
    def place(self) -> str:
        """Host and port."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self.port}"

    def url(self, target: str = "/", scheme: str = "http", user: str = "") -> str:
        """An address of this camera."""
        return f"{scheme}://{user}{self.place}{target}"

    async def asked(self, count: int) -> None:
        """Wait for so many requests since the start."""
        await self._wait(lambda: len(self.requests) >= count)

    async def left(self) -> None:
        """Wait until nobody is connected."""
        await self._wait(lambda: not self._writers)

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._answer_all(reader, Reply(reader, writer))
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            await self._tell()

    async def _answer_all(self, reader: asyncio.StreamReader, reply: Reply) -> None:
        while not reply.is_over:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")[:-2]
            method, target, _ = first.split(" ")
            pairs = (line.split(": ", 1) for line in lines)
            headers = {name.lower(): value for name, value in pairs}
            request = Request(method, target, headers)
            self.requests.append(request)
            await self._tell()
            await self.answer(request, reply)
