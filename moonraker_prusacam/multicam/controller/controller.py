# Recordings of prints by several devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The owner of all that ``[multicam]`` is about.

Signals of the printer and orders of people begin and end sessions; what devices are
asked for that runs in the background, so that a print is never held up, whatever they
do. One session records at a time, while those before it are collected.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import DiskRefused, MultiCamError, MultiCamRefused
from moonraker_prusacam.kernel_clock import read_clock
from moonraker_prusacam.print_follower import Begin, Drop, End, Learn, PrintFollower
from moonraker_prusacam.print_job import PrintEventKind
from moonraker_prusacam.signals import SAME_PRINT_S, StartOptions
from moonraker_prusacam.tasks import TaskOwner

from .browser import Browser
from .collector import Collector
from .delivery import write_session_sidecar
from .notice import (
    log_missing,
    log_progress,
    progress_notice,
    session_notice,
    status,
    summary,
    video_notice,
)
from .rendering.workshop import Workshop
from .roster import Roster
from .session import Phase, TakeState
from .sessions import Sessions
from .starter import Starter
from .turns import OPEN, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from pathlib import Path

    from moonraker_prusacam.multicam_options import MultiCamConfig, MultiCamSections
    from moonraker_prusacam.print_follower import Step
    from moonraker_prusacam.print_job import PrintEvent, PrintState

    from .rendering.tools import VideoTools
    from .rendering.work import Work
    from .roster import OwnDevice
    from .session import Session, Take

log = logging.getLogger(__name__)

PROGRESS_S = 2.0
GONE = (PrintEventKind.SHUTDOWN, PrintEventKind.DISCONNECTED)
"""The print is over, though Klipper's last word may be that it runs."""
PRINTING_BYTES_S = 2e6
"""What a download may take of the disk and the network beside a print."""
ESTIMATE_FACTOR, UNESTIMATED_S = 1.25, 300.0
"""A print may take so much longer than the slicer thinks; heating is in no estimate."""
CLOCK_NOT_SET = (
    "the clock of this host is not set, so offsets are guesses; see 'timedatectl'"
)


