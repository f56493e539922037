# Frames of running jobs into segments, while the print goes on.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes as the print goes on, so that at its end little is left to do.

One ffmpeg at a time, for all jobs, and none while the printer's host is busy: frames
are safe on disk, segments can wait. A frame is unlinked when its segment is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Protocol

from moonraker_prusacam.disk import DiskStage
from moonraker_prusacam.durable import sync_directory
from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner
from moonraker_prusacam.video import FRAMES_PER_SEGMENT
from moonraker_prusacam.video.picture import inspect

from .remake import configured

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig
    from moonraker_prusacam.disk import DiskGuard
    from moonraker_prusacam.motion import Motion

    from .encoder import Encoder
    from .job import Contents, Job, StoredFrame

log = logging.getLogger(__name__)

BUSY_RETRY_S = 5.0
FAILED_RETRY_S = 60.0
# A gap that is filled by repeating a frame is no longer than this.
MAX_REPEATS = 250
HURRIED_FRAMES = 5
# In the names of what a render makes on its way to a video.
TEMPORARY = ".tmp."


class Recording(Protocol):
    """What the sealer needs of a recorder."""

    @property
    def job(self) -> Job:
        """The job that is recorded."""

    @property
    def settled_until(self) -> int:
        """Frames up to this number are not replaced any more."""


