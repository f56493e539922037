# Cameras that speak RTSP, and sources that read them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of each codec, made once, and runs of the source that end with a block."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.camera.sources import Host
from tests.support.rtsp_camera import Recording, RtspCamera, h264, record
from tests.support.sources import Received, source_of
from tests.support.video import programs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FFMPEG = programs()[0]
HOST = Host(Path("/nowhere"), Path(FFMPEG))
X265 = "log-level=none:keyint=25"
CODECS = {
    "H264": h264(),
    "H265": (
        *("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "2"),
        *("-c:v", "libx265", "-preset", "ultrafast", "-tune", "zerolatency"),
        *("-x265-params", X265, "-pix_fmt", "yuv420p"),
    ),
    "JPEG": (
        *("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-t", "2"),
        *("-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p"),
        *("-huffman", "default"),
    ),
}
_recorded: dict[str, Recording] = {}


async def recording(codec: str = "H264") -> Recording:
    """Made once."""
    if codec not in _recorded:
        # That of the wheel has every encoder.
        _recorded[codec] = await record(programs()[-1], *CODECS[codec])
    return _recorded[codec]


@asynccontextmanager
async def camera_of(codec: str = "H264") -> AsyncIterator[RtspCamera]:
    async with RtspCamera(await recording(codec)) as camera:
        yield camera


@asynccontextmanager
async def reading(
    camera: RtspCamera, host: Host = HOST, **options: Any
) -> AsyncIterator[Received]:
    received = Received()
    task = asyncio.create_task(source_of(camera.url, host, **options).run(received))
    try:
        yield received
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait([task])
