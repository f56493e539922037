# A camera whose source does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames and failures on the test's word, and the states that the camera told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.camera import Camera, CameraState
from moonraker_prusacam.config import CameraConfig
from tests.support import jpeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from typing_extensions import Buffer

    from moonraker_prusacam.camera.receiver import Receiver

WAIT_S = 10.0
PICTURE = jpeg.picture(64, 48)


class ScriptedSource:
    """A source without a network: the test delivers, and ends each run."""

    def __init__(self) -> None:
        self.deliver: Callable[[Buffer], None] | None = None
        self.runs = 0
        self._end: asyncio.Future[None] | None = None
        self._changed = asyncio.Condition()

    async def run(self, receiver: Receiver) -> None:
        self._end = asyncio.get_running_loop().create_future()
        async with self._changed:
            self.deliver = receiver.feed
            self.runs += 1
            self._changed.notify_all()
        try:
            await self._end
        finally:
            self.deliver = None

    async def running(self, count: int) -> None:
        """Wait for the camera's ``count``-th attempt."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: self.runs >= count)

    def send(self, data: bytes = PICTURE) -> None:
        assert self.deliver is not None
        self.deliver(data)

    def fail(self, error: Exception) -> None:
        assert self._end is not None
        self._end.set_exception(error)


class States:
    """What a camera told of its states."""

    def __init__(self, of: Camera) -> None:
        self.all: list[CameraState] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        of.on_state.append(self._take)

    def _take(self, of: Camera) -> None:
        self.all.append(of.status.state)
        task = asyncio.get_running_loop().create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, *expected: CameraState) -> None:
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: self.all == list(expected))


@asynccontextmanager
async def scripted(
    **options: Any,
) -> AsyncIterator[tuple[Camera, ScriptedSource, States]]:
    source = ScriptedSource()
    options = {"stale_after_s": 60.0, **options}
    of = Camera(CameraConfig(name="bed", source="tcp://bedcam", **options), source)
    states = States(of)
    of.start()
    try:
        if not of.config.on_demand:
            await source.running(1)
        yield of, source, states
    finally:
        await of.aclose()
