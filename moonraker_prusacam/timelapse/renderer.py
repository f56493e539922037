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

MAX_WAITING = 64
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
        self._waiting: asyncio.Queue[Job] = asyncio.Queue(MAX_WAITING)
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
        """Render ``job``; raises TimelapseError when too many jobs wait already."""
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            raise TimelapseError(
                f"{MAX_WAITING} jobs wait to be rendered already"
            ) from None

    async def _run(self) -> None:
        while True:
            job = await self._waiting.get()
            try:
                await self._render(job)
            except TimelapseError as error:
                await self._fail(job, str(error))
            except OSError as error:
                await self._fail(job, f"{error.filename}: {error.strerror}")
            except Exception:  # one bad job must not end the queue
                log.exception("Timelapse: job %s failed", job.record.id)
                await self._fail(job, "internal error; see the log")

    async def _render(self, job: Job) -> None:
        record = job.record
        frames = await asyncio.to_thread(job.stored_frames)
        if not frames:
            raise TimelapseError("no frame was recorded")
        ffmpeg = await asyncio.to_thread(find_ffmpeg, self._config.ffmpeg)
        encoder = Encoder(ffmpeg, fps=self._config.fps, crf=self._config.crf)
        if record.video is None:
            name = video_name(record.filename, record.outcome, record.created)
            record.video = await asyncio.to_thread(unused, self._videos_path, name)
        record.state, record.error = JobState.RENDERING, None
        await asyncio.to_thread(job.save)
        self._on_change(job, "started")
        video = self._videos_path / record.video
        if not await self._is_there(encoder, video, len(frames)):
            temporary = job.path / TEMPORARY
            await encoder.encode([frame.path for frame in frames], temporary)
            await asyncio.to_thread(_publish, temporary, frames, video)
        record.frames = len(frames)
        record.video_bytes = (await asyncio.to_thread(video.stat)).st_size
        record.finished = time.time()
        record.state = JobState.DONE
        await asyncio.to_thread(job.save)
        await asyncio.to_thread(job.discard_frames)
        log.info("Timelapse: %s, %d frames", record.video, record.frames)
        self._on_change(job, "success")

    async def _is_there(self, encoder: Encoder, video: Path, frames: int) -> bool:
        """Whether an earlier try got as far as the rename."""
        if not await asyncio.to_thread(video.exists):
            return False
        try:
            return await encoder.count(video) == frames
        except RenderError:
            return False

    async def _fail(self, job: Job, reason: str) -> None:
        log.error("Timelapse: job %s: %s", job.record.id, reason)
        job.record.state = JobState.FAILED
        job.record.error = reason
        try:
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Timelapse: %s: %s", job.path, error.strerror)  # noqa: TRY400
        self._on_change(job, "error")


def _publish(temporary: Path, frames: list[StoredFrame], video: Path) -> None:
    """Move video and preview to where the UIs look; the preview first."""
    video.parent.mkdir(parents=True, exist_ok=True)
    sync_file(temporary)
    preview = temporary.with_suffix(".jpg")
    shutil.copyfile(frames[-1].path, preview)
    sync_file(preview)
    _move(preview, video.with_suffix(".jpg"))
    _move(temporary, video)
    sync_directory(video.parent)


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: the copy is hidden until it is whole.
        hidden = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, hidden)
        sync_file(hidden)
        hidden.rename(target)
        source.unlink()
