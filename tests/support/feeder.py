# A raw MJPEG feed that does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flaky camera: sends, pauses, freezes, closes, resets, refuses, comes back."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from types import TracebackType

WAIT_S = 10.0
LINGER_RESET = struct.pack("ii", 1, 0)


class Feeder:
    """Serves its newest client what ``send`` and ``play`` are given.

    ``closes_at_once`` makes it accept and close; ``arrivals`` holds the times
    (CLOCK_MONOTONIC seconds) at which clients came.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.closes_at_once = False
        self.arrivals: list[float] = []
        self._server: asyncio.Server | None = None
        self._client: asyncio.StreamWriter | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.refuse()
        await self.close()

    @property
    def url(self) -> str:
        """The address that a camera is configured with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    @property
    def is_alone(self) -> bool:
        """Whether nobody is connected."""
        return not self._clients

    async def listen(self) -> None:
        """Accept clients, again at the same port."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new clients; the old one stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def arrived(self, count: int) -> None:
        """Wait until ``count`` clients have come since the start."""
        await self._wait(lambda: len(self.arrivals) >= count)

    async def left(self) -> None:
        """Wait until all clients have gone."""
        await self._wait(lambda: not self._clients)

    async def send(self, data: bytes) -> None:
        """Send bytes to the newest client."""
        assert self._client is not None
        self._client.write(data)
        await self._client.drain()

    async def play(self, frames: Iterable[bytes], interval_s: float) -> None:
        """Send frames at a steady pace; a client that leaves ends it."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        for frame in frames:
            try:
                await self.send(frame)
            except ConnectionError:
                return
            due += interval_s
            await asyncio.sleep(due - loop.time())

    async def close(self) -> None:
        """Close the clients' connections, as a program that ends."""
        for client in tuple(self._clients):
            client.close()
        await self.left()

    async def reset(self) -> None:
        """Reset the clients' connections, as a host that boots."""
        for client in tuple(self._clients):
            sock = client.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            client.transport.abort()
        await self.left()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._clients.add(writer)
        self._client = writer
        if self.closes_at_once:
            writer.close()
        await self._tell(time.monotonic())
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self._clients.discard(writer)
            await self._tell()

    async def _tell(self, *arrivals: float) -> None:
        async with self._changed:
            self.arrivals.extend(arrivals)
            self._changed.notify_all()

    async def _wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(condition)


@asynccontextmanager
async def feeding(frame: bytes, interval_s: float = 0.02) -> AsyncIterator[Feeder]:
    """A feed that sends ``frame`` to its newest client again and again."""
    async with Feeder() as feed, asyncio.TaskGroup() as group:

        async def serve() -> None:
            while True:
                if not feed.is_alone:
                    with suppress(ConnectionError):
                        await feed.send(frame)
                await asyncio.sleep(interval_s)

        serving = group.create_task(serve())
        try:
            yield feed
        finally:
            serving.cancel()
