# A web server with rules about who may look.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras, web server and key as an engine has them, asked from any local address."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.access_options import AccessConfig
from moonraker_prusacam.camera import Camera
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.viewing_tokens import ViewingTokens
from moonraker_prusacam.web import Access, StreamPump, WebServer
from tests.support.pushed_source import PushedSource, picture
from tests.support.viewers import WAIT_S, Answer, HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


NEVER_S = 3600.0


class GuardedSite:
    """Cameras of the given names behind ``access``; ``tokens`` has their key."""

    def __init__(self, folder: Path, names: tuple[str, ...], access: AccessConfig):
        self.sources = [PushedSource() for _ in names]
        self.cameras = [
            Camera(
                CameraConfig(name=name, source="tcp://cam", stale_after_s=NEVER_S),
                source,
            )
            for name, source in zip(names, self.sources, strict=True)
        ]
        self.pump = StreamPump(16)
        self.tokens = ViewingTokens(folder)
        self.web = WebServer(
            "127.0.0.1",
            0,
            self.cameras,
            self.pump,
            self.status,
            access=Access(access, self.tokens, {"printer.example.org"}),
        )

    def status(self) -> dict[str, Any]:
        return {
            "streams": [
                stats.label
                for camera in self.cameras
                for stats in self.web.feed(camera).list_viewers()
            ]
        }

    def send(self, data: bytes) -> None:
        """Have every camera deliver ``data``."""
        for source in self.sources:
            source.send(data)

    def client(self, address: str = "127.0.0.1") -> HttpClient:
        """One that connects from ``address``, of 127.0.0.0/8."""
        client = HttpClient("127.0.0.1", self.web.port)
        client.socket.bind((address, 0))
        return client

    async def ask(
        self,
        target: str,
        *headers: str,
        address: str = "127.0.0.1",
        method: str = "GET",
        host: str = "127.0.0.1",
    ) -> Answer:
        """One request, from ``address``, with ``headers`` as they stand."""
        async with self.client(address) as client:
            await client.send(request(target, f"Host: {host}", *headers, method=method))
            head = await client.read_head()
            if head.headers.get("Connection") == "close" and head.status == 200:
                return Answer(head.status, head.headers, b"")  # a stream
            length = int(head.headers["Content-Length"]) if method != "HEAD" else 0
            body = await client.read_exactly(length)
            return Answer(head.status, head.headers, body)

    @asynccontextmanager
    async def viewing(
        self, target: str, *headers: str, address: str = "127.0.0.1"
    ) -> AsyncIterator[tuple[HttpClient, StrictParser]]:
        """An open stream."""
        async with self.client(address) as client:
            await client.send(request(target, "Host: 127.0.0.1", *headers))
            head = await client.read_head()
            assert head.status == 200, head
            yield client, StrictParser(head.content_type)

    async def viewers(self, count: int) -> None:
        """Wait until so many streams are open."""
        async with asyncio.timeout(WAIT_S):
            while self.pump.stats.viewers != count:  # noqa: ASYNC110
                await asyncio.sleep(0.002)


def request(target: str, *headers: str, method: str = "GET") -> bytes:
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


@asynccontextmanager
async def guarded(
    folder: Path, *names: str, **access: Any
) -> AsyncIterator[GuardedSite]:
    """A site with a first picture, and ``[access]`` as given."""
    site = GuardedSite(folder, names or ("bed",), AccessConfig(**access))
    await asyncio.to_thread(site.tokens.load)
    try:
        await site.web.start()
        for camera in site.cameras:
            camera.start()
        await asyncio.sleep(0)
        site.send(picture())
        yield site
    finally:
        await site.web.aclose()
        for camera in site.cameras:
            await camera.aclose()
