# What a Prusa camera is asked for a print, and what it says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares a camera for a print, asks it for the video, and hears what becomes of that.

A camera does what it is told without an answer, so it is asked for its status first:
one that is not there must not be taken for one that records. How a video goes on it
tells by itself; who was away asks for the state, and for the list of files.
That DONE comes at all is an assumption, so it is waited for with a limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.signaling.messages import (
    FileState,
    Switch,
    VideoState,
)
from moonraker_prusacam.errors import (
    ClosedError,
    MessageUnsupported,
    SignalingError,
    SignalingOptionError,
    SignalingUnavailable,
)

from .job import Phase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.connect.signaling.messages import ClientTrigger, Status
    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig

    from .job import Job
    from .viewer import CameraViewer

log = logging.getLogger(__name__)

READY_TIMEOUT_S = 30.0
POLL_S = 20.0  # between questions, while nothing is heard
REACTION_TIMEOUT_S = 60.0  # without a sign that a video is made, if others wait
# Of ClientTrigger.error_code, by the firmware: it is busy with a video already.
BUSY = 5
NO_CARD = "the camera says that it has no memory card for the frames"
NOT_ON = "the camera did not switch its timelapse on"


class Verdict(enum.Enum):
    """What became of a video."""

    DONE = enum.auto()
    FAILED = enum.auto()
    UNCLEAR = enum.auto()


@attrs.frozen
class Outcome:
    """A verdict, and the words for it unless it is DONE."""

    verdict: Verdict
    words: str = ""


FAILED = Outcome(Verdict.FAILED, "the camera says that it could not make the video")
DONE = Outcome(Verdict.DONE)
OF_FILES = {FileState.DONE: VideoState.DONE, FileState.ERROR: VideoState.FAILED} | {
    FileState.IN_PROGRESS: VideoState.IN_PROGRESS
}


