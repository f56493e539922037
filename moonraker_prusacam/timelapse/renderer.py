# Finished jobs into videos in the timelapse folder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins what is sealed to a video, one job after the other.

The state is on disk, so a job that was being rendered when the host went down is
rendered again. The video appears in the folder that the UIs watch by one rename: they
see the whole file or none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam.boot import boot_id
from moonraker_prusacam.disk import require_room
from moonraker_prusacam.errors import FramesNotFound, TimelapseError
from moonraker_prusacam.naming import unused, video_name
from moonraker_prusacam.publishing import publish, publish_video
from moonraker_prusacam.sidecar import read_sidecar, sidecar_path
from moonraker_prusacam.tasks import TaskOwner
from moonraker_prusacam.version import __version__
from moonraker_prusacam.video import Tags, Timing, join
from moonraker_prusacam.video.archive import write_archive
from moonraker_prusacam.video.cut import cut
from moonraker_prusacam.video.poster import make_poster
from moonraker_prusacam.video.staging import workspace

from .archived import unpack
from .job import JobState, StoredSegment
from .look import Look
from .preview import last_picture, pictures_of
from .remake import ENDING, configured
from .sealer import drop_leftovers
from .sidecar import write_sidecar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig
    from moonraker_prusacam.video import FFmpeg, JoinResult

    from .encoder import Encoder
    from .job import Contents, Job, JobRecord
    from .look import Looks
    from .sealer import Sealer

log = logging.getLogger(__name__)

TEMPORARY = "video.tmp.mp4"
HOLD = "hold.tmp.mp4"
PREVIEW = "preview.tmp.jpg"
SIDECAR = "sidecar.tmp.json"
ARCHIVE = "frames.tmp.zip"


