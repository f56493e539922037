# What Prusa Connect can have a camera of ours do.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out for the camera role what uploads and timelapse can do.

The timelapse is the printer's: it is offered by the camera that records it, and by no
other.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from typing import TYPE_CHECKING, Any

from .connect.signaling.camera_actions import Ability
from .connect.signaling.messages import FileState, Status, Switch
from .connect.signaling.messages import TimelapseFile as File
from .connect.signaling.messages import VideoState as Video
from .errors import FramesNotFound, TimelapseError
from .timelapse.job import JobState
from .timelapse.unrendered import WAITING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .connect.uploader import SnapshotUploader
    from .timelapse import Timelapse

OF_UPLOADS = (Ability.SNAPSHOT, Ability.INTERVAL)
OF_TIMELAPSE = (Ability.TIMELAPSE, Ability.VIDEO, Ability.FILES)
# What Prusa Connect calls the job while nothing is printed: a live capture.
NO_JOB = "unknown_timelapse"
MB = 1 << 20
VIDEOS = {
    JobState.RENDERING: Video.IN_PROGRESS,
    JobState.DONE: Video.DONE,
    JobState.FAILED: Video.FAILED,
}
# Finished videos come from the library, whatever became of their jobs.
UNFINISHED = {
    JobState.RENDERING: FileState.IN_PROGRESS,
    JobState.FAILED: FileState.ERROR,
}


class RoleActions:
    """``CameraActions`` of one camera."""

    def __init__(self, uploader: SnapshotUploader, timelapse: Timelapse | None) -> None:
        self._uploader = uploader
        self._configured_timelapse = timelapse
        self._started = time.monotonic()

    @property
    def abilities(self) -> Collection[Ability]:
        """What works at this moment."""
        return OF_UPLOADS if self._timelapse is None else (*OF_UPLOADS, *OF_TIMELAPSE)

    async def status(self) -> Status:
        """Uptime, and what there is to say of the timelapse and its disk."""
        known: dict[str, Any] = {"uptime_s": int(time.monotonic() - self._started)}
        if (timelapse := self._timelapse) is not None:
            last = timelapse.newest
            state = last.record.state if last else None
            known |= {
                "timelapse": Switch.ON if timelapse.is_enabled else Switch.OFF,
                "video": VIDEOS.get(state, Video.IDLE) if state else Video.IDLE,
                **await asyncio.to_thread(_storage, timelapse),
            }
        return Status(**known)

    async def take_snapshot(self) -> None:
        """Upload the newest frame."""
        await self._uploader.upload()

    async def enable_snapshots(self, enabled: bool) -> None:
        """Switch regular uploads on or off; what is asked for goes all the same."""
        await self._uploader.set_paused(is_paused=not enabled)

    async def set_snapshot_interval(self, interval_s: int) -> None:
        """Upload every 10 to 600 s."""
        await self._uploader.set_interval(interval_s)

    async def enable_timelapse(self, enabled: bool) -> None:
        """Record the prints to come, or do not; the panels show it."""
        await self._needed().enable(enabled=enabled)

    async def set_job_name(self, name: str) -> None:
        """Name the video of this print; raises TimelapseError where none is recorded.

        Prusa Connect tells a name while nothing is printed, too, which is no error.
        """
        if name != NO_JOB:
            await self._needed().name_videos(name)

    async def make_video(self) -> None:
        """Make the video of the last print, and wait for it; raises TimelapseError.

        A recording is not cut short: whoever can watch a camera may ask for this.
        """
        timelapse = self._needed()
        last = timelapse.newest
        if last is None:
            raise FramesNotFound("no print was recorded")
        if last.record.state is JobState.RECORDING:
            raise TimelapseError("the print is not over")
        if last.record.state in WAITING:
            await timelapse.render(last.record.id)
        await timelapse.wait_rendered(last)

    async def files(self) -> Iterable[File]:
        """The finished videos, and the jobs that have none yet, by their files."""
        timelapse = self._needed()
        videos = await timelapse.library.videos()
        unfinished = [
            File(job.record.name or job.record.id, UNFINISHED[job.record.state])
            for job in timelapse.jobs
            if job.record.state in UNFINISHED
        ]
        return [*(File(video.name, FileState.DONE) for video in videos), *unfinished]

    @property
    def _timelapse(self) -> Timelapse | None:
        """The timelapse, if this is the camera that records it by now."""
        timelapse = self._configured_timelapse
        if timelapse is None or timelapse.camera != self._uploader.camera.name:
            return None
        return timelapse

    def _needed(self) -> Timelapse:
        if (timelapse := self._timelapse) is None:
            raise TimelapseError("this camera records no timelapse")
        return timelapse


def _storage(timelapse: Timelapse) -> dict[str, Any]:
    """The disk of the videos, if there is one: the web page wants a card."""
    try:
        usage = shutil.disk_usage(timelapse.videos_path)
    except OSError:
        return {"storage": Switch.OFF}
    return {
        "storage": Switch.ON,
        "storage_total_mb": usage.total // MB,
        "storage_free_mb": usage.free // MB,
        "storage_access": "RW",
    }
