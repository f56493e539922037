# A source that comes as far as a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays each attempt by a list of steps, and waits at its end for the test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.config import CameraConfig
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.camera.receiver import Receiver

WAIT_S = 10.0
PICTURE = jpeg.picture(64, 48)

Step = Stage | bytes | Exception | asyncio.Event | float


class StagedSource:
    """Each attempt plays ``steps``: stages are reached, bytes come, errors are raised.

    An event is waited for, and a number is a pause in seconds. At the end of its steps
    the source is connected and silent; ``receiver`` is then the test's.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps: tuple[Step, ...] = steps
        self.runs = 0
        self.is_open = False
        self.receiver: Receiver | None = None
        self._changed = asyncio.Condition()

    async def run(self, receiver: Receiver) -> None:
        self.runs += 1
        self.receiver, self.is_open = receiver, True
        await self._tell()
        try:
            for step in self.steps:
                await self._take(step)
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_open = False

    async def _take(self, step: Step) -> None:
        assert self.receiver is not None
        if isinstance(step, Stage):
            self.receiver.reached(step)
        elif isinstance(step, bytes):
            self.receiver.feed(step)
        elif isinstance(step, asyncio.Event):
            await step.wait()
        elif isinstance(step, Exception):
            raise step
        else:
            await asyncio.sleep(step)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def running(self, count: int) -> None:
        """Wait for the ``count``-th attempt."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: self.runs >= count)

    def send(self, data: bytes = PICTURE) -> None:
        """Let bytes come now."""
        assert self.receiver is not None
        self.receiver.feed(data)


class NeedsFfmpeg(StagedSource):
    """A source whose ffmpeg is not there."""

    async def run(self, receiver: Receiver) -> None:  # noqa: ARG002
        await asyncio.to_thread(find_ffmpeg, Path("/nowhere/ffmpeg"))


@asynccontextmanager
async def camera_of(source: StagedSource, **options: Any) -> AsyncIterator[Camera]:
    """A camera named bed that reads ``source``."""
    options = {"stale_after_s": 60.0, **options}
    camera = Camera(CameraConfig("bed", source="tcp://bedcam", **options), source)
    camera.start()
    try:
        yield camera
    finally:
        await camera.aclose()
    assert not source.is_open
