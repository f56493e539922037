# Who makes the videos, and when.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One piece of one video at a time, while nobody else needs the host.

A print that begins ends the piece under way, which is made again later: a process
that waits would keep its memory for the whole print. How far each video is, is on the
disk; one that makes no progress is given up after a few attempts.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import DiskRefused, RenderError, TimelapseError
from moonraker_prusacam.motion import Motion
from moonraker_prusacam.multicam.controller.delivery import write_session_sidecar
from moonraker_prusacam.multicam.controller.session import Phase, TakeState
from moonraker_prusacam.tasks import TaskOwner

from .encoding import Encoding, is_of_jpegs
from .preview import Preview, lacks_preview
from .side_by_side import SideBySide
from .work import Work, WorkState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from pathlib import Path

    from moonraker_prusacam.multicam.controller.session import Session
    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .tools import VideoTools

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
RETRY_S = 5.0
LOOK_S = 5.0
STEP_BYTES = 64 << 20  # what a piece takes on its way, and some more
MB = 1_000_000


class Job(Protocol):
    """A video that is made step by step; see ``SideBySide``."""

    work: Work
    title: str
    done: int
    total: int

    @property
    def is_hardware(self) -> bool:
        """Whether it is encoded by another than libx264."""

    async def prepare(self) -> None:
        """Find out what is to be done; raises RenderError and OSError."""

    async def step(self) -> None:
        """One of ``total`` steps; raises RenderError and OSError."""

    async def finish(self) -> None:
        """Make the video of the steps; raises TimelapseError and OSError."""

    def room_bytes(self) -> int:
        """What ``finish`` takes of the disk; raises OSError."""

    def discard(self) -> None:
        """Remove all that is not the video."""


class _Hopeless(RenderError):
    """What another attempt would not mend."""


