# The control socket for tests.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A peer that can say anything, and notes of what happened."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

WAIT_S = 10.0
LINE_LIMIT_BYTES = 16 << 20


class RawPeer:
    """Sends bytes as they are, and reads lines."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(WAIT_S):
            await self.writer.drain()

    async def receive(self) -> dict[str, Any]:
        """The next message; EOFError when the engine has closed the connection."""
        async with asyncio.timeout(WAIT_S):
            line = await self.reader.readline()
        if not line:
            raise EOFError
        assert line.endswith(b"\n")
        message: dict[str, Any] = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        return message

    async def ask(self, **fields: Any) -> dict[str, Any]:
        """Send one request with the id 1, or the given one, and read a message."""
        await self.send(line(**{"id": 1, **fields}))
        return await self.receive()

    async def wait_closed(self) -> None:
        """Read until the engine closes the connection."""
        async with asyncio.timeout(WAIT_S):
            while await self.reader.read(1 << 20):
                pass


def line(**fields: Any) -> bytes:
    """One message."""
    return json.dumps({"jsonrpc": "2.0", **fields}).encode() + b"\n"


@asynccontextmanager
async def raw_peer(path: Path) -> AsyncIterator[RawPeer]:
    """A connection to the control socket at ``path``."""
    reader, writer = await asyncio.open_unix_connection(
        str(path), limit=LINE_LIMIT_BYTES
    )
    try:
        yield RawPeer(reader, writer)
    finally:
        writer.transport.abort()


class Notes(list[Any]):
    """What happened so far; one test can wait for more."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def note(self, what: Any) -> None:
        self.append(what)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until ``condition`` holds; it is asked after every note."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_count(self, what: Any, count: int) -> None:
        """Wait until ``what`` was noted ``count`` times."""
        await self.until(lambda: self.count(what) >= count)
