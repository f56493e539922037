# The videos that are awaited from Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks for each finished video until it is there, or the limit is reached.

How long Prusa Connect takes for a video, and whether it ever has one, nobody knows. So
one that is not there is asked for ever less often; what only a person can mend, seldom;
what broke off, at once.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.download import Listener, PartFile
from moonraker_prusacam.connect.schedule import (
    FIRST_BACKOFF_S,
    FIRST_PROBE_S,
    LAST_BACKOFF_S,
    LAST_PROBE_S,
    MAX_RETRY_AFTER_S,
    BackOff,
)
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    DiskRefused,
    PrusacamError,
    VideoDamaged,
    VideoNotThere,
    VideoTooLarge,
)
from moonraker_prusacam.tasks import TaskOwner

from .delivery import deliver, is_delivered
from .job import Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig

    from .delivery import MakePreview
    from .download import VideoDownload
    from .job import Job

log = logging.getLogger(__name__)

FIRST_LOOK_S, LAST_LOOK_S = 10.0, 600.0  # for a video that is not there yet
RESUME_S = 1.0  # after a break that had brought something
PROGRESS_STEP = 0.05
PROGRESS_BYTES = 8 << 20  # where the length is not known
HOUR_S = 3600.0


@attrs.define
class _Attempts:
    """When to ask for one video again."""

    due_s: float
    looks: BackOff = attrs.Factory(lambda: BackOff(FIRST_LOOK_S, LAST_LOOK_S))
    outages: BackOff = attrs.Factory(lambda: BackOff(FIRST_BACKOFF_S, LAST_BACKOFF_S))
    faults: BackOff = attrs.Factory(lambda: BackOff(FIRST_PROBE_S, LAST_PROBE_S))

    def delay_s(self, error: Exception) -> float:
        """How long to wait after ``error``."""
        if isinstance(error, VideoNotThere | VideoDamaged):
            return self.looks.next_s()
        if isinstance(error, ConnectUnavailable):
            asked_s = min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)
            return max(self.outages.next_s(), asked_s)
        return self.faults.next_s()


@attrs.frozen
class Progress:
    """How much of a video is there; ``length`` is None where nobody told."""

    size: int
    length: int | None


@attrs.frozen
class Ears:
    """Who keeps a job's new state, tells of it, and hears how far its video is."""

    save: Callable[[Job], Awaitable[None]]
    tell: Callable[[Job], None]
    far: Callable[[Job, Progress], None]


