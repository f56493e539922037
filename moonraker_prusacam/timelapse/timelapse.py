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
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import FramesNotFound, TimelapseError
from moonraker_prusacam.print_job import PrintEventKind
from moonraker_prusacam.signals import (
    BEGINNINGS,
    fits,
    outcome_of,
    parse_options,
    unseen_end,
)
from moonraker_prusacam.tasks import TaskOwner

from . import panel_settings
from .encoder import Encoder
from .job import Job, JobState
from .jobs import Jobs
from .library import Library, remove_orphans
from .look import Looks
from .notice import frame_notice, render_notice, summary
from .panel import Panel
from .recording import Recordings
from .recovery import load_jobs, opened
from .refusal import Refusal
from .remaker import Remaker
from .renderer import Renderer
from .retention import Retention
from .retiming import Retimer
from .sealer import Sealer
from .unrendered import ending, find_waiting, newest_waiting
from .wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from moonraker_prusacam.config import Config
    from moonraker_prusacam.print_job import PrintEvent, PrintState
    from moonraker_prusacam.signals import StartOptions

    from .recorder import FrameSource, Trigger
    from .recording import Recording

log = logging.getLogger(__name__)

# A picture of 1080p.
ESTIMATED_FRAME_BYTES = 200_000
SETTINGS = "timelapse-settings.json"
REFUSAL = "timelapse-refused.json"
WORK = "work"


