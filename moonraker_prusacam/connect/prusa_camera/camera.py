# A camera of Prusa's, and the timelapse that it makes of each print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of all that one ``[prusa_camera NAME]`` is about.

Signals of the printer become jobs; ``Turns`` has the camera do what they need, and
``Downloads`` gets what comes of it. Whatever the camera or Prusa Connect do, a print is
never held up, and each job ends in a phase that says in words what became of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.clock import SystemClock
from moonraker_prusacam.errors import TimelapseError, TimelapseOptionError
from moonraker_prusacam.print_follower import Begin, Drop, End, Learn, PrintFollower

from .access import Access
from .download import VideoDownload
from .downloads import Downloads, Ears, Progress
from .job import Phase
from .jobs import Jobs
from .keeper import Keeper, Listeners
from .notice import job_notice, message, shown, summary
from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from moonraker_prusacam.connect.clock import Clock
    from moonraker_prusacam.connect.signaling.messages import ClientTrigger, Status
    from moonraker_prusacam.print_follower import Step
    from moonraker_prusacam.print_job import PrintEvent
    from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
    from moonraker_prusacam.secret import Secret
    from moonraker_prusacam.signals import StartOptions

    from .delivery import MakePreview
    from .job import Job
    from .viewer import CameraViewer

log = logging.getLogger(__name__)

MAX_NAME_CHARACTERS = 255
MB = 1 << 20