class Dialogue:
    """Speaks to one camera about one job at a time; raises SignalingError, ClosedError.

    ``save`` keeps a job whose record has changed.
    """

    def __init__(
        self,
        config: PrusaCameraConfig,
        viewer: Callable[[], CameraViewer],
        clock: Clock,
        save: Callable[[Job], Awaitable[None]],
    ) -> None:
        self._config = config
        self._viewer = viewer
        self._clock = clock
        self._save = save
        self._watched: Job | None = None
        self._outcome: Outcome | None = None
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something happened that a wait may be for."""
        self._news.set()

    def heard(self, message: ClientTrigger) -> None:
        """The camera told by itself how a task goes on."""
        job = self._watched
        if job is None:
            return
        if message.video is VideoState.IN_PROGRESS or message.error_code == BUSY:
            job.record.has_begun = True
        elif message.video is VideoState.DONE:
            self._outcome = DONE
        elif message.video is VideoState.FAILED:
            self._outcome = FAILED
        elif message.video is None and message.error_code:
            self._outcome = Outcome(
                Verdict.UNCLEAR,
                f"the camera reported error {message.error_code} while it made the "
                "video",
            )
        self._news.set()

    def told(self, status: Status) -> None:
        """The camera told its status, whoever had asked for it."""
        if self._watched is not None and status.video is not None:
            self._take(self._watched, status.video)

    async def prepare(self, job: Job) -> None:
        """Let the camera record the print of ``job``, unless that is over meanwhile."""
        viewer, record = self._viewer(), job.record
        before = await self._status()
        if job.phase is not Phase.RECORDING:
            return
        await viewer.enable_timelapse(True)
        complaint = await self._set_pace()
        await viewer.set_job_name(record.job_name)
        record.warning = NO_CARD if before.storage is Switch.OFF else complaint
        if before.timelapse is not None:
            after = await viewer.status()
            is_off = after.timelapse is Switch.OFF
            record.warning = record.warning or (NOT_ON if is_off else "")
        record.is_prepared = True
        await self._save(job)

    async def stop(self) -> None:
        """Let the camera record no more."""
        await self._status()
        await self._viewer().enable_timelapse(False)

    async def render(
        self, job: Job, is_waited_for: Callable[[], bool], *, knows_name: bool
    ) -> Outcome:
        """Ask for the video, unless that was done, and wait for what becomes of it.

        ``is_waited_for``: another job needs the camera. ``knows_name``: that of this
        job is the last name that the camera was told. It is not told twice, since a
        camera may begin anew by it.
        """
        self._outcome = None
        try:
            if job.record.is_asked or job.record.is_asking:
                self._watched = job
                await self._poll(job)
            is_heard_of = job.record.has_begun or self._outcome is not None
            if not (job.record.is_asked or is_heard_of):
                await self._ask(job, knows_name=knows_name)
            if not job.record.is_asked:
                job.asked(self._clock.monotonic_s())
                await self._save(job)
            return await self._watch(job, is_waited_for)
        finally:
            self._watched = None

    async def _ask(self, job: Job, *, knows_name: bool) -> None:
        viewer, record, status = self._viewer(), job.record, await self._status()
        if status.video is VideoState.IN_PROGRESS:
            raise SignalingUnavailable("the camera is still at work on another video")
        record.before = None if status.video is None else status.video.value
        # Whether it was sent is not known for sure after a kill.
        record.is_asking = True
        await self._save(job)
        if not knows_name:
            await viewer.set_job_name(record.job_name)
        self._watched = job
        await viewer.make_video()

    async def _watch(self, job: Job, is_waited_for: Callable[[], bool]) -> Outcome:
        while self._outcome is None:
            now_s = self._clock.monotonic_s()
            left_s = self._left_s(job, now_s, is_waited_for())
            if left_s <= 0:
                return Outcome(Verdict.UNCLEAR, self._silence(job, now_s))
            self._news.clear()
            had = job.record.has_begun
            await self._clock.wait(self._news, now_s + min(left_s, POLL_S))
            if not self._news.is_set():
                await self._poll(job)
            if job.record.has_begun and not had:
                await self._save(job)
        return self._outcome

    def _left_s(self, job: Job, now_s: float, is_waited_for: bool) -> float:
        limit_s = self._config.render_timeout_s
        if is_waited_for and not job.record.has_begun:
            limit_s = min(limit_s, REACTION_TIMEOUT_S)
        return limit_s - job.waited_s(now_s)

    def _silence(self, job: Job, now_s: float) -> str:
        if not job.record.has_begun:
            waited_s = job.waited_s(now_s)
            return f"for {waited_s:.0f} s the camera gave no sign of making the video"
        limit_s = self._config.render_timeout_s
        return f"the camera did not say within {limit_s:.0f} s that the video is done"

    async def _status(self) -> Status:
        viewer = self._viewer()
        await viewer.wait_ready(READY_TIMEOUT_S)
        return await viewer.status()

    async def _set_pace(self) -> str:
        """Tell interval and speed; what is wrong with them, or nothing."""
        viewer, config = self._viewer(), self._config
        try:
            if config.interval and config.profile == "seed":
                # Its schema has no other interval.
                await viewer.set_snapshot_interval(config.interval)
            elif config.interval:
                await viewer.set_timelapse_interval(config.interval)
            if config.fps:
                await viewer.set_timelapse_fps(config.fps)
        except (MessageUnsupported, SignalingOptionError) as error:
            return str(error)  # no reason to go without a timelapse
        return ""

    async def _poll(self, job: Job) -> None:
        """Ask how far it is; a camera that is away is waited for."""
        try:
            status = await self._viewer().status()
            if status.video is not None:
                self._take(job, status.video)
                return
            with contextlib.suppress(MessageUnsupported):
                for file in await self._viewer().files():
                    if job.record.job_name in _names(file.name):
                        self._take(job, OF_FILES.get(file.state))
        except (SignalingError, ClosedError) as error:
            log.debug("Prusa camera %s: %s", self._config.name, error)

    def _take(self, job: Job, state: VideoState | None) -> None:
        """Believe a state, unless it may be that of the video before."""
        is_news = job.record.has_begun or (
            state is not None and state.value != job.record.before
        )
        if state is VideoState.IN_PROGRESS:
            job.record.has_begun = True
        elif is_news and state is VideoState.DONE:
            self._outcome = DONE
        elif is_news and state is VideoState.FAILED:
            self._outcome = FAILED
        self._news.set()


def _names(file: str) -> tuple[str, str]:
    """What a file may have been called after: its name, and that without the kind."""
    return file, PurePosixPath(file).stem