class MultiCamController:
    """Takes signals from ``start`` to ``aclose``."""

    def __init__(
        self,
        sections: MultiCamSections,
        config: MultiCamConfig,
        sessions_path: Path,
        videos_path: Callable[[], Path],
        notify: Callable[[dict[str, Any]], None],
        own: Callable[[], Iterable[OwnDevice]] = tuple,
        tools: VideoTools | None = None,
    ) -> None:
        """``tools``: videos are made of what is collected, as configured."""
        self.config = config
        self.roster = Roster(sections, own)
        self._videos_path = videos_path
        self._notify = notify
        self._browser = Browser(self.roster) if config.discover else None
        self._tasks = TaskOwner("multicam")
        self._follower = PrintFollower(is_eager=config.record_prints)
        self._sessions = Sessions(sessions_path)
        turns = Turns(self._sessions.known)
        self._starter = Starter(
            config, turns, self._sessions.save, self._changed, self.roster.locate
        )
        self._collector = Collector(
            config,
            sessions_path,
            videos_path,
            turns,
            self._changed,
            self._progressed,
            self.roster,
            lambda: PRINTING_BYTES_S if self._printing is not None else 0.0,
        )
        self._workshop: Workshop | None = None
        if tools is not None:
            self._workshop = Workshop(
                tools,
                config,
                videos_path,
                self._needs_host,
                self._changed,
                self._rendered,
            )
        self._starting: asyncio.Task[None] | None = None
        self._printing: PrintState | None = None
        self._asked: StartOptions | None = None  # when no print was known
        self._told_s = 0.0
        # Signals are served one after the other, in the order of their arrival.
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Take up what an earlier run left; raises MultiCamError."""
        await self._sessions.load()
        if self._browser is not None:
            self._browser.start()
        await self._resume()
        if self._workshop is not None:
            self._workshop.start()

    async def aclose(self) -> None:
        """Stop; devices go on, and so do we after the next start. Idempotent."""
        await self._tasks.aclose()
        if self._workshop is not None:
            await self._workshop.aclose()
        if self._browser is not None:
            await self._browser.aclose()

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """All that are known, the oldest first."""
        return [summary(session) for session in self._sessions.known]

    @property
    def recording(self) -> Session | None:
        """The one that records now."""
        return self._sessions.recording

    def status(self) -> dict[str, Any]:
        """Devices and open sessions; nobody is asked for it."""
        return status(
            self.config,
            self.roster.devices,
            self._browser,
            self._collector.totals,
            self._sessions,
        )

    async def handle(self, event: PrintEvent) -> None:
        """Follow the printer."""
        async with self._turn:
            self._note_print(event)
            recording = self.recording
            if recording is not None and recording.record.is_manual:
                if (asked := self._asked_in(event)) is None:
                    return
                recording.record.is_manual = False
                await self._take(self._follower.start(asked))
            await self._take(self._follower.event(event))

    async def start_recording(self, delay_s: float | None = None) -> Session:
        """Record the print that runs; without one, until somebody says stop.

        Raises MultiCamError.
        """
        return await self._whole(self._start_recording(delay_s))

    async def stop_recording(self) -> Session:
        """End what records and collect it; raises MultiCamRefused if nothing does."""
        return await self._whole(self._stop_recording())

    async def collect(self, identity: str | None = None) -> Session:
        """Fetch again what is missing of that session, else of the newest one.

        Raises MultiCamRefused.
        """
        return await self._whole(self._collect_again(identity))

    async def render(self, identity: str | None = None) -> Session:
        """Make the video of all angles of that session, else of the newest one.

        Raises MultiCamRefused.
        """
        return await self._whole(self._render(identity))

    async def _whole(self, order: Coroutine[Any, Any, Session]) -> Session:
        """Carry out ``order``, even if who gave it has left; raises MultiCamError.

        A session whose devices nobody stops, as half an order would leave it, is
        neither over nor can it be ended.
        """
        outcome = await asyncio.shield(self._tasks.start("order", _outcome(order)))
        if isinstance(outcome, MultiCamError):
            raise outcome
        return outcome

    async def _start_recording(self, delay_s: float | None) -> Session:
        async with self._turn:
            if (session := self.recording) is None:
                session = await self._begin_asked(delay_s)
            return session

    async def _stop_recording(self) -> Session:
        async with self._turn:
            session = self.recording
            if session is None:
                raise MultiCamRefused("nothing is recorded now")
            if session.record.is_manual:
                await self._over(session, "complete")
            else:
                await self._take(self._follower.render())
            return session

    async def _collect_again(self, identity: str | None) -> Session:
        async with self._turn:
            for session in reversed(self._sessions.known):
                record = session.record
                if identity not in (None, record.id) or record.phase is Phase.RECORDING:
                    continue
                if record.phase is Phase.COLLECTING:
                    return session
                if not session.ask_again() and identity is None:
                    continue
                record.phase, record.asked = Phase.COLLECTING, time.time()
                await self._changed(session)
                self._tasks.start("collect", self._collect(session))
                return session
        raise MultiCamRefused("there is no session with videos that are missing")

    async def _render(self, identity: str | None) -> Session:
        async with self._turn:
            for session in reversed(self._sessions.known):
                record = session.record
                is_there = any(take.video for take in record.takes)
                if identity not in (None, record.id) or not is_there:
                    continue
                if record.phase is not Phase.DONE:
                    raise MultiCamRefused("its videos are not all there yet")
                if self._workshop is not None:
                    await self._workshop.plan(session, is_asked=True)
                    await self._changed(session)
                return session
        raise MultiCamRefused("there is no session with videos")

    async def _resume(self) -> None:
        """Go on with what was recorded, and collect what was over."""
        known = self._sessions.known
        open_ = [s for s in known if s.record.phase is not Phase.DONE]
        recording = self.recording
        for session in open_:
            for take in session.record.takes:
                take.is_ordered |= take.state in OPEN  # a kill is faster than the disk
            if session.record.phase is Phase.COLLECTING:
                self._tasks.start("collect", self._collect(session))
            elif session is not recording:
                await self._over(session, "interrupted")
        for session in known:
            if self._workshop and session not in open_ and session.is_in_work:
                self._workshop.submit(session)
        before = [s for s in known if s is not recording]
        is_followed = recording is not None and not recording.record.is_manual
        self._follower.resume(
            recording.record if recording and is_followed else None,
            before[-1].record if before else None,
        )
        if recording is not None:
            work = self._starter.start(recording, is_resumed=True)
            self._starting = self._tasks.start("start", work)

    async def _take(self, steps: Iterable[Step], delay_s: float | None = None) -> None:
        for step in steps:
            session = self.recording
            if isinstance(step, Begin):
                if session is None:
                    await self._begin(step, delay_s=delay_s)
            elif session is None:
                continue
            elif isinstance(step, Learn):
                if (left_s := step.state.left_s) is not None:
                    self.roster.expect(left_s * ESTIMATE_FACTOR + UNESTIMATED_S)
                if session.note_print(step.state, step.started_s):
                    await self._sessions.save(session)
            elif isinstance(step, End):
                await self._over(session, step.outcome)
            elif isinstance(step, Drop):
                await self._over(session, "cancelled")

    async def _begin_asked(self, delay_s: float | None) -> Session:
        if not self.roster.devices:
            raise MultiCamRefused("there is no device to record with")
        printing = self._printing
        asked = StartOptions(True, "auto", time.monotonic_ns())
        if printing is not None:
            await self._take(self._follower.start(asked), delay_s)
            if self.recording is None:  # there was nobody when the print began
                await self._begin(Begin(printing.filename), delay_s=delay_s)
            if self.recording is not None:
                self.recording.record.filename = printing.filename
                await self._sessions.save(self.recording)
        else:
            self._asked = asked
            await self._begin(Begin(), is_manual=True, delay_s=delay_s)
        if (session := self.recording) is None:
            raise MultiCamError("the recording could not be begun; see the log")
        return session

    def _note_print(self, event: PrintEvent) -> None:
        """Whether a print runs, which comes before all that can wait."""
        if event.print is None:
            return
        if event.kind in GONE or not event.print.is_active:
            self._printing = None
        elif event.kind is not PrintEventKind.FINISHED:  # comes after those, too
            self._printing = event.print
        if self._workshop is not None:
            self._workshop.look()

    def _asked_in(self, event: PrintEvent) -> StartOptions | None:
        """The order for what is recorded, if it was given in the print of ``event``.

        A macro at the begin of a file is ahead of what tells that it is printed.
        """
        asked, state = self._asked, event.print
        if asked is None or state is None or not state.is_active:
            return None
        started_s = event.monotonic_ns / 1e9 - state.total_duration_s
        return asked if started_s <= asked.asked_ns / 1e9 + SAME_PRINT_S else None

    async def _begin(
        self, step: Begin, *, is_manual: bool = False, delay_s: float | None = None
    ) -> None:
        """Make a session and have all devices begin at one instant."""
        takes = self.roster.takes()
        if not takes:
            log.info("MultiCam: there is no device to record this print with")
            return
        if delay_s is None:
            delay_s = self.config.delay_s
        clock = await asyncio.to_thread(read_clock)
        try:
            session = await self._sessions.create(
                is_manual=is_manual,
                filename=step.filename,
                print_started_s=step.started_s,
                is_clock_set=clock.is_synchronized,
                warning="" if clock.is_synchronized else CLOCK_NOT_SET,
                takes=takes,
            )
        except MultiCamError as error:
            log.error("MultiCam: %s", error)  # noqa: TRY400
            return
        session.record.target = time.time() + delay_s
        self._starting = self._tasks.start("start", self._starter.start(session))
        log_progress(session)
        await self._changed(session)

    async def _over(self, session: Session, outcome: str) -> None:
        """No more is recorded; what is there is collected in the background."""
        starting, self._starting = self._starting, None
        if starting is not None:
            starting.cancel()
            await asyncio.wait([starting])
        record = session.record
        for take in record.takes:
            if take.state is TakeState.ORDERED and not take.is_ordered:
                take.fail(take.reason or "it was over before it was told to begin")
        record.phase, record.outcome, record.over = (
            Phase.COLLECTING,
            outcome,
            time.time(),
        )
        await self._changed(session)
        self._tasks.start("collect", self._collect(session))

    async def _collect(self, session: Session) -> None:
        await self._collector.collect(session)
        record = session.record
        try:
            await asyncio.to_thread(write_session_sidecar, session, self._videos_path())
        except DiskRefused as error:
            record.warning = str(error)
        record.phase, record.finished = Phase.DONE, time.time()
        log_progress(session)
        if self._workshop is not None:
            await self._workshop.plan(session)
        await self._changed(session)
        await self._sessions.forget_old()

    def _needs_host(self) -> str:
        """Why no video may be made now, in words."""
        if self._printing is not None:
            return "it waits for the end of the print"
        return "it waits for the end of a recording" if self.recording else ""

    async def _changed(self, session: Session) -> None:
        await self._sessions.save(session)
        log_missing(session)
        is_newest = session is self._sessions.known[-1]
        self._notify(session_notice(session, is_newest=is_newest))
        if self._workshop is not None:
            self._workshop.look()

    def _progressed(self, session: Session, take: Take) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= PROGRESS_S:
            self._told_s = now_s
            self._notify(progress_notice(session, take))

    def _rendered(self, session: Session, title: str, work: Work) -> None:
        self._notify(video_notice(session, title, work))


async def _outcome(order: Coroutine[Any, Any, Session]) -> Session | MultiCamError:
    """What is told to who gave an order: a refusal is no mistake of a task."""
    try:
        return await order
    except MultiCamError as error:
        return error
