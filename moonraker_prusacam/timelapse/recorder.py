# Takes the frames of one track of a print and stores them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From triggers to frames on disk.

Whoever triggers never waits: triggers queue up, one worker takes for each the first
frame that began after it, and stores it off the event loop. What a smart track finds
later replaces a frame that is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol

import attrs

from moonraker_prusacam.disk import DiskStage
from moonraker_prusacam.errors import FrameUnavailable, TimelapseError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .selection import Target
from .smart import FrameStream, SmartChoice

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from moonraker_prusacam.camera import Frame
    from moonraker_prusacam.config import TrackConfig
    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.motion import Motion
    from moonraker_prusacam.print_job import PrintState

    from .job import Job

log = logging.getLogger(__name__)

MAX_TRIGGERS = 16
FRAME_TIMEOUT_S = 2.0
INSET_MAX_AGE_S = 1.0
INSET_TIMEOUT_S = 0.5


class FrameSource(FrameStream, Protocol):
    """What a recorder needs of a camera."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep the camera running in this block."""

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        """The first frame that began after ``than_ns``; raises FrameUnavailable."""


@attrs.frozen
class Trigger:
    """Take a frame of ``layer`` that begins after ``monotonic_ns``.

    ``found`` is a better one for a number that has a frame already.
    """

    layer: int | None
    monotonic_ns: int
    number: int
    found: Frame | None = None


