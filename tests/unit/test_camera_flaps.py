# Tests of cameras that come and go.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that gives one frame and goes away, 200 times, leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import struct
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.camera import Camera, camera
from moonraker_prusacam.camera.sources import Host, open_source
from moonraker_prusacam.config import CameraConfig
from tests.support import jpeg
from tests.support.processes import children

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 40.0
FLAPS, WARM_UP = 200, 40
PICTURE = jpeg.picture(320, 240)
MAX_GROWTH_BYTES = 4 << 20
RESET = struct.pack("ii", 1, 0)
HTTP_HEAD = (
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=x\r\n\r\n"
    b"--x\r\nContent-Type: image/jpeg\r\n\r\n"
)


@attrs.frozen
class Held:
    """What this process has at a moment."""

    descriptors: int
    threads: int
    children: int
    resident_bytes: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            len(list(Path("/proc/self/fd").iterdir())),
            threading.active_count(),
            len(children()),
            pages * os.sysconf("SC_PAGE_SIZE"),
        )


async def look() -> Held:
    return await asyncio.to_thread(Held.now)


async def settled(known: set[asyncio.Task[Any]]) -> None:
    """Wait until no tasks but the ``known`` ones are left."""
    async with asyncio.timeout(WAIT_S):
        while left := asyncio.all_tasks() - known:
            await asyncio.wait(left)


@asynccontextmanager
async def server(head: bytes) -> AsyncIterator[int]:
    """Sends one frame to each client and leaves, now and then with a reset."""
    chance = random.Random(6)
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        task.add_done_callback(handlers.discard)
        with suppress(OSError):
            if head:
                await reader.readuntil(b"\r\n\r\n")
            writer.write(head + PICTURE + PICTURE[: chance.randrange(900)])
            await writer.drain()
            if chance.random() < 0.3:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(1, 13, RESET)  # SO_LINGER
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        if handlers:
            await asyncio.wait(handlers, timeout=WAIT_S)


@asynccontextmanager
async def source_url(kind: str, folder: Path) -> AsyncIterator[str]:
    if kind == "exec":
        file = folder / "one.jpg"
        file.write_bytes(PICTURE)
        yield f"exec:cat {file}"
        return
    async with server(HTTP_HEAD if kind == "http" else b"") as port:
        yield (
            f"{kind}://127.0.0.1:{port}/"
            if kind == "http"
            else (f"tcp://127.0.0.1:{port}")
        )


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kind", ["tcp", "http", "exec"])
async def test_camera_when_it_flaps_200_times_then_nothing_is_left(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "FIRST_DELAY_S", 0.001)
    monkeypatch.setattr(camera, "LAST_DELAY_S", 0.002)
    async with source_url(kind, tmp_path) as url:
        config = CameraConfig("bed", source=url)
        known, before = asyncio.all_tasks(), await look()
        of = Camera(config, open_source(config, Host(tmp_path)))
        of.start()
        try:
            warm: Held | None = None
            async with asyncio.timeout(WAIT_S):
                while of.connects < WARM_UP + FLAPS:
                    if of.connects >= WARM_UP and warm is None:
                        warm = await look()
                    await asyncio.sleep(0.01)
        finally:
            await of.aclose()
    # What the server accepted last is over soon.
    await settled(known)
    after = await look()
    assert of.scanner_stats.frames >= FLAPS * 0.9
    assert warm is not None
    print(f"{kind}: {(after.resident_bytes - warm.resident_bytes) / 1e6:+.2f} MB")
    assert after.resident_bytes - warm.resident_bytes < MAX_GROWTH_BYTES
    assert after.children == before.children
    # The thread that counts is one of the pool, and stays.
    assert after.threads <= before.threads + 2
    assert after.descriptors <= before.descriptors + 2  # what the pool's threads took