class Renderer:
    """Owns the queue of jobs to render."""

    def __init__(
        self,
        config: TimelapseConfig,
        looks: Looks,
        videos_path: Path,
        sealer: Sealer,
        encoder: Encoder,
        on_change: Callable[[Job, str], None],
    ) -> None:
        self.config = config
        self._looks = looks
        self._sealer = sealer
        self._encoder = encoder
        self.videos_path = videos_path
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

    async def reopen(self, job: Job) -> bool:
        """Take the frames of a done job back out of its video, for another one.

        False when that video is gone. Raises TimelapseError.
        """
        video = await asyncio.to_thread(self._video_of, job)
        if video is None:
            return False
        frames = job.record.frames
        segment = job.segment_path(1, frames, frames)
        await cut(await self._encoder.ffmpeg(), video, frames, segment)
        job.record.video = None
        return True

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
        record.state, record.error = JobState.RENDERING, None
        await asyncio.to_thread(job.save)
        self._on_change(job, "started")
        if not await asyncio.to_thread(self._is_published, job):
            await self._make(job)
        if self.config.save_frames:
            await self._archive(job)
        record.finished = time.time()
        is_same_boot = record.boot_id == boot_id()
        record.finished_s = time.monotonic() if is_same_boot else None
        record.state = JobState.DONE
        await asyncio.to_thread(job.save)
        await asyncio.to_thread(job.clear)
        log.info("Timelapse: %s, %d frames", record.video, record.frames)
        self._on_change(job, "success")

    async def _make(self, job: Job) -> None:
        """Join all segments to a video, and publish it."""
        if job.record.remake is not None and not job.record.remake.is_unpacked:
            archive = (self.videos_path / job.record.remake.video).with_suffix(".zip")
            await asyncio.to_thread(unpack, job, archive)
            job.record.remake.is_unpacked = True
            await asyncio.to_thread(job.save)
        config = configured(self.config, job.record)
        contents = await self._sealer.seal_rest(job)
        if not contents.segments:
            raise TimelapseError("no frame was recorded")
        ffmpeg = await self._encoder.ffmpeg()
        look = self._look(job)
        timing = _timing(config)
        paths = [segment.path for segment in contents.segments]
        held = timing.held_frames(contents.count, config.hold_s)
        if held:
            paths.append(await self._hold(ffmpeg, job, contents, held))
        await asyncio.to_thread(_require_room_for, paths, job.path)
        result = await join(
            ffmpeg,
            paths,
            job.path / TEMPORARY,
            timing,
            rotation=look.told_rotation,
            tags=Tags(
                title=job.record.title or PurePosixPath(job.record.filename).stem,
                comment=f"moonraker-prusacam {__version__}",
                created=job.record.created,
            ),
            held=held,
        )
        job.record.frames = result.frames - held
        if self.config.preview_image:
            await self._make_preview(ffmpeg, job, contents, look)
        settings = self._encoder.settings(job)
        encoding = {
            "encoder": settings.codec.name,
            "crf": settings.crf,
            "ffmpeg": ".".join(map(str, (await ffmpeg.features()).version)),
        }
        await asyncio.to_thread(self._publish, job, result, encoding)

    def _look(self, job: Job) -> Look:
        """How the segments look, turned as it is configured now where that is free."""
        look, now = job.record.look or Look(), self._looks.of(job)
        if look.is_drawn_on:
            return look
        return look.turned_to(now.rotation)

    async def _hold(
        self, ffmpeg: FFmpeg, job: Job, contents: Contents, count: int
    ) -> Path:
        """A segment that shows the last picture ``count`` times."""
        segment = job.path / HOLD
        # What is drawn on the last picture is only there.
        is_drawn_on = job.record.look is not None and job.record.look.is_drawn_on
        last = await last_picture(ffmpeg, job, contents, is_sealed=is_drawn_on)
        await self._encoder.hold(job, contents, last, count, segment)
        return segment

    async def _make_preview(
        self, ffmpeg: FFmpeg, job: Job, contents: Contents, look: Look
    ) -> None:
        last = await last_picture(ffmpeg, job, contents)
        await make_poster(
            ffmpeg,
            last.path,
            job.path / PREVIEW,
            flip_horizontal=look.flip_horizontal and not last.is_sealed,
            flip_vertical=look.flip_vertical and not last.is_sealed,
            rotation=look.told_rotation if last.is_sealed else look.rotation,
        )

    def _is_published(self, job: Job) -> bool:
        """Whether an earlier try got as far as the rename."""
        record = job.record
        if record.video is None:
            return False
        try:
            size_bytes = (self.videos_path / record.video).stat().st_size
        except FileNotFoundError:
            return False
        # A job of the same second may have its name, and be as long.
        known = read_sidecar(self.videos_path / record.video).get("job")
        is_ours = isinstance(known, dict) and known.get("id") == record.id
        # What is rendered again keeps the name of its first job.
        is_ours = is_ours or record.remake is not None
        return is_ours and size_bytes == record.video_bytes

    def _video_of(self, job: Job) -> Path | None:
        """The video of a job that is done, if it is still there."""
        if job.record.state is not JobState.DONE or job.record.video is None:
            return None
        video = self.videos_path / job.record.video
        return video if video.is_file() else None

    async def save_frames(self, job: Job) -> str:
        """Put the frames of a job into a ZIP; its name. Raises TimelapseError.

        Those of a job that is done are in its video, if they were not saved already.
        """
        contents = await asyncio.to_thread(job.contents)
        if (video := await asyncio.to_thread(self._video_of, job)) is not None:
            if await asyncio.to_thread(video.with_suffix(".zip").exists):
                return video.with_suffix(".zip").name
            count = job.record.frames
            whole = StoredSegment(video, first=1, last=count, frames=count)
            contents = attrs.evolve(contents, segments=(whole,))
        name = video_name(job.record.name, None, job.record.created)
        archive = (self.videos_path / name).with_suffix(".zip")
        saved = {path.name: path for path in contents.covered}
        saved |= {frame.path.name: frame.path for frame in contents.frames}
        if not (saved or contents.segments):
            raise FramesNotFound("there are no frames to save")
        async with contextlib.AsyncExitStack() as folders:
            shown = await self._shown_by(contents.without_frames, folders)
            saved |= {path.name: path for path in shown}
            await write_archive(sorted(saved.items()), job.path / ARCHIVE)
        await asyncio.to_thread(self._deliver, job.path / ARCHIVE, archive)
        return archive.name

    async def _archive(self, job: Job) -> None:
        """Put the frames beside the video; a full disk must not cost the video."""
        assert job.record.video is not None  # noqa: S101
        archive = (self.videos_path / job.record.video).with_suffix(".zip")
        contents = await asyncio.to_thread(job.contents)
        saved = sorted((*contents.covered, *(frame.path for frame in contents.frames)))
        # What is rendered again has them beside its first video.
        if not saved or await asyncio.to_thread(archive.exists):
            return
        try:
            staged = job.path / ARCHIVE
            async with contextlib.AsyncExitStack() as folders:
                # They may be kept since amid the print only.
                saved += await self._shown_by(contents.without_frames, folders)
                await write_archive([(path.name, path) for path in saved], staged)
            await asyncio.to_thread(self._deliver, staged, archive)
        except TimelapseError as error:
            log.warning("Timelapse: frames are not saved: %s", error)

    async def _shown_by(
        self, segments: Iterable[StoredSegment], folders: contextlib.AsyncExitStack
    ) -> list[Path]:
        """The pictures of ``segments``, in ``folders``; raises TimelapseError."""
        shown: list[Path] = []
        for segment in segments:
            ffmpeg = await self._encoder.ffmpeg()
            folder = await folders.enter_async_context(workspace({}, ffmpeg.scratch))
            pictures = await pictures_of(ffmpeg, segment, folder)
            shown += pictures[: segment.frames]  # what is held comes after
        return shown

    def _deliver(self, source: Path, target: Path) -> None:
        """Move one file to where the UIs look; raises TimelapseError."""
        try:
            self.videos_path.mkdir(parents=True, exist_ok=True)
            publish(source, target)
        except OSError as error:
            raise TimelapseError(f"{target}: {error.strerror}") from error

    def _publish(self, job: Job, result: JoinResult, encoding: dict[str, Any]) -> None:
        """Move video and preview to where the UIs look; the preview first.

        The record tells name and size before: after a kill, a video of that name may
        be ours or that of another job. Where there is none, the name is taken again,
        so that what was moved already is replaced.
        """
        record, folder = job.record, self.videos_path
        temporary = job.path / TEMPORARY
        folder.mkdir(parents=True, exist_ok=True)
        record.video = _name(folder, record)
        record.video_bytes = temporary.stat().st_size
        job.save()
        video = folder / record.video
        preview, sidecar = job.path / PREVIEW, job.path / SIDECAR
        write_sidecar(sidecar, video, job, result, encoding)
        beside = {sidecar: sidecar_path(video)}
        if preview.exists():
            beside[preview] = video.with_suffix(".jpg")
        publish_video(temporary, video, beside)

    async def _fail(self, job: Job, reason: str) -> None:
        log.error("Timelapse: job %s: %s", job.record.id, reason)
        job.record.state = JobState.FAILED
        job.record.error = reason
        try:
            await asyncio.to_thread(
                drop_leftovers, job, keep_frames=self.config.save_frames
            )
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Timelapse: %s: %s", job.path, error.strerror)  # noqa: TRY400
        self._on_change(job, "error")


def _name(folder: Path, record: JobRecord) -> str:
    """What the video will be called; once chosen it stays, while it is not taken."""
    is_in_place = record.remake is not None and record.remake.in_place
    if record.video and not is_in_place and not (folder / record.video).exists():
        return record.video
    if record.remake is None:
        name = video_name(record.name, record.outcome, record.created, record.track)
    elif record.remake.in_place:
        return record.remake.video
    else:
        before = PurePosixPath(record.remake.video)
        name = f"{before.stem}{ENDING}{before.suffix}"
    return unused(folder, name)


def _require_room_for(paths: list[Path], folder: Path) -> None:
    require_room(folder, sum(path.stat().st_size for path in paths))


def _timing(config: TimelapseConfig) -> Timing:
    return Timing(
        fps=config.fps,
        target_length_s=config.target_length_s or None,
        min_fps=config.min_fps,
        max_fps=config.max_fps,
    )