class Recorder:
    """Records one job until it is closed."""

    def __init__(
        self,
        job: Job,
        track: TrackConfig,
        camera: FrameSource,
        inset: FrameSource | None,
        motion: Motion | None,
        disk: DiskGuard,
        on_frame: Callable[[Job, Trigger, bool], Awaitable[None]],
    ) -> None:
        self.job = job
        self._disk = disk
        self._track = track
        self._camera = camera
        self._inset = inset
        self._on_frame = on_frame
        self._holds = ExitStack()
        self._triggers: asyncio.Queue[Trigger] = asyncio.Queue(MAX_TRIGGERS)
        self._tasks = TaskOwner(f"recorder:{job.record.id}")
        self._state_log = StateLog(log, f"Timelapse {job.record.id}")
        self._mistake_logger = StateLog(
            log, f"Timelapse {job.record.id}, a mistake of ours"
        )
        self._number = self._stored = 0
        self._layer: int | None = None
        self._layers: dict[int, int | None] = {}
        # Numbers whose better frames are on their way to the disk.
        self._replacing: set[int] = set()
        self._macro_seen = job.record.has_macro
        self._interval_s = track.interval_s if track.trigger == "interval" else 0.0
        self._interval_changed = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None
        self._is_running = asyncio.Event()
        self._smart: SmartChoice | None = None
        if job.record.style == "smart" and motion is not None:
            self._smart = SmartChoice(
                camera, motion, Target(track.target), self._found_better
            )

    async def start(self) -> None:
        """Begin to serve triggers, after the last frame that is on disk already."""
        contents = await asyncio.to_thread(self.job.contents)
        record = self.job.record
        self._number = max(contents.last_number, record.last_number)
        self._stored = contents.last_number
        if contents.frames:
            self._layer = contents.frames[-1].layer
        if record.last_number > contents.last_number:
            self._layer = record.last_layer
        record.frames = contents.count
        for camera in filter(None, (self._camera, self._inset)):
            self._holds.enter_context(camera.hold())
        self._tasks.start("frames", self._run())
        self._timer = self._tasks.start("interval", self._keep_time())

    @property
    def settled_until(self) -> int:
        """Frames up to this number are not replaced any more."""
        # A macro may still replace the last one.
        number = min(self._number - 1, self._stored)
        if self._smart is not None:
            number = self._smart.settled_until(number)
        return min(number, min(self._replacing, default=number + 1) - 1)

    def print_changed(self, state: PrintState) -> None:
        """Follow the print: an interval runs from the first layer on, not in pauses."""
        has_begun = self._track.start == "print" or (
            state.layer >= 1 if state.layer is not None else state.print_duration_s > 0
        )
        if state.state == "printing" and has_begun:
            self._is_running.set()
        else:
            self._is_running.clear()

    def layer_changed(self, layer: int, monotonic_ns: int) -> bool:
        """Take a frame of a layer that print_stats reports, if that is wanted."""
        is_ours = self.job.record.trigger in ("auto", "layer") and not self._macro_seen
        if not is_ours or layer < 1 or layer == self._layer:
            return False
        return self._queue(layer, monotonic_ns, self._number + 1)

    def macro_called(
        self, layer: int | None, monotonic_ns: int, *, is_parked: bool
    ) -> bool:
        """Take the frame that a macro asks for.

        From the first one on, the macro has the say. print_stats tells of the layer up
        to 250 ms before or after it; one frame a layer is kept, and it is the macro's.
        """
        if self.job.record.trigger not in ("auto", "macro"):
            return False
        replaces = (
            not self._macro_seen
            and layer is not None
            and layer == self._layer
            and self._number > 0
        )
        self._macro_seen = True
        number = self._number + (not replaces)
        is_queued = self._queue(layer, monotonic_ns, number, is_final=is_parked)
        if is_queued and is_parked and self._smart is not None:
            self._smart.head_parked(number, monotonic_ns)
        return is_queued

    def keep_interval(self, interval_s: float | None) -> None:
        """Take a frame every ``interval_s``, besides what else triggers; None: no."""
        self._interval_s = interval_s or 0.0
        self._interval_changed.set()

    async def finish(self) -> None:
        """Serve the triggers that are queued, then stop."""
        if self._timer is not None:
            self._timer.cancel()  # or the queue might never be empty
        try:
            if self._smart is not None:
                self._smart.finish()
            await self._triggers.join()
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop at once. Idempotent."""
        if self._smart is not None:
            self._smart.close()
        await self._tasks.aclose()
        self._holds.close()

    def _queue(
        self,
        layer: int | None,
        monotonic_ns: int,
        number: int,
        *,
        is_final: bool = False,
    ) -> bool:
        """Have a frame taken; one that is final is replaced by no better one."""
        try:
            self._triggers.put_nowait(Trigger(layer, monotonic_ns, number))
        except asyncio.QueueFull:
            self.job.record.gaps += 1
            self._state_log.report("frames are asked for faster than they come")
            return False
        finally:
            self._number, self._layer = number, layer
        if self._smart is not None and not is_final:
            self._layers[number] = layer
            self._smart.layer_began(number, monotonic_ns)
        return True

    def _found_better(self, number: int, frame: Frame) -> None:
        layer = self._layers.pop(number, None)
        try:
            self._triggers.put_nowait(Trigger(layer, 0, number, frame))
        except asyncio.QueueFull:
            self._state_log.report("the disk does not keep up with better frames")
        else:
            self._replacing.add(number)

    async def _keep_time(self) -> None:
        """Trigger by time, on a grid that pauses do not shift."""
        due = time.monotonic()
        while True:
            self._interval_changed.clear()
            if self._interval_s:
                await self._is_running.wait()
                if self._interval_changed.is_set():
                    continue  # by a macro that ran before the print did
                now = time.monotonic()
                # One that is shorter than the last does not wait for the end of that.
                due = min(due, now + self._interval_s)
                if now >= due:
                    number = self._number + 1
                    now_ns = time.monotonic_ns()
                    self._queue(self._layer, now_ns, number, is_final=True)
                    if self._smart is not None:
                        self._smart.frame_timed(number, now_ns)
                    due += self._interval_s * (1 + (now - due) // self._interval_s)
            wait_s = max(0.0, due - time.monotonic()) if self._interval_s else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._interval_changed.wait()

    async def _run(self) -> None:
        while True:
            trigger = await self._triggers.get()
            try:
                await self._take(trigger)
            except (FrameUnavailable, TimelapseError) as error:
                await self._missed(f"a frame is missing: {error}", trigger)
            except Exception:  # one bad frame must not end the recording
                self._mistake_logger.exception()
                await self._missed("a frame failed", trigger)
            finally:
                if trigger.found is not None:
                    self._replacing.discard(trigger.number)
                self._triggers.task_done()

    async def _take(self, trigger: Trigger) -> None:
        frame = trigger.found
        if frame is None:
            delay_ns = int(self._track.frame_delay_s * 1e9)
            than_ns = trigger.monotonic_ns + delay_ns
            ahead_s = max(0.0, (than_ns - time.monotonic_ns()) / 1e9)
            frame = await self._camera.wait_newer(than_ns, ahead_s + FRAME_TIMEOUT_S)
            await self._take_inset(trigger)
        record = self.job.record
        await asyncio.to_thread(self._store, frame, trigger)
        self._settled(trigger)
        if trigger.number > self._stored:
            record.frames += 1
            self._stored = trigger.number
        if trigger.number == self._stored:
            record.last_frame = frame.wall_time
            record.last_frame_s = frame.first_ns / 1e9
        self._state_log.report("frames are recorded", logging.INFO)
        if self._macro_seen and not record.has_macro:
            record.has_macro = True  # for an engine that is started amid the print
            with suppress(OSError):
                await asyncio.to_thread(self.job.save)
        if trigger.found is not None:
            record.chosen += 1
        else:
            await self._on_frame(self.job, trigger, True)

    async def _take_inset(self, trigger: Trigger) -> None:
        """Store what the second camera sees; a picture of it is an extra."""
        if self._inset is None:
            return
        try:
            since_ns = trigger.monotonic_ns - int(INSET_MAX_AGE_S * 1e9)
            seen = await self._inset.wait_newer(since_ns, INSET_TIMEOUT_S)
            await asyncio.to_thread(self.job.add_inset, seen.data, trigger.number)
        except (FrameUnavailable, OSError) as error:
            log.debug("Timelapse %s: no inset: %s", self.job.record.id, error)

    def _store(self, frame: Frame, trigger: Trigger) -> None:
        """Write a frame to the disk; raises TimelapseError."""
        is_odd = trigger.number % 2 == 1 and trigger.number > 1
        if is_odd and self._disk.stage() is DiskStage.THIN:
            raise TimelapseError("the disk is nearly full, every other frame is taken")
        self.job.add_frame(frame.data, trigger.number, trigger.layer)

    async def _missed(self, reason: str, trigger: Trigger) -> None:
        if trigger.found is not None:
            return  # there is one, only not the best
        self._settled(trigger)
        self.job.record.gaps += 1
        self._state_log.report(reason)
        with suppress(OSError):  # a frame leaves its name on the disk, a gap does not
            await asyncio.to_thread(self.job.save)
        await self._on_frame(self.job, trigger, False)

    def _settled(self, trigger: Trigger) -> None:
        record = self.job.record
        if trigger.number >= record.last_number:
            record.last_number, record.last_layer = trigger.number, trigger.layer
