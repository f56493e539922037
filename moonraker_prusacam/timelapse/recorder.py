# Takes a print's frames and stores them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From triggers to frames on disk.

Whoever triggers never waits: triggers queue up, one worker takes for each the first
frame that began after it, and stores it off the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

import attrs

from moonraker_prusacam.errors import FrameUnavailable, TimelapseError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Frame

    from .job import Job

log = logging.getLogger(__name__)

MAX_TRIGGERS = 16
FRAME_TIMEOUT_S = 2.0


class FrameSource(Protocol):
    """What a recorder needs of a camera."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """The first frame that began after ``than_ns``; raises FrameUnavailable."""


@attrs.frozen
class Trigger:
    """Take a frame of ``layer`` that begins after ``monotonic_ns``."""

    layer: int | None
    monotonic_ns: int
    number: int


class Recorder:
    """Records one job until it is closed."""

    def __init__(
        self, job: Job, camera: FrameSource, on_frame: Callable[[Job, Trigger], None]
    ) -> None:
        self.job = job
        self._camera = camera
        self._on_frame = on_frame
        self._triggers: asyncio.Queue[Trigger] = asyncio.Queue(MAX_TRIGGERS)
        self._tasks = TaskOwner(f"recorder:{job.record.id}")
        self._state_log = StateLog(log, f"Timelapse {job.record.id}")
        self._number = self._stored = 0
        self._layer: int | None = None
        self._macro_seen = False

    async def start(self) -> None:
        """Begin to serve triggers, after the last frame that is on disk already."""
        frames = await asyncio.to_thread(self.job.stored_frames)
        if frames:
            self._number = self._stored = frames[-1].number
            self._layer = frames[-1].layer
        self.job.record.frames = len(frames)
        self._tasks.start("frames", self._run())

    def layer_changed(self, layer: int, monotonic_ns: int) -> bool:
        """Take a frame of a layer that print_stats reports, if that is wanted."""
        is_ours = self.job.record.trigger != "macro" and not self._macro_seen
        if not is_ours or layer < 1 or layer == self._layer:
            return False
        return self._queue(layer, monotonic_ns, self._number + 1)

    def macro_called(self, layer: int | None, monotonic_ns: int) -> bool:
        """Take the frame that a macro asks for.

        From the first one on, the macro has the say. print_stats tells of the layer up
        to 250 ms before or after it; one frame a layer is kept, and it is the macro's.
        """
        if self.job.record.trigger == "layer":
            return False
        replaces = (
            not self._macro_seen
            and layer is not None
            and layer == self._layer
            and self._number > 0
        )
        self._macro_seen = True
        return self._queue(layer, monotonic_ns, self._number + (not replaces))

    async def finish(self) -> None:
        """Serve the triggers that are queued, then stop."""
        try:
            await self._triggers.join()
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop at once. Idempotent."""
        await self._tasks.aclose()

    def _queue(self, layer: int | None, monotonic_ns: int, number: int) -> bool:
        try:
            self._triggers.put_nowait(Trigger(layer, monotonic_ns, number))
        except asyncio.QueueFull:
            self.job.record.gaps += 1
            self._state_log.report("frames are asked for faster than they come")
            return False
        self._number, self._layer = number, layer
        return True

    async def _run(self) -> None:
        while True:
            trigger = await self._triggers.get()
            try:
                await self._take(trigger)
            except (FrameUnavailable, TimelapseError) as error:
                self.job.record.gaps += 1
                self._state_log.report(f"a frame is missing: {error}")
            except Exception:  # one bad frame must not end the recording
                self.job.record.gaps += 1
                log.exception("Timelapse: frame %d failed", trigger.number)
            finally:
                self._triggers.task_done()

    async def _take(self, trigger: Trigger) -> None:
        frame = await self._camera.wait_newer(trigger.monotonic_ns, FRAME_TIMEOUT_S)
        record = self.job.record
        await asyncio.to_thread(
            self.job.add_frame, frame.data, trigger.number, trigger.layer
        )
        if trigger.number != self._stored:
            record.frames += 1
            self._stored = trigger.number
        record.last_frame = frame.wall_time
        self._state_log.report("frames are recorded", logging.INFO)
        self._on_frame(self.job, trigger)