class Sealer:
    """Owns the work on segments; ``watch`` tells it how busy the host is."""

    def __init__(
        self,
        config: TimelapseConfig,
        encoder: Encoder,
        disk: DiskGuard,
    ) -> None:
        self.config = config
        self._disk = disk
        self._encoder = encoder
        self._motion: Motion | None = None
        self._recordings: list[Recording] = []
        self._stored = asyncio.Event()
        self._turn = asyncio.Lock()
        self._state_log = StateLog(log, "Timelapse encoder")
        self._tasks = TaskOwner("sealer")

    def start(self) -> None:
        """Begin to seal what recordings store."""
        self._tasks.start("segments", self._run())

    async def aclose(self) -> None:
        """Stop, and end an ffmpeg that runs: its frames are still there. Idempotent."""
        await self._tasks.aclose()

    def add(self, recording: Recording) -> None:
        """Seal the frames of ``recording`` from now on."""
        self._recordings.append(recording)
        self._stored.set()

    def remove(self, recording: Recording) -> None:
        """Leave it alone; ``seal_rest`` does what remains. Idempotent."""
        if recording in self._recordings:
            self._recordings.remove(recording)

    def watch(self, motion: Motion | None) -> None:
        """Leave the host to Klipper while ``motion`` tells that it is busy."""
        self._motion = motion

    def unwatch(self, motion: Motion) -> None:
        """The print of ``motion`` is over. Idempotent."""
        if self._motion is motion:
            self._motion = None

    @property
    def is_busy(self) -> bool:
        """Whether segments have to wait."""
        return self._motion is not None and self._motion.is_busy

    def frame_stored(self) -> None:
        """Look whether there is enough for a segment."""
        self._stored.set()

    async def seal_rest(self, job: Job) -> Contents:
        """Seal all frames of a job that is over; raises RenderError.

        Frames that are no pictures are left out where they have no neighbours.
        """
        async with self._turn:
            while True:
                contents = await asyncio.to_thread(job.contents)
                if not contents.frames:
                    return contents
                pending = contents.frames[:FRAMES_PER_SEGMENT]
                is_last = len(pending) == len(contents.frames)
                has_others = bool(contents.segments) or not is_last
                if has_others and not await asyncio.to_thread(_any_picture, pending):
                    log.warning(
                        "Timelapse: %d frames of job %s are no pictures, and left out",
                        len(pending),
                        job.record.id,
                    )
                    job.record.gaps += len(pending)
                    await asyncio.to_thread(_unlink, [frame.path for frame in pending])
                    continue
                until = job.record.last_number if is_last else pending[-1].number
                await self._seal(job, contents, pending, until)

    async def _run(self) -> None:
        while True:
            await self._stored.wait()
            self._stored.clear()
            try:
                while await self._seal_next():
                    pass
            except RenderError as error:
                self._state_log.report(f"{error}; frames are kept", logging.WARNING)
                await asyncio.sleep(FAILED_RETRY_S)
                self._stored.set()
            except OSError as error:
                self._state_log.report(f"{error.strerror}; frames are kept")
                await asyncio.sleep(FAILED_RETRY_S)
                self._stored.set()

    async def _seal_next(self) -> bool:
        """Seal one segment of one recording; False when none is full."""
        for recording in tuple(self._recordings):
            job = recording.job
            contents = await asyncio.to_thread(job.contents)
            settled = [
                frame
                for frame in contents.frames
                if frame.number <= recording.settled_until
            ]
            if len(settled) < await asyncio.to_thread(self._enough):
                continue
            if self.is_busy:
                await asyncio.sleep(BUSY_RETRY_S)
                return True  # look again
            async with self._turn:
                if recording not in self._recordings:
                    return True  # it has ended meanwhile, and is another's now
                pending = settled[:FRAMES_PER_SEGMENT]
                await self._seal(job, contents, pending, pending[-1].number)
            self._state_log.report("segments are sealed", logging.INFO)
            return True
        return False

    async def _seal(
        self,
        job: Job,
        contents: Contents,
        frames: Sequence[StoredFrame],
        until: int,
    ) -> None:
        first = contents.sealed_until + 1
        shown = self._shown(frames, first, max(until, frames[-1].number))
        path = job.segment_path(first, max(until, frames[-1].number), len(shown))
        segment = await self._encoder.encode(job, contents, shown, path)
        if job.record.size is None or segment.replaced:
            job.record.size = segment.size
            job.record.gaps += len(segment.replaced)
            # A disk that is too full for it gets room by what follows.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(job.save)
        await asyncio.to_thread(job.discard_insets, frames[-1].number)
        done = [frame.path for frame in frames]
        if not configured(self.config, job.record).save_frames:
            await asyncio.to_thread(_unlink, done)
        elif await asyncio.to_thread(self._enough) < FRAMES_PER_SEGMENT:
            log.warning("Timelapse: the disk is nearly full; frames are not saved")
            await asyncio.to_thread(_unlink, [*contents.covered, *done])

    def _enough(self) -> int:
        """How many frames make a segment: few when the disk is nearly full."""
        is_plenty = self._disk.stage() is DiskStage.PLENTY
        return FRAMES_PER_SEGMENT if is_plenty else HURRIED_FRAMES

    def _shown(
        self, frames: Sequence[StoredFrame], first: int, last: int
    ) -> list[StoredFrame]:
        """What is seen from ``first`` to ``last``, as gaps are dealt with."""
        if self.config.gaps == "skip":
            return list(frames)
        there = {frame.number: frame for frame in frames}
        shown, before, repeats = [], frames[0], 0
        for number in range(first, last + 1):
            frame = there.get(number)
            repeats = 0 if frame else repeats + 1
            if frame or repeats <= MAX_REPEATS:
                shown.append(frame or before)
            before = frame or before
        return shown


def drop_leftovers(job: Job, *, keep_frames: bool) -> None:
    """What a kill left: temporary files, and frames that a segment holds already."""
    contents = job.contents()
    for path in job.path.iterdir():
        if path.name.startswith(".") or TEMPORARY in path.name:
            path.unlink(missing_ok=True)
    if contents.frames:  # a frame may have been stored and not noted
        job.note_newest(contents.frames[-1].path)
    job.discard_insets(contents.sealed_until)
    if not keep_frames:
        _unlink(contents.covered)


def _any_picture(frames: Sequence[StoredFrame]) -> bool:
    return any(inspect(frame.path).is_whole for frame in frames)


def _unlink(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    if paths:
        sync_directory(paths[0].parent)
