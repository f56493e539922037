# Whose turn it is at a Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the jobs that need the camera, one after the other.

A camera has one timelapse at a time: it makes the video of the print before, or is told
of the next one. So the oldest job goes first, and the next print waits while the camera
says that it makes a video; where it says nothing, for a minute at most.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import ClosedError, PrusacamError, SignalingError
from moonraker_prusacam.log import StateLog
from moonraker_prusacam.tasks import TaskOwner

from .dialogue import Dialogue, Verdict
from .job import Phase, job_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig

    from .job import Job
    from .viewer import CameraViewer

log = logging.getLogger(__name__)

RETRY_S = 15.0
NAME_TIMEOUT_S = 3.0  # a macro is ahead of the event that names the file
AWAY_TIMEOUT_S = 86400.0  # for a camera that is to be asked for a video
LATE_S = 60.0
ASK_AGAIN = (
    "look whether the camera has a memory card with room; 'prusacam prusa-camera "
    "timelapse render {id}' asks again"
)


class Turns:
    """Owns the dialogue with one camera; ``changed`` keeps and tells a new state."""

    def __init__(
        self,
        config: PrusaCameraConfig,
        viewer: Callable[[], CameraViewer],
        jobs: Iterable[Job],
        clock: Clock,
        save: Callable[[Job], Awaitable[None]],
        tell: Callable[[Job], None],
    ) -> None:
        self.dialogue = Dialogue(config, viewer, clock, save)
        self._name = config.name
        self._jobs = jobs
        self._clock = clock
        self._save = save
        self._tell = tell
        self._must_stop = False
        self._wake = asyncio.Event()
        self._state_log = StateLog(log, f"Prusa camera {config.name}, timelapse")
        self._mistake_logger = StateLog(
            log, f"Prusa camera {config.name}, a mistake of ours"
        )
        self._tasks = TaskOwner(f"prusa-camera:{config.name}:turns")

    def start(self) -> None:
        """Begin to serve."""
        self._tasks.start("turns", self._run())

    async def aclose(self) -> None:
        """Stop; what the camera does goes on. Idempotent."""
        await self._tasks.aclose()

    def wake(self) -> None:
        """A job has changed, or the camera is there again."""
        self._wake.set()
        self.dialogue.wake()

    def stop_recording(self) -> None:
        """Nobody wants what the camera records now."""
        self._must_stop = True
        self.wake()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            job = self._next()
            if job is None and not self._must_stop:
                await self._wake.wait()
                continue
            try:
                if job is None or self._must_stop:
                    await self._stop()
                else:
                    await self._serve(job)
            except (SignalingError, ClosedError) as error:
                await self._troubled(job, error)
            except Exception:  # a bug must not end the timelapses
                self._mistake_logger.exception()
                await self._troubled(job, PrusacamError("internal error; see the log"))

    def _next(self) -> Job | None:
        """The oldest job that needs the camera now."""
        for job in self._jobs:
            is_new = job.phase is Phase.RECORDING and not job.record.is_prepared
            if is_new or job.phase is Phase.RENDERING:
                return job
        return None

    async def _stop(self) -> None:
        await self.dialogue.stop()
        self._must_stop = False

    async def _serve(self, job: Job) -> None:
        record = job.record
        if not record.job_name:
            await self._until_named(job)
            taken = {other.record.job_name for other in self._jobs}
            record.job_name = job_name(record.filename, record.created, taken)
            await self._save(job)
        if job.phase is Phase.RECORDING:
            await self._prepare(job)
        elif job.phase is Phase.RENDERING:
            await self._render(job)

    async def _until_named(self, job: Job) -> None:
        until_s = self._clock.monotonic_s() + NAME_TIMEOUT_S
        while not job.record.filename and self._clock.monotonic_s() < until_s:
            self._wake.clear()
            await self._clock.wait(self._wake, until_s)

    async def _prepare(self, job: Job) -> None:
        record = job.record
        await self.dialogue.prepare(job)
        if job.phase is not Phase.RECORDING:  # the print is over, or was given up
            self._must_stop = record.is_prepared
            return
        record.late_s = job.waited_s(self._clock.monotonic_s())
        record.reason = record.advice = ""
        if record.late_s > LATE_S and not record.warning:
            minutes = record.late_s / 60
            record.warning = f"of the first {minutes:.0f} min there are no frames"
        await self._save(job)
        words = record.warning or f"records {record.job_name}"
        self._state_log.report(
            words, logging.WARNING if record.warning else logging.INFO
        )
        self._tell(job)

    async def _render(self, job: Job) -> None:
        record, now_s = job.record, self._clock.monotonic_s()
        if not record.is_asked and job.waited_s(now_s) >= AWAY_TIMEOUT_S:
            self._end(job, f"the camera was away for a day: {record.reason}")
            await self._finish(job)
            return
        outcome = await self.dialogue.render(
            job,
            lambda: self._is_waited_for(job),
            knows_name=self._last_prepared() is job,
        )
        if outcome.verdict is Verdict.FAILED:
            self._end(job, outcome.words)
        else:
            job.move(Phase.DOWNLOADING, self._clock.monotonic_s())
            record.only_once = outcome.words
            record.warning = outcome.words or record.warning
        await self._finish(job)

    def _end(self, job: Job, reason: str) -> None:
        advice = ASK_AGAIN.format(id=job.record.id)
        now_s = self._clock.monotonic_s()
        job.move(Phase.FAILED, now_s, reason=reason, advice=advice)

    async def _finish(self, job: Job) -> None:
        await self._save(job)
        record = job.record
        trouble = record.reason or record.only_once
        self._state_log.report(
            trouble or f"has made {record.job_name}",
            logging.WARNING if trouble else logging.INFO,
        )
        self._tell(job)

    def _is_waited_for(self, job: Job) -> bool:
        return any(
            other is not job
            and other.phase is Phase.RECORDING
            and not other.record.is_prepared
            for other in self._jobs
        )

    def _last_prepared(self) -> Job | None:
        """The job whose name the camera was told last."""
        prepared = [job for job in self._jobs if job.record.is_prepared]
        return prepared[-1] if prepared else None

    async def _troubled(self, job: Job | None, error: PrusacamError) -> None:
        """Say why nothing happens, and wait for the camera or another state."""
        reason = str(error)
        self._state_log.report(reason)
        if job is not None and job.record.reason != reason:
            job.record.reason = reason
            job.record.advice = str(getattr(error, "advice", ""))
            job.note_wait(self._clock.monotonic_s())
            await self._save(job)
            self._tell(job)
        await self._clock.wait(self._wake, self._clock.monotonic_s() + RETRY_S)
