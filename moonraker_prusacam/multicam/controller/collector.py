# From a session that is over to its videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops each device, fetches its video and delivers it, all devices side by side.

A device that is away is asked again until the time for that is over; what else goes
wrong ends its take, with the reason. After a restart each take goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import (
    DiskRefused,
    MultiCamError,
    MultiCamRefused,
    MultiCamUnavailable,
    RecordingNotFound,
)

from . import orders
from .delivery import is_published, publish_take
from .download import Download
from .exchange import retried
from .own_file import take_over
from .part_file import broken_part
from .session import TakeState
from .turns import OPEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .roster import Roster
    from .session import Session, Take
    from .turns import Turns

log = logging.getLogger(__name__)

AGAIN_S = 30.0  # for a device that is away, or a disk that is full
MAX_PAUSE_S = 600.0
MB = 1_000_000

LOOK_S = 30.0
SLOW_BYTES_S = 100_000.0
"""Who is slower over ``LOOK_S`` does not count among those that download at once."""


@attrs.define
class Totals:
    """What came of takes since the engine began; one asked for again counts again."""

    videos: int = 0
    missing: int = 0
    size_bytes: int = 0

    def count(self, take: Take) -> None:
        """``take`` is over."""
        if take.state is TakeState.COLLECTED:
            self.videos += 1
            self.size_bytes += take.size_bytes or 0
        elif take.state is TakeState.FAILED:
            self.missing += 1


