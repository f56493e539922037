# A camera of ours as a device that others let record.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller can have a camera do: begin at an instant, stop, give its files.

At most one recording at a time. It belongs to nobody: any controller may stop what
another one has begun, as is so with the phones.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from moonraker_prusacam.camera import CameraState
from moonraker_prusacam.errors import (
    MultiCamError,
    MultiCamRefused,
    TimeNotSynchronized,
)
from moonraker_prusacam.kernel_clock import read_clock
from moonraker_prusacam.multicam.protocol.vocabulary import DeviceStatus
from moonraker_prusacam.tasks import TaskOwner

from .pace import Ahead
from .recording import Recording, RecordingLimits, RecordingState
from .ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker_prusacam.camera import Camera
    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.kernel_clock import ClockState
    from moonraker_prusacam.multicam_options import MultiCamCameraConfig

    from .recordings import Recorded, Recordings

log = logging.getLogger(__name__)

RING_BYTES = 32 << 20
MAX_AHEAD_S = 3600.0
"""A later target is a slip, such as milliseconds in place of seconds."""

FIRST_FRAME_TIMEOUT_S = 10.0
"""How long a start at once waits for the camera, which may have been asleep."""

STOP_TIMEOUT_S = 55.0
"""Controllers wait for 60 s (MultiCam's COMMAND_TIMEOUT)."""

STATUS = {
    RecordingState.SCHEDULED: DeviceStatus.SCHEDULED_RECORDING_ACCEPTED,
    RecordingState.RECORDING: DeviceStatus.RECORDING,
    RecordingState.STOPPING: DeviceStatus.STOPPING,
    RecordingState.DONE: DeviceStatus.READY,
}
BLIND = (CameraState.FAILED, CameraState.STALLED)


