# What is recorded of one print: every track of it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorders of all tracks of a print, and Klipper's motion while they need it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.motion import Motion

from .job import Job
from .recorder import Recorder, Trigger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from moonraker_prusacam.config import TrackConfig
    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.print_job import PrintState

    from .recorder import FrameSource
    from .sealer import Sealer

    OnFrame = Callable[[Job, Trigger, bool], Awaitable[None]]

log = logging.getLogger(__name__)


class Recordings:
    """Makes the recording of a print, or takes one up again."""

    def __init__(
        self,
        tracks: Sequence[TrackConfig],
        cameras: Mapping[str, FrameSource],
        jobs_path: Path,
        klippy_path: Path,
        sealer: Sealer,
        disk: DiskGuard,
        on_frame: OnFrame,
    ) -> None:
        self._disk = disk
        self._tracks = {track.name: track for track in tracks}
        self._cameras = cameras
        self._jobs_path = jobs_path
        self._klippy_path = klippy_path
        self._sealer = sealer
        self._on_frame = on_frame

    def change_first(self, track: TrackConfig) -> None:
        """Let the first track of the next prints be ``track``."""
        self._tracks = {track.name: track, **_others(self._tracks)}

    async def open(self, trigger: str | None) -> Recording:
        """Begin a job for each track; raises TimelapseError when there is none."""
        print_id = uuid.uuid4().hex
        jobs, reasons = [], []
        for track in self._tracks.values():
            try:
                job = await asyncio.to_thread(
                    Job.create,
                    self._jobs_path,
                    camera=self._camera_of(track),
                    trigger=track.trigger if track.name else trigger or track.trigger,
                    track=track.name,
                    style=track.style,
                    print_id=print_id,
                )
            except TimelapseError as error:
                reasons.append(str(error))
            else:
                jobs.append(job)
        if not jobs:
            raise TimelapseError("; ".join(reasons))
        return await self.resume(jobs)

    def can_resume(self, job: Job) -> bool:
        """Whether track and camera of ``job`` still exist."""
        record = job.record
        return record.track in self._tracks and record.camera in self._cameras

    async def resume(self, jobs: Sequence[Job]) -> Recording:
        """Record ``jobs``, all of one print, from where they are."""
        motion = None
        if any(job.record.style == "smart" for job in jobs):
            motion = Motion(self._klippy_path)
            motion.start()
        recorders = []
        for job in jobs:
            recorder = Recorder(
                job,
                self._tracks[job.record.track],
                self._cameras[job.record.camera],
                self._inset_of(self._tracks[job.record.track]),
                motion,
                self._disk,
                self._on_frame,
            )
            await recorder.start()
            self._sealer.add(recorder)
            recorders.append(recorder)
        self._sealer.watch(motion)
        return Recording(recorders, motion, self._sealer)

    def _inset_of(self, track: TrackConfig) -> FrameSource | None:
        return None if track.inset is None else self._cameras.get(track.inset)

    def _camera_of(self, track: TrackConfig) -> str:
        return track.camera or next(iter(self._cameras))


def _others(tracks: Mapping[str, TrackConfig]) -> dict[str, TrackConfig]:
    return {name: track for name, track in tracks.items() if name}


class Recording:
    """A print that is being recorded; there is at least one job."""

    def __init__(
        self, recorders: Sequence[Recorder], motion: Motion | None, sealer: Sealer
    ) -> None:
        self._recorders = recorders
        self._motion = motion
        self._sealer = sealer

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all tracks, the first track's first."""
        return [recorder.job for recorder in self._recorders]

    def print_changed(self, state: PrintState, monotonic_ns: int) -> None:
        """Follow the print: its layer and whether it runs."""
        for recorder in self._recorders:
            recorder.print_changed(state)
            recorder.job.note_print(state)
            if state.layer is not None:
                recorder.layer_changed(state.layer, monotonic_ns)

    def macro_called(
        self, layer: int | None, monotonic_ns: int, *, is_parked: bool
    ) -> bool:
        """Take the frame that a macro asks for; whether any track does."""
        taken = [
            recorder.macro_called(layer, monotonic_ns, is_parked=is_parked)
            for recorder in self._recorders
        ]
        return any(taken)

    def keep_interval(self, interval_s: float | None) -> None:
        """Let the first track take frames by time as well, or no longer."""
        self._recorders[0].keep_interval(interval_s)

    async def finish(self) -> None:
        """Store what is due, then stop."""
        for recorder in self._recorders:
            try:
                await recorder.finish()
            finally:
                self._sealer.remove(recorder)
        await self._end_motion()

    async def aclose(self) -> None:
        """Stop at once. Idempotent."""
        for recorder in self._recorders:
            self._sealer.remove(recorder)
            await recorder.aclose()
        await self._end_motion()

    async def _end_motion(self) -> None:
        if self._motion is not None:
            self._sealer.unwatch(self._motion)
            await self._motion.aclose()