class Collector:
    """Ends takes; ``changed`` is told of each step of one, and saves the session.

    ``roster`` knows where devices are now, and which are of this host.
    """

    def __init__(
        self,
        config: MultiCamConfig,
        sessions_path: Path,
        videos_path: Callable[[], Path],
        turns: Turns,
        changed: Callable[[Session], Awaitable[None]],
        progressed: Callable[[Session, Take], None],
        roster: Roster,
        rate: Callable[[], float],
    ) -> None:
        self._config = config
        self._roster = roster
        self._rate = rate
        self._sessions_path = sessions_path
        self._videos_path = videos_path
        self._turns = turns
        self._changed = changed
        self._progressed = progressed
        self._downloads = Download(config.max_download_mb * MB, self._guards, rate)
        self._slots = asyncio.Semaphore(config.parallel)
        self.totals = Totals()
        # One at a time: two videos must not choose the same name.
        self._delivering = asyncio.Lock()

    async def collect(self, session: Session) -> None:
        """End all takes; never raises for what a device or the disk does."""
        takes = session.record.takes
        wanted = [take for take in takes if take.state is not TakeState.COLLECTED]
        await asyncio.gather(*(self._conclude(session, take) for take in wanted))
        for take in wanted:
            self.totals.count(take)

    async def _conclude(self, session: Session, take: Take) -> None:
        """Try until the take is over, or the time is."""
        over = session.record.asked or session.record.over or time.time()
        until = time.monotonic() + self._config.collect_timeout_s
        until -= min(max(0.0, time.time() - over), self._config.collect_timeout_s)
        pause_s = AGAIN_S
        while not take.is_over:
            if not await self._try(session, take, until):
                await asyncio.sleep(min(pause_s, max(0.0, until - time.monotonic())))
                if take.received_bytes:  # what breaks again and again costs the disk
                    pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def _try(self, session: Session, take: Take, until: float) -> bool:
        """One step; False if the take waits for a device or a disk."""
        try:
            await self._step(session, take)
        except (MultiCamUnavailable, DiskRefused) as error:
            take.reason = str(error)
            if time.monotonic() < until:
                await self._changed(session)
                return False
            take.fail(f"its time was over: {error}")
        except MultiCamError as error:
            take.fail(str(error))
        except Exception:
            log.exception("MultiCam device %s", take.name)
            take.fail("a mistake of ours; the log tells more")
        if take.state is TakeState.FAILED:
            await asyncio.to_thread(self._tell_rest, session, take)
        await self._changed(session)
        return True

    async def _step(self, session: Session, take: Take) -> None:
        """Take the take one state further; raises MultiCamError or DiskRefused."""
        self._roster.locate(take)
        if take.state is TakeState.STOPPED:
            await self._fetch_in_turn(session, take)
            return
        async with self._turns.at(take.address):
            if take.state in OPEN:  # nobody has stopped it meanwhile
                await self._stop(session, take)

    async def _stop(self, session: Session, take: Take) -> None:
        record = session.record
        since = self._turns.ordered_since(session, take)
        limit_s = self._config.stop_timeout_s
        others = self._turns.files_of_others(session, take)
        await orders.stop(take, record.created, record.target, limit_s, since, others)
        if take.state is TakeState.STOPPED and (other := _twin(session, take)):
            take.leave_to(other)

    async def _fetch_in_turn(self, session: Session, take: Take) -> None:
        """Fetch in a slot, which a device that is slow does not keep from others."""
        loop = asyncio.get_running_loop()
        await self._slots.acquire()
        has_slot = True
        timer: asyncio.TimerHandle

        def look(before_bytes: int) -> None:
            nonlocal has_slot, timer
            if take.received_bytes - before_bytes < SLOW_BYTES_S * LOOK_S:
                has_slot = False
                self._slots.release()
            else:
                timer = loop.call_later(LOOK_S, look, take.received_bytes)

        take.received_bytes = 0
        timer = loop.call_later(LOOK_S, look, 0)
        try:
            await self._fetch(session, take)
        finally:
            timer.cancel()
            if has_slot:
                self._slots.release()

    async def _fetch(self, session: Session, take: Take) -> None:
        folder, part = self._videos_path(), session.part(take)
        was_whole = bool(take.sha256)
        if was_whole and await asyncio.to_thread(is_published, session, take, folder):
            take.state = TakeState.COLLECTED
            return
        if not (was_whole and await asyncio.to_thread(is_whole, part, take)):
            await self._download(session, take)
        async with self._delivering:
            await asyncio.to_thread(publish_take, session, take, folder)
        take.state, take.reason = TakeState.COLLECTED, ""

    def _guards(self) -> list[DiskGuard]:
        reserve_bytes = self._config.reserve_mb * MB
        folders = (self._sessions_path, self._videos_path())
        return [DiskGuard(folder, reserve_bytes) for folder in folders]

    async def _download(self, session: Session, take: Take) -> None:
        """Fetch the whole file, with a few tries where the network fails."""
        recording = take.recording
        if recording is None:
            raise RecordingNotFound("nobody knows what its recording is called")

        def progressed(received_bytes: int, size_bytes: int) -> None:
            take.received_bytes, take.size_bytes = received_bytes, size_bytes
            self._progressed(session, take)

        part, fetched = session.part(take), None
        own = await asyncio.to_thread(self._roster.own_file, take)
        if own is not None:
            fetched = await take_over(own, part, self._rate, progressed)
        if fetched is None:
            try:
                fetched = await retried(
                    lambda: self._downloads.fetch(
                        take.address, recording, part, progressed
                    )
                )
            except MultiCamRefused:
                await orders.recognise(take)  # another device has no such file
                raise
        if take.told_bytes and take.told_bytes != fetched.size_bytes:
            take.warning = take.warning or (
                f"it told of {take.told_bytes} octets and sent {fetched.size_bytes}"
            )
        take.size_bytes, take.sha256 = fetched.size_bytes, fetched.sha256
        take.suffix, take.file_name = fetched.suffix, fetched.told_name
        await self._changed(session)

    def _tell_rest(self, session: Session, take: Take) -> None:
        """Say where the begin of a video is, of which no more can be had."""
        part = session.part(take)
        for rest in (part, broken_part(part)):
            with suppress(OSError):
                if rest.stat().st_size:
                    take.reason += f"; what came of it is kept as {rest}"
                    return


def _twin(session: Session, take: Take) -> Take | None:
    """Who has the same recording: of a device with two names one take is fetched.

    An id alone proves nothing, since any device can say that of another.
    """
    keys = {take.file_id, take.file_name} - {None}
    for other in session.record.takes:
        is_same = other is not take and other.device_id == take.device_id
        is_there = other.state in (TakeState.STOPPED, TakeState.COLLECTED)
        if is_same and is_there and keys & {other.file_id, other.file_name}:
            return other
    return None


def is_whole(part: Path, take: Take) -> bool:
    """Whether an earlier run fetched the whole file and did not deliver it."""
    try:
        return part.stat().st_size == take.size_bytes
    except OSError:
        return False