class Device:
    """One camera, its ring and its recordings; ``now_s`` is Unix time."""

    def __init__(
        self,
        camera: Camera,
        recordings: Recordings,
        config: MultiCamCameraConfig,
        disk: DiskGuard,
        *,
        now_s: Callable[[], float] = time.time,
        clock: Callable[[], ClockState] = read_clock,
    ) -> None:
        self.camera = camera
        self.recordings = recordings
        self.ring = FrameRing(RING_BYTES, config.pre_roll_s)
        self._config = config
        self._ahead = Ahead()
        self._limits = RecordingLimits(
            disk, config.max_length_s, config.max_storage_mb << 20, config.fps
        )
        self._now_s = now_s
        self._clock = clock
        self._recording: Recording | None = None
        self._result: asyncio.Task[Recorded | MultiCamError] | None = None
        self._unclaimed: Recorded | MultiCamError | None = None
        self._lock = asyncio.Lock()
        self._following = ExitStack()
        self._tasks = TaskOwner(f"multicam:{camera.name}")

    async def start(self) -> None:
        """Make final what a crash has left, and keep frames from now on.

        Raises OSError where the folder cannot be used.
        """
        recovered = await asyncio.to_thread(self.recordings.recover)
        if recovered:
            self._unclaimed = recovered[-1]
        # An on-demand camera sleeps until there is something to record.
        if not self.camera.config.on_demand:
            self._following.enter_context(self.ring.follow(self.camera))

    async def aclose(self) -> None:
        """Make the recording under way final, and let go of the camera. Idempotent."""
        if self._recording is not None and self._result is not None:
            self._recording.stop()
            await asyncio.wait([self._result], timeout=STOP_TIMEOUT_S)
        await self._tasks.aclose()
        self._following.close()

    @property
    def status(self) -> DeviceStatus:
        """The word for what the device does now."""
        if self._recording is None:
            return DeviceStatus.READY
        return STATUS[self._recording.state]

    @property
    def recording(self) -> Recording | None:
        """The one that is scheduled or under way."""
        return self._recording

    @property
    def is_recording(self) -> bool:
        """Whether frames go into a file."""
        return self.status in (DeviceStatus.RECORDING, DeviceStatus.STOPPING)

    def expect(self, length_s: float) -> None:
        """What is recorded, or will be next, lasts so much longer, as far as known."""
        self._ahead.expect(length_s)

    def now_s(self) -> float:
        """The time by this host's clock, Unix seconds."""
        return self._now_s()

    async def record(
        self, target_s: float, *, shares_clock: bool = False
    ) -> DeviceStatus:
        """Record from ``target_s`` on, Unix seconds; at once where that is past.

        A recording that has begun, or only awaits its first frame, goes on; one for an
        instant to come takes the new one. Raises MultiCamRefused, and
        TimeNotSynchronized for an instant to come while nothing sets this host's
        clock, unless the instant is by that same clock.
        """
        if self.status is DeviceStatus.RECORDING:
            return DeviceStatus.RECORDING
        if self.status is DeviceStatus.STOPPING:
            raise MultiCamRefused("the last recording is still being finished")
        now_s, clock = self._now_s(), self._clock()
        is_agreed = shares_clock or clock.is_synchronized
        is_future = target_s > now_s
        if is_future:
            if target_s > now_s + MAX_AHEAD_S:
                raise MultiCamRefused(f"more than {MAX_AHEAD_S:g} s ahead")
            if not is_agreed:
                raise TimeNotSynchronized(clock.reason)
        elif target_s < now_s - self._config.pre_roll_s or not is_agreed:
            # Of a clock that differs, or from long ago: what is meant is now.
            target_s = now_s
        if self.camera.status.state in BLIND:
            raise MultiCamRefused(f"camera '{self.camera.name}': {self.camera.status}")
        async with self._lock:
            recording = self._recording
            if recording is None or not recording.is_due(now_s):
                await self._cancel()
                if self._recording is not None:  # it has begun meanwhile
                    return self.status
                recording = self._begin(target_s)
                if is_future:
                    return DeviceStatus.SCHEDULED_RECORDING_ACCEPTED
        await self._begun(recording)
        return DeviceStatus.RECORDING

    async def stop(self) -> Recorded:
        """End the recording; its file, which is final.

        Raises MultiCamRefused where there is none: then a scheduled one is cancelled.
        """
        recording, result = self._recording, self._result
        if recording is None or result is None:
            ended, self._unclaimed = self._unclaimed, None
            if ended is None:
                raise MultiCamRefused("not recording")
            if isinstance(ended, MultiCamError):
                raise ended
            return ended
        if recording.state is RecordingState.SCHEDULED:
            await self._cancel()
            if self._now_s() < recording.target_s:
                raise MultiCamRefused("scheduled recording cancelled")
            raise MultiCamRefused("no frame has come since the recording was to begin")
        recording.stop()
        done, _ = await asyncio.wait([result], timeout=STOP_TIMEOUT_S)
        if not done:
            raise MultiCamRefused("the file is not final yet; it will be listed")
        ended = result.result()
        if self._unclaimed is ended:
            self._unclaimed = None
        if isinstance(ended, MultiCamError):
            raise ended
        return ended

    def _begin(self, target_s: float) -> Recording:
        recording = Recording(
            self.ring, self.recordings, self._limits, target_s, self._ahead
        )
        self._recording, self._unclaimed = recording, None
        self._result = self._tasks.start("record", self._run(recording))
        return recording

    async def _run(self, recording: Recording) -> Recorded | MultiCamError:
        ended: Recorded | MultiCamError
        try:
            with (
                self.ring.follow(self.camera),
                self.ring.hold(lambda: recording.next_number),
            ):
                ended = await recording.run()
        except MultiCamError as error:
            if recording.first is not None:
                log.warning("Camera %s: %s", self.camera.name, error)
            ended = error
        finally:
            if self._recording is recording:
                self._recording = None
                self._ahead.forget()
        if recording.first is not None:
            self._unclaimed = ended
        if not isinstance(ended, MultiCamError):
            await self._trim(ended)
        return ended

    async def _trim(self, newest: Recorded) -> None:
        max_bytes = self._config.max_storage_mb << 20
        try:
            await asyncio.to_thread(self.recordings.trim, max_bytes, newest)
        except OSError as error:
            log.warning("Old recordings cannot be removed: %s", error)

    async def _begun(self, recording: Recording) -> None:
        """Wait until it has begun; raises MultiCamRefused."""
        result = self._result
        try:
            async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S):
                await recording.settled.wait()
        except TimeoutError:
            await self._cancel()
            status = self.camera.status
            raise MultiCamRefused(
                f"camera '{self.camera.name}' gives no frame: {status}"
            ) from None
        if recording.state is RecordingState.DONE and result is not None:
            ended = await asyncio.shield(result)
            if isinstance(ended, MultiCamError):
                raise ended

    async def _cancel(self) -> None:
        """Give up a recording that has no frame yet."""
        recording, result = self._recording, self._result
        if recording is None or result is None or recording.first is not None:
            return
        recording.stop()
        await asyncio.wait([result], timeout=STOP_TIMEOUT_S)