class Downloads:
    """Gets the videos of one camera's jobs, one after the other."""

    def __init__(
        self,
        config: PrusaCameraConfig,
        jobs: Iterable[Job],
        videos_path: Callable[[], Path],
        download: VideoDownload,
        make_preview: MakePreview | None,
        clock: Clock,
        ears: Ears,
    ) -> None:
        self._config = config
        self._jobs = jobs
        self._videos_path = videos_path
        self._download = download
        self._make_preview = make_preview
        self._clock = clock
        self._ears = ears
        self._attempts: dict[str, _Attempts] = {}
        self._progress: dict[str, Progress] = {}
        self._wake = asyncio.Event()
        self._tasks = TaskOwner(f"prusa-camera:{config.name}:downloads")

    def start(self) -> None:
        """Begin to ask."""
        self._tasks.start("queue", self._run())

    async def aclose(self) -> None:
        """Stop; what is there of a video is gone on from. Idempotent."""
        await self._tasks.aclose()
        await self._download.aclose()

    def ask_soon(self, job: Job | None = None) -> None:
        """Look for jobs; ``job`` is asked for at once, however often it failed."""
        if job is not None:
            self._attempts.pop(job.record.id, None)
        self._wake.set()

    def progress(self, job: Job) -> Progress | None:
        """How far the download of ``job`` is."""
        return self._progress.get(job.record.id)

    def next_in_s(self, job: Job) -> float | None:
        """When ``job`` is asked for again."""
        attempts = self._attempts.get(job.record.id)
        if attempts is None or job.phase is not Phase.DOWNLOADING:
            return None
        return max(0.0, attempts.due_s - self._clock.monotonic_s())

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            waiting = [job for job in self._jobs if job.phase is Phase.DOWNLOADING]
            self._forget_others(waiting)
            job = min(waiting, key=self._due_s, default=None)
            if job is None:
                await self._clock.wait(self._wake, None)
            elif self._due_s(job) > self._clock.monotonic_s():
                await self._clock.wait(self._wake, self._due_s(job))
            else:
                await self._attempt(job)

    def _due_s(self, job: Job) -> float:
        attempts = self._attempts.get(job.record.id)
        if attempts is None:
            attempts = _Attempts(self._clock.monotonic_s())
            self._attempts[job.record.id] = attempts
        return attempts.due_s

    def _forget_others(self, waiting: list[Job]) -> None:
        known = {job.record.id for job in waiting}
        for table in (self._attempts, self._progress):
            for identity in table.keys() - known:
                del table[identity]

    async def _attempt(self, job: Job) -> None:
        had: int | None = None

        def progress(size: int, length: int | None) -> None:
            nonlocal had
            had = size if had is None else had
            self._note_progress(job, Progress(size, length))

        part = PartFile(job.part)
        try:
            part = PartFile(job.part, await asyncio.to_thread(self._guards, job))
            await self._fetch(job, part, progress)
        except PrusacamError as error:
            await self._failed(job, part, error, has_come=part.size > (had or 0))
        except Exception:  # one bad job must not end the queue
            log.exception("Prusa camera: job %s failed", job.record.id)
            unknown = PrusacamError("internal error; see the log")
            await self._failed(job, part, unknown, has_come=False)
        else:
            job.move(Phase.DONE, self._clock.monotonic_s())
            await self._ears.save(job)
            await asyncio.to_thread(job.clear)
            log.info("Prusa camera %s: %s", self._config.name, job.record.video)
            self._ears.tell(job)

    async def _fetch(
        self, job: Job, part: PartFile, progress: Callable[[int, int | None], None]
    ) -> None:
        def note(text: str) -> None:
            log.info("Prusa camera %s, %s: %s", self._config.name, job.record.id, text)
            job.record.warning = text

        folder = self._videos_path()
        if await asyncio.to_thread(is_delivered, job, folder):
            return
        listener = Listener(progress, note)
        await self._download.fetch(job.record.job_name, part, listener)
        await deliver(job, self._config.name, folder, self._make_preview)

    async def _failed(
        self, job: Job, part: PartFile, error: PrusacamError, *, has_come: bool
    ) -> None:
        """Come back later, or give up."""
        record, now_s = job.record, self._clock.monotonic_s()
        left_s = self._config.download_timeout_s - job.waited_s(now_s)
        is_answer = not isinstance(error, ConnectUnavailable)
        words = ""
        if isinstance(error, VideoTooLarge):
            words = str(error)
        elif record.only_once and is_answer:
            words = f"{record.only_once}; the download was tried all the same: {error}"
        elif left_s <= 0 and not has_come:
            hours = self._config.download_timeout_s / HOUR_S
            words = f"given up after {hours:.3g} h: {error}"
        if words:
            job.move(Phase.FAILED, now_s, reason=words, advice=again(job))
            await self._ears.save(job)
            await asyncio.to_thread(job.clear)
            log.warning("Prusa camera %s: %s", self._config.name, words)
            self._ears.tell(job)
            return
        if isinstance(error, DiskRefused):
            await asyncio.to_thread(part.discard)  # what is short is not to be kept
        attempts = self._attempts.setdefault(record.id, _Attempts(now_s))
        if has_come and not is_answer:
            attempts.outages.reset()
            delay_s = RESUME_S
        else:
            delay_s = attempts.delay_s(error)
        attempts.due_s = now_s + (min(delay_s, left_s) if left_s > 0 else delay_s)
        is_news, record.reason = record.reason != str(error), str(error)
        job.note_wait(now_s)
        await self._ears.save(job)
        if is_news:
            log.warning("Prusa camera %s: %s", self._config.name, error)
            self._ears.tell(job)

    def _note_progress(self, job: Job, now: Progress) -> None:
        before = self._progress.get(job.record.id)
        self._progress[job.record.id] = now
        step = PROGRESS_STEP * now.length if now.length else PROGRESS_BYTES
        if before is None or now.size // step != before.size // step:
            self._ears.far(job, now)

    def _guards(self, job: Job) -> tuple[DiskGuard, ...]:
        """What is to stay free, of the disk of the job and of that of the videos."""
        reserve_bytes = self._config.reserve_mb << 20
        places = [job.path]
        folder = self._videos_path()
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if folder.stat().st_dev != job.path.stat().st_dev:
            places.append(folder)
        return tuple(DiskGuard(place, reserve_bytes) for place in places)


def again(job: Job) -> str:
    """How a person tries once more."""
    return f"'prusacam prusa-camera timelapse download {job.record.id}' tries again"