class Timelapse:
    """Records every print and renders it."""

    def __init__(
        self,
        config: Config,
        cameras: Mapping[str, FrameSource],
        notify: Callable[[dict[str, Any]], None],
    ) -> None:
        assert config.timelapse is not None  # noqa: S101
        self._base = self._config = config.timelapse
        self._default_videos_path = config.videos_path
        self._settings_path = config.engine.state_path / SETTINGS
        self._cameras = cameras
        self._jobs_path = config.jobs_path
        self._notify = notify
        self._recording: Recording | None = None
        self._opened_ns = 0  # the moment of the signal that opened the job
        self._seen: PrintState | None = None  # the print that is recorded, lately
        self._options: StartOptions | None = None
        self._jobs = Jobs()
        self._refusal = Refusal(config.engine.state_path / REFUSAL)
        # The running print is not recorded (any more), because someone said so.
        self._is_ignored = False
        self._is_over = False
        camera_configs = {camera.name: camera for camera in config.cameras}
        self.panel = Panel(config.frames_path)
        self.library = Library(config.videos_path)
        self.retention = Retention(self.library, config.timelapse, WallClock())
        self._disk = DiskGuard(config.jobs_path, config.timelapse.reserve_mb << 20)
        self._work_path = config.engine.state_path / WORK
        self._looks = Looks((config.timelapse, *config.tracks), camera_configs)
        self._encoder = Encoder(config.timelapse, self._looks, self._work_path)
        self._sealer = Sealer(config.timelapse, self._encoder, self._disk)
        retimer = Retimer(
            self.library, self._encoder, config.timelapse, config.jobs_path
        )
        self._renderer = Renderer(
            config.timelapse,
            self._looks,
            config.videos_path,
            self._sealer,
            self._encoder,
            self._rendering,
        )
        self.remaker = Remaker(
            self._jobs, config.jobs_path, self.library, retimer, self._renderer
        )
        self._recordings = Recordings(
            (config.timelapse, *config.tracks),
            cameras,
            config.jobs_path,
            config.klippy_path,
            self._sealer,
            self._disk,
            self._frame_stored,
        )
        self._settings: Mapping[str, Any] = {}
        # Signals are served one after the other, in the order of their arrival.
        self._turn = asyncio.Lock()
        self._tasks = TaskOwner("timelapse")

    async def start(self) -> None:
        """Take up what an earlier run left; raises TimelapseError."""
        try:
            await asyncio.to_thread(self.panel.open)
            await asyncio.to_thread(self._refusal.load)
            self._apply(
                await asyncio.to_thread(panel_settings.load, self._settings_path)
            )
            self._jobs.add(
                await asyncio.to_thread(
                    load_jobs,
                    self._jobs_path,
                    self._work_path,
                    keep_frames=self._config.save_frames,
                )
            )
        except OSError as error:
            place = error.filename or self._jobs_path
            raise TimelapseError(f"{place}: {error.strerror}") from error
        await asyncio.to_thread(remove_orphans, self.videos_path)
        self._sealer.start()
        self._renderer.start()
        self.retention.start()
        recording = self._jobs.in_state(JobState.RECORDING)
        for job in self._jobs.in_state(JobState.RENDERING):
            self._renderer.submit(job)
        # Whether the last print still runs is told by the next event.
        running = [job for job in recording if job.record.outcome is None]
        newest = max(running, key=opened, default=None)
        resumed = [
            job
            for job in running
            if newest and job.record.print_id == newest.record.print_id
            if self._recordings.can_resume(job)
        ]
        for job in recording:
            if job not in resumed:
                await self._close_job(job, job.record.outcome or "interrupted")
        if resumed:
            self._recording = await self._recordings.resume(resumed)

    async def aclose(self) -> None:
        """Stop recording; the job is continued after the next start. Idempotent."""
        recording, self._recording = self._recording, None
        if recording is not None:
            await recording.aclose()
            for job in recording.jobs:
                await self._jobs.save(job)
        await self._tasks.aclose()
        await self.retention.aclose()
        await self._renderer.aclose()
        await self._sealer.aclose()

    @property
    def jobs(self) -> list[Job]:
        """All known jobs, the oldest first."""
        return list(self._jobs)

    @property
    def newest(self) -> Job | None:
        """The job of the last print, of the first track."""
        return self._jobs.newest

    @property
    def is_enabled(self) -> bool:
        """Whether the prints to come are recorded."""
        return self._config.enabled

    @property
    def camera(self) -> str:
        """Which camera records the first track."""
        return self._config.camera or next(iter(self._cameras))

    @property
    def active(self) -> Job | None:
        """The job that is being recorded."""
        return None if self._recording is None else self._recording.jobs[0]

    @property
    def videos_path(self) -> Path:
        """The folder of finished videos, which Moonraker may have chosen."""
        return self._renderer.videos_path

    @property
    def is_rendering(self) -> bool:
        """Whether a job is being rendered, or waits for it."""
        return bool(self._jobs.in_state(JobState.RENDERING))

    async def handle(self, event: PrintEvent) -> None:
        """Follow the printer."""
        async with self._turn:
            state = event.print
            if event.kind in BEGINNINGS and state and state.is_active:
                await self._ensure_job(event, state)
            elif (outcome := outcome_of(event)) is not None:
                await self._print_over(outcome, event)
            if self._recording and state and state.is_active:
                self._seen = state
                self._recording.print_changed(state, event.monotonic_ns)

    async def start_job(self, options: Mapping[str, Any]) -> Job | None:
        """What the start macro asks for: ENABLE=0|1, TRIGGER=auto|macro|layer.

        Raises TimelapseOptionError for anything else. None when the print is not
        recorded.
        """
        self._options = parse_options(options, self._config.trigger)
        async with self._turn:
            await self._begin(self._options)
            return self.active

    async def take_frame(
        self, layer: int | None, monotonic_ns: int, *, is_parked: bool = False
    ) -> bool:
        """Take the frame that a macro asks for; False when it will not be taken.

        ``is_parked``: the head stands where the macro wants it to be seen.
        """
        async with self._turn:
            if self._recording is None and not (self._is_ignored or self._is_over):
                await self._open(monotonic_ns)
            return self._recording is not None and self._recording.macro_called(
                layer, monotonic_ns, is_parked=is_parked
            )

    async def configure(self, settings: Mapping[str, Any]) -> None:
        """Take the settings of a panel over, and keep them; for what comes next."""
        self._apply(settings)
        try:
            await asyncio.to_thread(panel_settings.save, self._settings_path, settings)
        except OSError as error:
            log.warning("Timelapse: %s: %s", self._settings_path, error.strerror)

    async def enable(self, *, enabled: bool) -> None:
        """Record the prints to come, or do not; the panels show it."""
        await self.configure({**self._settings, "enabled": enabled})
        self._notify({"event": "settings", "settings": {"enabled": enabled}})

    def _apply(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._config = panel_settings.apply(self._base, settings, self._cameras)
        self._recordings.change_first(self._config)
        self._looks.change_first(self._config)
        self._encoder.config = self._config
        self._sealer.config = self._renderer.config = self._config
        folder = self._config.output_path or self._default_videos_path
        self._renderer.videos_path = self.library.folder = folder

    async def save_frames(self) -> str:
        """Put the frames of the newest job into a ZIP; raises TimelapseError.

        Returns the archive's name. Frames that are in a segment or a video already, and
        were not to be kept, come as that has them.
        """
        if (job := self._jobs.newest) is None:
            raise FramesNotFound("there are no frames to save")
        return await self._renderer.save_frames(job)

    async def name_videos(self, title: str) -> None:
        """Call the videos of the running print ``title``; raises TimelapseError."""
        async with self._turn:
            if self._recording is None:
                raise TimelapseError("no print is recorded")
            for job in self._recording.jobs:
                job.record.title = title
                await self._jobs.save(job)

    async def keep_interval(self, interval_s: float | None) -> bool:
        """Take frames by time as well, or no longer; False when nothing is recorded."""
        async with self._turn:
            if self._recording is not None:
                self._recording.keep_interval(interval_s)
            return self._recording is not None

    async def render(self, identity: str | None = None) -> Job:
        """Render the job of that id, else that of now, else the newest that waits.

        Where none waits, the last one is rendered again. Raises TimelapseError.
        """
        async with self._turn:
            if identity is None and self._recording is not None:
                job = self._recording.jobs[0]
                self._is_ignored = True
                await self._end("complete", must_render=True)
                return job
            if identity is not None:
                job = find_waiting(self._jobs, identity)
            else:
                job = newest_waiting(self._jobs) or await self._reopened()
            self._renderer.submit(job)
            return job

    async def wait_rendered(self, job: Job) -> None:
        """Return when ``job`` has its video; raises TimelapseError if it gets none."""
        await self._jobs.wait_rendered(job)

    async def _reopened(self) -> Job:
        """The last job, for another video of it; raises TimelapseError."""
        last = self._jobs.newest
        if last is None or not await self._renderer.reopen(last):
            raise TimelapseError("there is nothing to render")
        return last

    async def discard(self, identity: str) -> Job:
        """Give up a job that waits, and its frames; raises TimelapseError."""
        async with self._turn:
            job = find_waiting(self._jobs, identity)
            await self._jobs.remove(job)
            return job

    async def _begin(self, options: StartOptions) -> None:
        await asyncio.to_thread(self._refusal.note, options)
        self._is_ignored = not options.enable
        if self._is_ignored:
            await self._discard()
            return
        if self._recording is None:
            await self._open(options.asked_ns)
        if self._recording is not None:
            job = self._recording.jobs[0]
            job.record.trigger = options.trigger
            await self._jobs.save(job)

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
            await self._end(outcome if self._is_over else unseen_end(self._seen))
        if self._options and self._options.asked_ns > over_ns:
            await self._begin(self._options)

    async def _ensure_job(self, event: PrintEvent, state: PrintState) -> None:
        self._is_over = False
        if self._is_ignored:
            return
        started_s = event.monotonic_ns / 1e9 - state.total_duration_s
        known = self._recording and self._recording.jobs[0].record
        if known and not fits(known, state, started_s):
            await self._end(unseen_end(self._seen))
        if self._recording is None and event.kind is PrintEventKind.SYNC:
            # Refused or rendered on request, by an engine that was restarted since.
            self._is_ignored = self._refusal.covers(started_s) or any(
                job.record.outcome == "complete"
                and job.record.print_started_s is not None
                and fits(job.record, state, started_s)
                for job in self._jobs
            )
            if self._is_ignored:
                return
        if self._recording is None and self._config.enabled:
            await self._open(event.monotonic_ns)
        for job in self._recording.jobs if self._recording else ():
            record = job.record
            if record.print_started_s is None or not record.filename:
                record.filename = record.filename or state.filename
                record.print_started_s = started_s
                await self._jobs.save(job)
                await self._estimate(job, state)

    async def _estimate(self, job: Job, state: PrintState) -> None:
        """Tell early when the disk will not take all frames of a print."""
        frames = state.total_layers or 0
        lacking = await asyncio.to_thread(
            self._disk.lacking_bytes, frames, ESTIMATED_FRAME_BYTES
        )
        if lacking:
            log.warning(
                "Timelapse: some %d MB too little are free for %d layers; "
                "frames will be left out",
                lacking >> 20,
                frames,
            )
            self._notify(
                {"event": "space", "job": job.record.id, "lacking_bytes": lacking}
            )
            self.retention.look_soon()

    async def _open(self, monotonic_ns: int) -> None:
        try:
            self._recording = await self._recordings.open(None)
        except TimelapseError as error:
            log.error("Timelapse: this print is not recorded: %s", error)  # noqa: TRY400
            self._is_ignored = True
            return
        self._jobs.add(self._recording.jobs)
        self._opened_ns, self._seen = monotonic_ns, None
        for job in self._recording.jobs:
            self._notify({"event": "recording", "job": summary(job)})

    async def _end(self, outcome: str, *, must_render: bool = False) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            for job in recording.jobs:
                job.record.outcome = outcome
                await self._jobs.save(job)  # a kill must not make another end of it
            # Frames that are still due must not keep the next print waiting.
            self._tasks.start("finish", self._finish(recording, outcome, must_render))

    async def _finish(
        self, recording: Recording, outcome: str, must_render: bool
    ) -> None:
        await recording.finish()
        for job in recording.jobs:
            await self._close_job(job, outcome, must_render=must_render)

    async def _discard(self) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            await recording.aclose()
            for job in recording.jobs:
                await self._jobs.remove(job)

    async def _close_job(
        self, job: Job, outcome: str, *, must_render: bool = False
    ) -> None:
        job.record.outcome = outcome
        what = "render" if must_render else ending(self._config, outcome)
        # A print that was cancelled during heat-up has nothing to see.
        if job.record.frames == 0 or what == "discard":
            await self._jobs.remove(job)
            self._notify({"event": "discarded", "job": summary(job)})
            return
        if what == "keep":
            job.record.state = JobState.UNRENDERED
            await self._jobs.save(job)
            self._notify({"event": "unrendered", "job": summary(job)})
            return
        job.record.state = JobState.RENDERING
        await self._jobs.save(job)
        self._renderer.submit(job)
        await self._jobs.forget_old()

    async def _frame_stored(self, job: Job, trigger: Trigger, is_stored: bool) -> None:
        """Let the panels see the newest frame of the first track, and tell of it."""
        self._sealer.frame_stored()
        if is_stored and not job.record.track:
            try:
                await asyncio.to_thread(self.panel.show, job, job.record.frames)
            except OSError as error:
                log.warning("Timelapse: %s: %s", self.panel.folder, error.strerror)
        self._notify(frame_notice(job, trigger, self.panel, is_stored=is_stored))

    def _rendering(self, job: Job, status: str) -> None:
        if status == "success":
            self.retention.look_soon()
        self._jobs.note_change()
        self._notify(render_notice(job, status, self._config))
