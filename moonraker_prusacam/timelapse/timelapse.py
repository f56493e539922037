# The timelapse of each print, from its first signal to its video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides which job is recorded, and when it is over.

Signals of one print come in any order: the first macro may be 140 ms ahead of
``started``, an emergency stop ends in ``paused``, a killed Klipper says nothing but
``disconnected``. So a job begins with the first signal that a print runs, whichever it
is, and a signal that fits the running job never begins another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import TimelapseError
from moonraker_prusacam.print_job import PrintEventKind
from moonraker_prusacam.tasks import TaskOwner

from .job import Job, JobState, boot_id, remove_stillborn
from .recorder import Recorder, Trigger
from .renderer import Renderer
from .signals import BEGINNINGS, StartOptions, fits, outcome_of, parse_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig
    from moonraker_prusacam.print_job import PrintEvent, PrintState

    from .recorder import FrameSource

log = logging.getLogger(__name__)

KEPT_JOBS = 50


class Timelapse:
    """Records every print and renders it."""

    def __init__(
        self,
        config: TimelapseConfig,
        cameras: Mapping[str, FrameSource],
        jobs_path: Path,
        videos_path: Path,
        notify: Callable[[dict[str, Any]], None],
    ) -> None:
        self._config = config
        self._cameras = cameras
        self._jobs_path = jobs_path
        self._notify = notify
        self._recorder: Recorder | None = None
        self._opened_ns = 0  # the moment of the signal that opened the job
        self._options: StartOptions | None = None
        self._jobs: list[Job] = []
        # The running print is not recorded (any more), because someone said so.
        self._is_ignored = False
        self._is_over = False
        self._renderer = Renderer(config, videos_path, self._rendering)
        # Signals are served one after the other, in the order of their arrival.
        self._turn = asyncio.Lock()
        self._tasks = TaskOwner("timelapse")

    async def start(self) -> None:
        """Take up what an earlier run left; raises TimelapseError."""
        try:
            self._jobs = await asyncio.to_thread(_load_jobs, self._jobs_path)
        except OSError as error:
            raise TimelapseError(f"{self._jobs_path}: {error.strerror}") from error
        self._renderer.start()
        recording = [job for job in self._jobs if _is(job, JobState.RECORDING)]
        for job in self._jobs:
            if _is(job, JobState.RENDERING):
                self._renderer.submit(job)
        # Whether the last print still runs is told by the next event.
        resumed = recording.pop() if recording else None
        if resumed is not None and resumed.record.camera in self._cameras:
            await self._record(resumed)
        elif resumed is not None:
            recording.append(resumed)
        for job in recording:
            await self._close_job(job, "interrupted")

    async def aclose(self) -> None:
        """Stop recording; the job is continued after the next start. Idempotent."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await recorder.aclose()
            await self._save(recorder.job)
        await self._tasks.aclose()
        await self._renderer.aclose()

    @property
    def jobs(self) -> list[Job]:
        """All known jobs, the oldest first."""
        return list(self._jobs)

    @property
    def active(self) -> Job | None:
        """The job that is being recorded."""
        return None if self._recorder is None else self._recorder.job

    async def handle(self, event: PrintEvent) -> None:
        """Follow the printer."""
        async with self._turn:
            state = event.print
            if event.kind in BEGINNINGS and state and state.is_active:
                await self._ensure_job(event, state)
            elif (outcome := outcome_of(event)) is not None:
                await self._print_over(outcome, event)
            if self._recorder and state and state.is_active and state.layer is not None:
                self._recorder.layer_changed(state.layer, event.monotonic_ns)

    async def start_job(self, options: Mapping[str, Any]) -> Job | None:
        """What the start macro asks for: ENABLE=0|1, TRIGGER=auto|macro|layer.

        Raises TimelapseOptionError for anything else. None when the print is not
        recorded.
        """
        self._options = parse_options(options, self._config.trigger)
        async with self._turn:
            await self._begin(self._options)
            return self.active

    async def take_frame(self, layer: int | None, monotonic_ns: int) -> bool:
        """Take the frame that a macro asks for; False when it will not be taken."""
        async with self._turn:
            if self._recorder is None and not (self._is_ignored or self._is_over):
                await self._open(monotonic_ns)
            return self._recorder is not None and self._recorder.macro_called(
                layer, monotonic_ns
            )

    async def render(self) -> Job:
        """Render the job of now, else the newest that failed; raises TimelapseError."""
        async with self._turn:
            if self._recorder is not None:
                job = self._recorder.job
                self._is_ignored = True
                self._end("complete")
                return job
            for job in reversed(self._jobs):
                if _is(job, JobState.FAILED):
                    self._renderer.submit(job)
                    return job
        raise TimelapseError("there is nothing to render")

    async def _begin(self, options: StartOptions) -> None:
        self._is_ignored = not options.enable
        if self._is_ignored:
            await self._discard()
            return
        if self._recorder is None:
            await self._open(options.asked_ns)
        if self._recorder is not None:
            self._recorder.job.record.trigger = options.trigger
            await self._save(self._recorder.job)

    async def _print_over(self, outcome: str, event: PrintEvent) -> None:
        """End the job, unless ``event`` tells of the print before.

        Klipper takes up to 250 ms to answer what the component asks for an event, and
        Moonraker notes the selected file by a longer way than the macros that follow
        it. So a print that runs already was selected when it began.
        """
        self._is_ignored = False
        self._is_over = event.kind is not PrintEventKind.SELECTED
        over_ns = event.monotonic_ns
        if not self._is_over and event.print and event.print.is_active:
            over_ns -= int(event.print.total_duration_s * 1e9)
        if self._opened_ns <= over_ns:
            self._end(outcome)
        if self._options and self._options.asked_ns > over_ns:
            await self._begin(self._options)

    async def _ensure_job(self, event: PrintEvent, state: PrintState) -> None:
        self._is_over = False
        if self._is_ignored:
            return
        started_s = event.monotonic_ns / 1e9 - state.total_duration_s
        if self._recorder and not fits(self._recorder.job, state, started_s):
            self._end("interrupted")
        if self._recorder is None and event.kind is PrintEventKind.SYNC:
            # Rendered on request, before an engine that was restarted since.
            self._is_ignored = any(
                job.record.outcome == "complete"
                and job.record.print_started_s is not None
                and fits(job, state, started_s)
                for job in self._jobs
            )
            if self._is_ignored:
                return
        if self._recorder is None and self._config.enabled:
            await self._open(event.monotonic_ns)
        if self._recorder is None:
            return
        record = self._recorder.job.record
        if record.print_started_s is None or not record.filename:
            record.filename = record.filename or state.filename
            record.print_started_s = started_s
            await self._save(self._recorder.job)

    async def _open(self, monotonic_ns: int) -> None:
        name = self._config.camera or next(iter(self._cameras))
        try:
            job = await asyncio.to_thread(
                Job.create,
                self._jobs_path,
                camera=name,
                trigger=self._config.trigger,
            )
        except TimelapseError as error:
            log.error("Timelapse: this print is not recorded: %s", error)  # noqa: TRY400
            self._is_ignored = True
            return
        self._jobs.append(job)
        self._opened_ns = monotonic_ns
        await self._record(job)
        self._notify({"event": "recording", "job": summary(job)})

    async def _record(self, job: Job) -> None:
        recorder = Recorder(job, self._cameras[job.record.camera], self._frame_stored)
        await recorder.start()
        self._recorder = recorder

    def _end(self, outcome: str) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            # Frames that are still due must not keep the next print waiting.
            self._tasks.start("finish", self._finish(recorder, outcome))

    async def _finish(self, recorder: Recorder, outcome: str) -> None:
        await recorder.finish()
        await self._close_job(recorder.job, outcome)

    async def _discard(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await recorder.aclose()
            await self._remove(recorder.job)

    async def _close_job(self, job: Job, outcome: str) -> None:
        job.record.outcome = outcome
        if job.record.frames == 0:
            await self._remove(job)  # cancelled during heat-up: nothing to see
            return
        job.record.state = JobState.RENDERING
        await self._save(job)
        self._renderer.submit(job)
        done = [job for job in self._jobs if _is(job, JobState.DONE)]
        for old in done[:-KEPT_JOBS]:
            await self._remove(old)

    async def _save(self, job: Job) -> None:
        """Write the record; a disk that does not take it must not stop anything."""
        try:
            await asyncio.to_thread(job.save)
        except OSError as error:
            log.error("Timelapse: %s: %s", job.path, error.strerror)  # noqa: TRY400

    async def _remove(self, job: Job) -> None:
        self._jobs.remove(job)
        await asyncio.to_thread(job.remove)

    def _frame_stored(self, job: Job, trigger: Trigger) -> None:
        self._notify(
            {
                "event": "frame",
                "job": job.record.id,
                "frame": trigger.number,
                "layer": trigger.layer,
            }
        )

    def _rendering(self, job: Job, status: str) -> None:
        self._notify({"event": "render", "status": status, "job": summary(job)})


def summary(job: Job) -> dict[str, Any]:
    """A job as the control socket and the web show it."""
    record = job.record
    started = record.last_frame
    return {
        "id": record.id,
        "state": str(record.state),
        "filename": record.filename,
        "camera": record.camera,
        "outcome": record.outcome,
        "frames": record.frames,
        "gaps": record.gaps,
        "created": record.created,
        "finished": record.finished,
        "video": record.video,
        "video_bytes": record.video_bytes,
        "seconds_from_last_frame": (
            round(record.finished - started, 2) if record.finished and started else None
        ),
        "error": record.error,
    }


def _is(job: Job, state: JobState) -> bool:
    return job.record.state is state


def _load_jobs(jobs_path: Path) -> list[Job]:
    boot_id()  # reads a file, so not later on the event loop
    jobs_path.mkdir(parents=True, exist_ok=True)
    jobs = []
    for path in sorted(jobs_path.iterdir()):
        if not path.is_dir():
            continue
        try:
            job = Job.load(path)
        except TimelapseError as error:
            if not remove_stillborn(path):
                log.warning("Timelapse: left alone: %s", error)
            continue
        jobs.append(job)
        if _is(job, JobState.DONE):
            with contextlib.suppress(OSError):
                job.discard_frames()  # a kill may have come before it
    return jobs
