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
import logging
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import TimelapseError, TimelapseOptionError
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.tasks import TaskOwner

from .job import Job, JobState, boot_id
from .recorder import Recorder, Trigger
from .renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from moonraker_prusacam.config import TimelapseConfig

    from .recorder import FrameSource

log = logging.getLogger(__name__)

# print_stats' durations lag by up to 250 ms, and a loaded host adds to it.
SAME_PRINT_S = 10.0
KEPT_JOBS = 50
TRIGGERS = ("auto", "macro", "layer")
ENDED = ("complete", "cancelled", "error")
OUTCOMES = {
    PrintEventKind.COMPLETE: "complete",
    PrintEventKind.CANCELLED: "cancelled",
    PrintEventKind.ERROR: "error",
    PrintEventKind.SHUTDOWN: "error",
    PrintEventKind.STANDBY: "interrupted",
    PrintEventKind.SELECTED: "interrupted",
    PrintEventKind.DISCONNECTED: "interrupted",
}
BEGINNINGS = (
    PrintEventKind.STARTED,
    PrintEventKind.RESUMED,
    PrintEventKind.LAYER,
    PrintEventKind.SYNC,
)


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
            await asyncio.to_thread(recorder.job.save)
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
            if event.kind in BEGINNINGS and event.print and event.print.is_active:
                await self._ensure_job(event.print, event.monotonic_ns)
            elif (outcome := _outcome(event)) is not None:
                self._is_ignored = False
                self._is_over = event.kind is not PrintEventKind.SELECTED
                self._end(outcome)
            state = event.print
            if self._recorder and state and state.is_active and state.layer is not None:
                self._recorder.layer_changed(state.layer, event.monotonic_ns)

    async def start_job(self, options: Mapping[str, Any]) -> Job | None:
        """What the start macro asks for: ENABLE=0|1, TRIGGER=auto|macro|layer.

        Raises TimelapseOptionError for anything else. None when the print is not
        recorded.
        """
        enable, trigger = _parse_options(options, self._config.trigger)
        async with self._turn:
            self._is_ignored = not enable
            if not enable:
                await self._discard()
                return None
            if self._recorder is None:
                await self._open()
            if self._recorder is not None:
                self._recorder.job.record.trigger = trigger
            return self.active

    async def take_frame(self, layer: int | None, monotonic_ns: int) -> bool:
        """Take the frame that a macro asks for; False when it will not be taken."""
        async with self._turn:
            if self._recorder is None and not (self._is_ignored or self._is_over):
                await self._open()
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

    async def _ensure_job(self, state: PrintState, monotonic_ns: int) -> None:
        self._is_over = False
        if self._is_ignored:
            return
        started_s = monotonic_ns / 1e9 - state.total_duration_s
        if self._recorder and not _fits(self._recorder.job, state, started_s):
            self._end("interrupted")
        if self._recorder is None and self._config.enabled:
            await self._open()
        if self._recorder is None:
            return
        record = self._recorder.job.record
        if record.print_started_s is None or not record.filename:
            record.filename = record.filename or state.filename
            record.print_started_s = started_s
            await asyncio.to_thread(self._recorder.job.save)

    async def _open(self) -> None:
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
        await asyncio.to_thread(job.save)
        self._renderer.submit(job)
        done = [job for job in self._jobs if _is(job, JobState.DONE)]
        for old in done[:-KEPT_JOBS]:
            await self._remove(old)

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


def _outcome(event: PrintEvent) -> str | None:
    """How the print ended that ``event`` tells of; None where it tells of no end."""
    if event.kind in OUTCOMES:
        return OUTCOMES[event.kind]
    if event.kind not in (PrintEventKind.SYNC, PrintEventKind.FINISHED):
        return None
    if event.print is None or event.print.is_active:
        return None  # Klipper is not ready, so nothing is known
    return event.print.state if event.print.state in ENDED else "interrupted"


def _parse_options(options: Mapping[str, Any], trigger: str) -> tuple[bool, str]:
    chosen = {str(key).lower(): str(value).lower() for key, value in options.items()}
    trigger = chosen.pop("trigger", "") or trigger
    if trigger not in TRIGGERS:
        raise TimelapseOptionError(f"TRIGGER is not one of: {', '.join(TRIGGERS)}")
    enable = chosen.pop("enable", "1")
    if enable not in ("0", "1", "false", "true"):
        raise TimelapseOptionError("ENABLE is neither 0 nor 1")
    if chosen:
        raise TimelapseOptionError(f"unknown options: {', '.join(sorted(chosen))}")
    return enable in ("1", "true"), trigger


def _is(job: Job, state: JobState) -> bool:
    return job.record.state is state


def _fits(job: Job, state: PrintState, started_s: float) -> bool:
    """Whether ``state`` is that of the print that ``job`` records."""
    record = job.record
    if record.filename and state.filename and record.filename != state.filename:
        return False
    if record.print_started_s is None:
        # Opened by a macro: it fits a print that began at about that time.
        age_s = time.time() - record.created
        return abs(age_s - state.total_duration_s) < SAME_PRINT_S
    return (
        record.boot_id == boot_id()
        and abs(record.print_started_s - started_s) < SAME_PRINT_S
    )


def _load_jobs(jobs_path: Path) -> list[Job]:
    boot_id()  # reads a file, so not later on the event loop
    jobs_path.mkdir(parents=True, exist_ok=True)
    jobs = []
    for path in sorted(jobs_path.iterdir()):
        if not path.is_dir():
            continue
        try:
            jobs.append(Job.load(path))
        except TimelapseError as error:
            log.warning("Timelapse: left alone: %s", error)
    return jobs