class PrusaCamera:
    """One camera; ``videos_path`` tells where the UIs look for videos by now."""

    def __init__(
        self,
        config: PrusaCameraConfig,
        jobs_path: Path,
        videos_path: Callable[[], Path],
        open_viewer: Callable[[Secret], CameraViewer],
        notify: Callable[[dict[str, Any]], None],
        make_preview: MakePreview | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self._notify = notify
        self._clock = clock or SystemClock()
        self._state = ""
        self._is_closed = False
        self.jobs = Jobs(config.name, jobs_path, self._clock)
        self._follower = PrintFollower(is_eager=config.timelapse)
        access = Access(config)
        self._access = access
        self._keeper = Keeper(
            config.name,
            access,
            open_viewer,
            Listeners(self._state_changed, self._told, self._heard),
            self._clock,
        )
        self._turns = Turns(
            config,
            lambda: self.viewer,
            self.jobs,
            self._clock,
            self.jobs.save,
            self._changed,
        )
        self._downloads = Downloads(
            config,
            self.jobs,
            videos_path,
            VideoDownload(access, config.max_download_mb * MB),
            make_preview if config.preview_image else None,
            self._clock,
            Ears(self.jobs.save, self._changed, self._far),
        )
        # Signals are served one after the other, in the order of their arrival.
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Take up what an earlier run left, and look at the camera.

        Raises TimelapseError.
        """
        await self.jobs.load()
        await self._resume()
        await self._keeper.start()
        self._turns.start()
        self._downloads.start()

    async def aclose(self) -> None:
        """Stop; what the camera does goes on, and so do we after the next start.

        Idempotent.
        """
        if self._is_closed:
            return
        self._is_closed = True
        await self._turns.aclose()
        await self._downloads.aclose()
        await self._keeper.aclose()
        await self.jobs.save_open()

    @property
    def name(self) -> str:
        """The name of the section."""
        return self.config.name

    @property
    def viewer(self) -> CameraViewer:
        """What speaks to the camera now; raises ClosedError."""
        return self._keeper.viewer

    async def handle(self, event: PrintEvent) -> None:
        """Follow the printer."""
        async with self._turn:
            await self._take(self._follower.event(event))

    async def start_job(self, options: StartOptions) -> Job | None:
        """Record this print, or the next one; or do not. The job, if there is one."""
        async with self._turn:
            await self._take(self._follower.start(options))
            return self.jobs.recording

    async def end_job(self) -> bool:
        """Have a video made of what was recorded until now; False if nothing is."""
        async with self._turn:
            is_recording = self.jobs.recording is not None
            await self._take(self._follower.render())
            return is_recording

    async def render(self, identity: str | None = None) -> Job:
        """Ask the camera for the video of that job, else of the one of now.

        Where none is recorded, of the newest one that has no video. Raises
        TimelapseError.
        """
        async with self._turn:
            current = self.jobs.recording
            if current is not None and identity in (None, current.record.id):
                await self._take(self._follower.render())
                return current
            job = self.jobs.find(identity, Phase.FAILED, Phase.MISSED, Phase.DISCARDED)
            if current is not None:
                raise TimelapseError(
                    f"the camera records job {current.record.id} now; ask again when "
                    "that is over"
                )
            return await self._again(job, Phase.RENDERING)

    async def download(
        self, identity: str | None = None, job_name: str | None = None
    ) -> Job:
        """Ask Prusa Connect for the video of that job, or of that name, at once.

        Without either, of the newest job whose video is not there. Raises
        TimelapseError.
        """
        async with self._turn:
            if job_name is not None:
                return await self._download_named(job_name)
            job = self.jobs.find(identity, Phase.DOWNLOADING, Phase.FAILED)
            if not job.record.job_name:
                raise TimelapseError(f"the camera never heard of job {job.record.id}")
            if job.phase is not Phase.DOWNLOADING:
                return await self._again(job, Phase.DOWNLOADING)
            self._downloads.ask_soon(job)
            return job

    def brief(self) -> dict[str, Any]:
        """The connection and the jobs; nothing that the camera says of itself."""
        over = self.jobs.over
        return {
            "name": self.name,
            "timelapse": self.config.timelapse,
            "state": self._keeper.state,
            "reason": self._keeper.reason,
            "advice": self._keeper.advice,
            "jobs": [self.summary(job) for job in self.jobs.open],
            "last": self.summary(over[-1]) if over else None,
        }

    def status(self) -> dict[str, Any]:
        """All that is known, without secrets; nothing is asked for it."""
        return {
            **self.brief(),
            "server": self.config.server,
            "profile": self.config.profile,
            **self._keeper.report(),
        }

    def summary(self, job: Job) -> dict[str, Any]:
        """A job, with how far its download is."""
        told = summary(job) | {"camera": self.name}
        if job.phase is Phase.DOWNLOADING:
            progress = self._downloads.progress(job)
            next_in_s = self._downloads.next_in_s(job)
            told |= {
                "url": self._access.shown_url(job.record.job_name),
                "received_bytes": progress.size if progress else None,
                "length_bytes": progress.length if progress else None,
                "next_in_s": None if next_in_s is None else round(next_in_s, 1),
            }
        return told

    async def _resume(self) -> None:
        """Go on with what is recorded; of several such jobs, only the newest runs."""
        recording = [job for job in self.jobs if job.phase is Phase.RECORDING]
        for job in recording[:-1]:
            await self._over(job, End("interrupted"))
        before = [job for job in self.jobs if job.phase is not Phase.RECORDING]
        self._follower.resume(
            recording[-1].record if recording else None,
            before[-1].record if before else None,
        )

    async def _take(self, steps: Iterable[Step]) -> None:
        for step in steps:
            job = self.jobs.recording
            if isinstance(step, Begin):
                await self._begin(step)
            elif job is None:
                continue
            elif isinstance(step, Learn):
                if job.note_print(step.state, step.started_s):
                    await self.jobs.save(job)
                    self._turns.wake()
            elif isinstance(step, End):
                await self._over(job, step)
            elif isinstance(step, Drop):
                await self._discard(job)

    async def _begin(self, step: Begin) -> None:
        try:
            job = await self.jobs.create(
                filename=step.filename, print_started_s=step.started_s
            )
        except TimelapseError as error:
            log.error("Prusa camera %s: %s", self.name, error)  # noqa: TRY400
            return
        self._changed(job)

    async def _over(self, job: Job, step: End) -> None:
        record, now_s = job.record, self._clock.monotonic_s()
        record.outcome, record.over = step.outcome, time.time()
        if not step.is_asked and self.config.ending(step.outcome) == "discard":
            await self._discard(job)
            return
        if record.is_prepared:
            job.move(Phase.RENDERING, now_s)
        else:
            why = record.reason or self._keeper.reason or "it was over too soon"
            words = f"the camera did not record this print: {why}"
            job.move(Phase.MISSED, now_s, reason=words, advice=self._keeper.advice)
            log.warning("Prusa camera %s: %s", self.name, words)
        await self.jobs.save(job)
        self._changed(job)

    async def _discard(self, job: Job) -> None:
        job.move(Phase.DISCARDED, self._clock.monotonic_s())
        await self.jobs.save(job)
        if job.record.is_prepared:
            self._turns.stop_recording()
        self._changed(job)

    async def _again(self, job: Job, phase: Phase) -> Job:
        job.move(phase, self._clock.monotonic_s())
        job.record.only_once = ""
        await self.jobs.save(job)
        self._downloads.ask_soon(job)
        self._changed(job)
        return job

    async def _download_named(self, name: str) -> Job:
        is_name = 0 < len(name) <= MAX_NAME_CHARACTERS and name.isprintable()
        if not is_name or "/" in name or name.startswith("."):
            raise TimelapseOptionError("that cannot be the name of a video")
        for job in self.jobs:
            if job.record.job_name == name and job.phase is not Phase.DONE:
                raise TimelapseError(f"job {job.record.id} has that name")
        job = await self.jobs.create(
            phase=Phase.DOWNLOADING, filename=name, job_name=name
        )
        self._changed(job)
        return job

    def _changed(self, job: Job) -> None:
        self._notify(job_notice(self.name, job) | {"job": self.summary(job)})
        self._turns.wake()
        self._downloads.ask_soon()

    def _far(self, job: Job, progress: Progress) -> None:
        self._notify(
            {
                "event": "progress",
                "camera": self.name,
                "job": job.record.id,
                "received_bytes": progress.size,
                "length_bytes": progress.length,
                "msg": message(self.name, job),
            }
        )

    def _state_changed(self) -> None:
        state = self._keeper.state
        if state == self._state:
            return
        self._state = state
        self._notify(
            {
                "event": "state",
                "camera": self.name,
                "state": state,
                "reason": self._keeper.reason,
                "advice": self._keeper.advice,
            }
        )
        self._turns.wake()

    def _told(self, status: Status) -> None:
        self._turns.dialogue.told(status)

    def _heard(self, trigger: ClientTrigger) -> None:
        self._notify({"event": "video", "camera": self.name, **shown(trigger)})
        self._turns.dialogue.heard(trigger)
