# Finished jobs into videos in the timelapse folder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders one job after the other.

The state is on disk, so a job that was being rendered when the host went down is
rendered again. The video appears in the folder that the UIs watch by one rename: they
see the whole file or none.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
import time
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import sync_directory, sync_file
from moonraker_prusacam.errors import RenderError, TimelapseError
from moonraker_prusacam.tasks import TaskOwner

from .encoder import Encoder, find_ffmpeg
from .job import JobState
from .naming import unused, video_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig

    from .job import Job, StoredFrame

log = logging.getLogger(__name__)

TEMPORARY = "video.tmp.mp4"


class Renderer:
    """Owns the queue of jobs to render."""

    def __init__(
        self,
        config: TimelapseConfig,
        videos_path: Path,
        on_change: Callable[[Job, str], None],
    ) -> None:
        self._config = config
        self._videos_path = videos_path
        self._on_change = on_change
        # A job that waits is RENDERING and is not submitted again: there are never more
        # than job directories.
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._tasks = TaskOwner("renderer")

    def start(self) -> None:
        """Begin to serve the queue."""
        self._tasks.start("queue", self._run())

    async def aclose(self) -> None:
        """Stop, and end an ffmpeg that runs; its job is rendered after the next start.

        Idempotent.
        """
        await self._tasks.aclose()

    def submit(self, job: Job) -> None:
        """Render ``job`` after those that wait already."""
        job.record.state = JobState.RENDERING
        self._waiting.put_nowait(job)

    async def _run(self) -> None:
        while True:
            job = await self._waiting.get()
            try:
                await self._render(job)
            except TimelapseError as error:
                await self._fail(job, str(error))
            except OSError as error:
                await self._fail(job, f"{error.filename or job.path}: {error.strerror}")
            except Exception:  # one bad job must not end the queue
                log.exception("Timelapse: job %s failed", job.record.id)
                await self._fail(job, "internal error; see the log")

    async def _render(self, job: Job) -> None:
        record = job.record
        frames = await asyncio.to_thread(job.stored_frames)
        if not frames:
            raise TimelapseError("no frame was recorded")
        record.state, record.error = JobState.RENDERING, None
        await asyncio.to_thread(job.save)
        self._on_change(job, "started")
        if not await asyncio.to_thread(self._is_published, job):
            ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.ffmpeg)
            encoder = Encoder(ffmpeg, fps=self._config.fps, crf=self._config.crf)
            shown = await self._encode(encoder, job, frames)
            await asyncio.to_thread(self._publish, job, shown)
        record.finished = time.time()
        record.state = JobState.DONE
        await asyncio.to_thread(job.save)
        await asyncio.to_thread(job.discard_frames)
        log.info("Timelapse: %s, %d frames", record.video, record.frames)
        self._on_change(job, "success")

    async def _encode(
        self, encoder: Encoder, job: Job, frames: list[StoredFrame]
    ) -> list[StoredFrame]:
        """Make the video of ``frames``; returns those that are in it."""
        temporary = job.path / TEMPORARY
        try:
            await encoder.encode([frame.path for frame in frames], temporary)
        except RenderError:
            # One frame that is no picture must not cost the others their video.
            sound = [frame for frame in frames if await encoder.can_decode(frame.path)]
            if len(sound) in (0, len(frames)):
                raise
            broken = len(frames) - len(sound)
            log.warning(
                "Timelapse: %d frames of job %s cannot be decoded and are left out",
                broken,
                job.record.id,
            )
            await encoder.encode([frame.path for frame in sound], temporary)
            job.record.gaps += broken
            return sound
        return frames

    def _is_published(self, job: Job) -> bool:
        """Whether an earlier try got as far as the rename."""
        record = job.record
        if record.video is None:
            return False
        try:
            size_bytes = (self._videos_path / record.video).stat().st_size
        except FileNotFoundError:
            return False
        return size_bytes == record.video_bytes

    def _publish(self, job: Job, frames: list[StoredFrame]) -> None:
        """Move video and preview to where the UIs look; the preview first.

        The record tells name and size before: after a kill, a video of that name may
        be ours or that of another job.
        """
        record, folder = job.record, self._videos_path
        temporary = job.path / TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        name = video_name(record.filename, record.outcome, record.created)
        record.video = unused(folder, name)
        record.video_bytes = temporary.stat().st_size
        record.frames = len(frames)
        job.save()
        sync_file(temporary)
        preview = temporary.with_suffix(".jpg")
        shutil.copyfile(frames[-1].path, preview)
        sync_file(preview)
        video = folder / record.video
        _move(preview, video.with_suffix(".jpg"))
        _move(temporary, video)
        sync_directory(folder)

    async def _fail(self, job: Job, reason: str) -> None:
        log.error("Timelapse: job %s: %s", job.record.id, reason)
        job.record.state = JobState.FAILED
        job.record.error = reason
        try:
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Timelapse: %s: %s", job.path, error.strerror)  # noqa: TRY400
        self._on_change(job, "error")


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: the copy is hidden until it is whole.
        hidden = target.with_name(f".{target.name}.part")
        try:
            shutil.copyfile(source, hidden)
            sync_file(hidden)
            hidden.rename(target)
        except OSError:
            hidden.unlink(missing_ok=True)
            raise
        source.unlink()