class Workshop:
    """Serves sessions that are collected, one after the other.

    ``must_stop`` says in words why nothing may be done now, ``changed`` saves a session
    and tells of it, ``progressed`` only tells.
    """

    def __init__(
        self,
        tools: VideoTools,
        config: MultiCamConfig,
        videos_path: Callable[[], Path],
        must_stop: Callable[[], str],
        changed: Callable[[Session], Awaitable[None]],
        progressed: Callable[[Session, str, Work], None],
    ) -> None:
        self._tools = tools
        self._config = config
        self._videos_path = videos_path
        self._must_stop = must_stop
        self._changed = changed
        self._progressed = progressed
        self._motion: Motion | None = None
        # Whoever waits here is not submitted again: there are never more than sessions.
        self._waiting: asyncio.Queue[Session] = asyncio.Queue()
        self._queued: list[Session] = []
        self._looked = asyncio.Event()
        self._tasks = TaskOwner("multicam-videos")

    def start(self) -> None:
        """Begin to serve the queue."""
        self._tasks.start("queue", self._run())

    async def aclose(self) -> None:
        """Stop; what is open goes on after the next start. Idempotent."""
        await self._tasks.aclose()

    def look(self) -> None:
        """Something may have begun that comes first, or ended."""
        self._looked.set()

    async def plan(self, session: Session, *, is_asked: bool = False) -> None:
        """Note in its record what is to be made, then make it.

        ``is_asked``: somebody wants the video of all angles, whatever is configured.
        """
        record, folder = session.record, self._videos_path()
        if self._config.encode:
            for take in record.takes:
                if take.encoding is None or not take.encoding.is_open:
                    needs = await asyncio.to_thread(is_of_jpegs, session, take, folder)
                    take.encoding = Work() if needs else take.encoding
        for take in record.takes:
            if await asyncio.to_thread(lacks_preview, session, take, folder):
                take.preview = Work()
        has_any = any(take.state is TakeState.COLLECTED for take in record.takes)
        is_missing = record.video is None or record.video.state is WorkState.FAILED
        is_wanted = is_missing and self._config.video == "side_by_side"
        is_open = record.video is not None and record.video.is_open
        if (is_asked or is_wanted) and has_any and not is_open:
            record.video = Work()
        if session.is_in_work:
            self.submit(session)

    def submit(self, session: Session) -> None:
        """Make what its record says, after those that wait already."""
        if session not in self._queued:
            self._queued.append(session)
            self._waiting.put_nowait(session)

    async def _run(self) -> None:
        with suppress(OSError):
            await self._tools.encoders.clean()
        while True:
            session = await self._waiting.get()
            self._queued.remove(session)
            await self._watched(session)

    async def _watched(self, session: Session) -> None:
        """Make all videos of a session, with an eye on Klipper."""
        motion = None
        if self._tools.klippy_path is not None:
            self._motion = motion = Motion(self._tools.klippy_path)
            motion.start()
        try:
            for job in self._jobs(session):
                await self._make(session, job)
            await self._tell(session)
        finally:
            self._motion = None
            if motion is not None:
                await motion.aclose()

    async def _tell(self, session: Session) -> None:
        """Bring the note beside the videos up to date, if it is still there."""
        folder, note = self._videos_path(), session.record.sidecar
        if note is not None and await asyncio.to_thread((folder / note).exists):
            try:
                await asyncio.to_thread(write_session_sidecar, session, folder)
            except DiskRefused as error:
                log.warning("MultiCam: %s", error)

    def _jobs(self, session: Session) -> list[Job]:
        """What is open, recordings first: what they become is quicker to read.

        Last what nobody is told to wait for.
        """
        record = session.record
        jobs: list[Job] = [
            Encoding(session, take, take.encoding, self._tools, self._videos_path)
            for take in record.takes
            if take.encoding is not None and take.encoding.is_open
        ]
        if record.video is not None and record.video.is_open:
            jobs.append(
                SideBySide(
                    session,
                    record.video,
                    self._tools,
                    self._config,
                    self._videos_path,
                    self._disk(session),
                )
            )
        jobs += [
            Preview(session, take, take.preview, self._tools, self._videos_path)
            for take in record.takes
            if take.preview is not None and take.preview.is_open
        ]
        return jobs

    async def _make(self, session: Session, job: Job) -> None:
        work = job.work
        if work.attempts >= MOST_ATTEMPTS:
            work.fail(f"{MOST_ATTEMPTS} attempts ended in the same place")
        elif work.state is WorkState.RENDERING:
            work.state = WorkState.WAITING  # a kill came amid it
        while work.is_open:
            try:
                await self._complete(session, job)
            except asyncio.CancelledError:
                work.rest("")
                await asyncio.to_thread(session.save)
                raise
            except _Hopeless as error:
                log.error("MultiCam: %s: %s", job.title, error)  # noqa: TRY400
                work.fail(str(error))
            except TimelapseError as error:
                await self._failed(job, str(error))
            except OSError as error:
                place = error.filename or session.path
                await self._failed(job, f"{place}: {error.strerror}")
            except Exception:
                log.exception("MultiCam: %s", job.title)
                await self._failed(job, "a mistake of ours; the log tells more")
            else:
                work.state, work.reason, work.progress = WorkState.DONE, "", 1.0
                work.attempts = 0
                log.info("MultiCam: %s is done", job.title)
        if work.state is WorkState.FAILED:
            await asyncio.to_thread(job.discard)
        await self._changed(session)

    async def _failed(self, job: Job, reason: str) -> None:
        work = job.work
        work.attempts += work.state is not WorkState.RENDERING  # it came to nothing
        if job.is_hardware:
            log.warning(
                "MultiCam: %s: libx264 goes on, since its encoder failed: %s",
                job.title,
                reason,
            )
            self._tools.encoders.distrust()
            await asyncio.to_thread(job.discard)
            work.attempts = 0
        elif work.attempts >= MOST_ATTEMPTS:
            log.error("MultiCam: %s is given up: %s", job.title, reason)
            work.fail(reason)
            return
        work.state, work.reason = WorkState.WAITING, reason
        await asyncio.sleep(RETRY_S)

    async def _complete(self, session: Session, job: Job) -> None:
        """Make the video from where it is; raises TimelapseError and OSError."""
        work = job.work
        await self._free(session, job, 0)
        try:
            await job.prepare()
        except RenderError as error:
            raise _Hopeless(str(error)) from error
        while job.done < job.total:
            await self._free(session, job, STEP_BYTES)
            if not await self._uninterrupted(job.step()):
                continue
            work.progress = job.done / job.total
            if work.attempts > 1 or job.done == 1:
                work.attempts = 1
                await self._changed(session)
            else:
                self._progressed(session, job.title, work)
        room_bytes = await asyncio.to_thread(job.room_bytes)
        await self._free(session, job, room_bytes)
        await job.finish()

    async def _free(self, session: Session, job: Job, size_bytes: int) -> None:
        """Wait until nobody needs the host, and there is room.

        Raises RenderError when for too long there is none, and that is all it lacks:
        a disk that is full amid a print may have room after it.
        """
        work, until = job.work, math.inf
        while True:
            self._looked.clear()
            lacking = await asyncio.to_thread(self._lacking, session, size_bytes)
            reason = self._waits_for(session)
            if reason or not lacking:
                until = math.inf
            else:
                now_s = time.monotonic()
                until = min(until, now_s + self._config.collect_timeout_s)
                if now_s > until:
                    raise _Hopeless(f"its time was over: {lacking}")
            reason = reason or lacking
            if not reason:
                break
            if (work.state, work.reason) != (WorkState.WAITING, reason):
                work.rest(reason)
                log.info("MultiCam: %s: %s", job.title, reason)
                await self._changed(session)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._looked.wait()
            except TimeoutError:
                pass
        if work.state is not WorkState.RENDERING:
            work.begin()
            await self._changed(session)

    def _waits_for(self, session: Session) -> str:
        """Why the next piece has to wait, in words."""
        if reason := self._must_stop():
            return reason
        if session.record.phase is not Phase.DONE:
            return "its videos are collected"
        if self._motion is not None and self._motion.is_busy:
            return f"Klipper is busy: {self._motion.busy_reason}"
        return self._tools.occupied_by()

    def _lacking(self, session: Session, size_bytes: int) -> str:
        """What is missing of the room for so many bytes, in words."""
        folder = self._videos_path()
        folder.mkdir(parents=True, exist_ok=True)
        for guard in (self._disk(session), DiskGuard(folder, self._reserve_bytes)):
            try:
                guard.require(size_bytes)
            except DiskRefused as error:
                return str(error)
        return ""

    async def _uninterrupted(self, step: Coroutine[Any, Any, None]) -> bool:
        """Do ``step`` to its end, unless something comes first; what it raises."""
        task = self._tasks.start("piece", _outcome(step))
        try:
            while not task.done():
                looked = self._tasks.start("look", self._looked.wait())
                await asyncio.wait({task, looked}, return_when=asyncio.FIRST_COMPLETED)
                looked.cancel()
                self._looked.clear()
                if not task.done() and self._must_stop():
                    return False
            if (error := task.result()) is not None:
                raise error
            return True
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _disk(self, session: Session) -> DiskGuard:
        return DiskGuard(session.path, self._reserve_bytes)

    @property
    def _reserve_bytes(self) -> int:
        return self._config.reserve_mb * MB


async def _outcome(step: Coroutine[Any, Any, None]) -> Exception | None:
    """What a step raised, for the one who waits for it."""
    try:
        await step
    except (TimelapseError, OSError) as error:
        return error
    return None
