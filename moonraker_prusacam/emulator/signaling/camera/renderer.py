# The virtual Prusa camera at work on its video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders for as long as a small processor would take, and tells how it goes on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from moonraker_prusacam.emulator.video import encode
from moonraker_prusacam.errors import FfmpegMissing, RenderError

from .faults import RENDER, RENDER_KINDS, CameraFaultKind
from .timelapse import Phase, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.emulator.connect.plan import FaultPlan

    from .faults import CameraFault
    from .sender import Sender
    from .timelapse import Timelapse

log = logging.getLogger(__name__)

RENDER_S = 2.0
STEPS_PERCENT = (25, 50, 75)
NO_PICTURE = b"no picture"


class Renderer:
    """Makes videos; ``changed`` is called when the timelapse has changed."""

    def __init__(
        self,
        sender: Sender,
        faults: FaultPlan[CameraFault],
        speed: float,
        changed: Callable[[], None],
    ) -> None:
        self._sender = sender
        self._faults = faults
        self._speed = speed
        self._changed = changed
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let a video go on that is stuck, or the next one that gets stuck."""
        self._released.set()

    async def render(self, timelapse: Timelapse, fps: int) -> bytes:
        """The video, empty if it failed; viewers have been told of it."""
        frames = list(timelapse.frames)
        for percent in STEPS_PERCENT:
            await self._sender.tell(Phase.IN_PROGRESS, percent)
            await asyncio.sleep(RENDER_S / len(STEPS_PERCENT) / self._speed)
        fault = self._faults.take(RENDER_KINDS, RENDER)
        if fault is not None and fault.kind is CameraFaultKind.STUCK:
            await self._stick(fault.seconds)
        if fault is not None and fault.kind is CameraFaultKind.ENCODER:
            frames = [NO_PICTURE]
        try:
            video = await encode(frames, fps)
        except (RenderError, FfmpegMissing) as error:
            log.warning("The virtual camera makes no video: %s", error)
            trouble = timelapse.fail(Trouble.ENCODER)
            self._changed()
            await self._sender.tell(Phase.FAILED, trouble=trouble)
            return b""
        timelapse.finish(video)
        self._changed()
        await self._sender.tell(Phase.DONE, 100)
        return video

    async def _stick(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._released.wait()
        self._released.clear()
