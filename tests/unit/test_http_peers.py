# Tests of cameras that are read over HTTP, with real servers and many viewers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own engine and ffmpeg as cameras; one connection for all; nothing is left."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.camera.sources import open_source
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.errors import SourceError
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.web import StreamPump, WebServer
from tests.support import jpeg
from tests.support.feeder import Feeder
from tests.support.http_camera import HttpCamera, Reply, Request, head, part, whole
from tests.support.sources import NOWHERE, Received, closed_port, source_of
from tests.support.viewers import HttpClient, StrictParser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 10.0
PICTURES = [jpeg.picture(64, 48, seed=seed) for seed in range(4)]
FLAPS = 200


@asynccontextmanager
async def running(url: str, **options: Any) -> AsyncIterator[Camera]:
    """A camera that reads ``url``."""
    config = CameraConfig("bed", source=url, **options)
    made = Camera(config, open_source(config, NOWHERE))
    made.start()
    try:
        yield made
    finally:
        await made.aclose()


@asynccontextmanager
async def served(of: Camera) -> AsyncIterator[WebServer]:
    """The web server of an engine with this camera."""
    web = WebServer("127.0.0.1", 0, [of], StreamPump(16), dict)
    await web.start()
    try:
        yield web
    finally:
        await web.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "http://{}/stream.mjpg",
        "http://{}/?action=stream",
        "snapshot+http://{}/snapshot.jpg",
    ],
)
async def test_engine_when_it_is_the_camera_then_its_frames_come_unchanged(
    address: str,
) -> None:
    async with (
        Feeder() as feeder,
        running(feeder.url) as first,
        served(first) as web,
    ):
        await feeder.arrived(1)
        await feeder.send(PICTURES[0])
        await first.wait_newer(0, WAIT_S)
        url = address.format(f"127.0.0.1:{web.port}")
        async with running(url, interval_s=0.1) as second:
            for picture in PICTURES[1:]:
                seen: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

                def look(
                    frame: Any, picture: bytes = picture, seen: Any = seen
                ) -> None:
                    if bytes(frame) == picture and not seen.done():
                        seen.set_result(picture)

                second.subscribe(look)
                await second.wait_newer(0, WAIT_S)
                await feeder.send(picture)
                async with asyncio.timeout(WAIT_S):
                    await seen
                second.unsubscribe(look)
            assert second.scanner_stats.dropped_bytes == 0
            assert second.connects == 1


async def test_ffmpeg_when_it_is_the_camera_then_its_frames_come() -> None:
    port = closed_port()
    source = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=25")
    target = ("-c:v", "mjpeg", "-f", "mpjpeg", "-listen", "1")
    child = await asyncio.create_subprocess_exec(
        *(
            await asyncio.to_thread(find_ffmpeg, None),
            "-v",
            "quiet",
            "-re",
            *source,
            *target,
        ),
        f"http://127.0.0.1:{port}/",
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with running(f"http://127.0.0.1:{port}/") as of:
            frame = await of.wait_newer(0, WAIT_S)
            assert (frame.width, frame.height) == (160, 120)
            for _ in range(5):
                frame = await of.wait_newer(frame.last_ns + 1, WAIT_S)
            assert of.scanner_stats.dropped_bytes == 0
    finally:
        child.kill()
        await child.wait()


async def test_viewers_when_there_are_many_then_the_camera_has_one_connection() -> None:
    async def answer(_: Request, reply: Reply) -> None:
        kind = "multipart/x-mixed-replace; boundary=somewhere"
        await reply.send(head(Content_Type=kind))
        while True:
            for picture in PICTURES:
                await reply.send(part(picture))
                await asyncio.sleep(0.02)

    async with (
        HttpCamera(answer) as peer,
        running(peer.url()) as of,
        served(of) as web,
        AsyncExitStack() as viewers,
    ):
        await of.wait_newer(0, WAIT_S)
        for _ in range(8):
            client = HttpClient("127.0.0.1", web.port)
            await viewers.enter_async_context(client)
            head_of = await client.ask("/stream.mjpg")
            await client.read_frames(StrictParser(head_of.content_type), 3)
        assert peer.connections == 1


def _left() -> tuple[int, int, int]:
    tasks = len(asyncio.all_tasks())
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return descriptors, threading.active_count(), tasks


@pytest.mark.parametrize("kind", ["http", "snapshot+http"])
async def test_source_when_it_flaps_200_times_then_nothing_is_left(kind: str) -> None:
    start = head() + part(PICTURES[0])
    content = start if kind == "http" else whole(PICTURES[0])
    ways = 0

    async def answer(_: Request, reply: Reply) -> None:
        nonlocal ways
        ways += 1
        match ways % 5:
            case 0:
                reply.reset()
            case 1:
                await reply.send(content[:-1])
                reply.reset()
            case 2:
                await reply.send(content[:-500])
                reply.close()
            case 3:
                await reply.send(whole(b"busy", "text/plain", 503))
            case 4:
                await reply.send(whole(b"<html>", "text/html"))

    async with HttpCamera(answer) as peer:
        source = source_of(peer.url("/", kind))
        received = Received()
        before = 0, 0, 0
        for flap in range(FLAPS):
            if flap == 10:
                gc.collect()
                before = _left()
            received.begin(0)
            with pytest.raises(SourceError):
                await source.run(received)
        gc.collect()
        await peer.left()
        assert all(now <= then for then, now in zip(before, _left(), strict=True))
        assert peer.connections == FLAPS
