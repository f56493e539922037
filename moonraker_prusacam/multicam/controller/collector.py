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
from typing import TYPE_CHECKING

from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import (
    DiskRefused,
    MultiCamError,
    MultiCamUnavailable,
    RecordingNotFound,
)

from . import orders
from .delivery import is_published, publish_take
from .download import Download, broken_part
from .exchange import retried
from .session import TakeState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .session import Session, Take

log = logging.getLogger(__name__)

AGAIN_S = 30.0  # for a device that is away, or a disk that is full
MB = 1_000_000


class Collector:
    """Ends takes; ``changed`` is told of each step of one, and saves the session.

    ``locate`` tells a take where its device is now.
    """

    def __init__(
        self,
        config: MultiCamConfig,
        sessions_path: Path,
        videos_path: Callable[[], Path],
        changed: Callable[[Session], Awaitable[None]],
        progressed: Callable[[Session, Take], None],
        locate: Callable[[Take], None],
    ) -> None:
        self._config = config
        self._locate = locate
        self._sessions_path = sessions_path
        self._videos_path = videos_path
        self._changed = changed
        self._progressed = progressed
        self._slots = asyncio.Semaphore(config.parallel)
        # One at a time: two videos must not choose the same name.
        self._delivering = asyncio.Lock()

    async def collect(self, session: Session) -> None:
        """End all takes; never raises for what a device or the disk does."""
        await asyncio.gather(
            *(self._conclude(session, take) for take in session.record.takes)
        )

    async def _conclude(self, session: Session, take: Take) -> None:
        """Try until the take is over, or the time is."""
        over = session.record.over or time.time()
        until = time.monotonic() + self._config.collect_timeout_s
        until -= min(max(0.0, time.time() - over), self._config.collect_timeout_s)
        while not take.is_over:
            if not await self._try(session, take, until):
                await asyncio.sleep(min(AGAIN_S, max(0.0, until - time.monotonic())))

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
        record = session.record
        self._locate(take)
        if take.state is TakeState.STOPPED:
            async with self._slots:
                await self._fetch(session, take)
        else:
            limit_s = self._config.stop_timeout_s
            await orders.stop(take, record.created, record.target, limit_s)

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

    async def _download(self, session: Session, take: Take) -> None:
        """Fetch the whole file, with a few tries where the network fails."""
        recording = take.recording
        if recording is None:
            raise RecordingNotFound("nobody knows what its recording is called")
        reserve_bytes = self._config.reserve_mb * MB
        folders = (self._sessions_path, self._videos_path())
        guards = [DiskGuard(folder, reserve_bytes) for folder in folders]
        download = Download(self._config.max_download_mb * MB, guards)

        def progressed(received_bytes: int, size_bytes: int) -> None:
            take.received_bytes, take.size_bytes = received_bytes, size_bytes
            self._progressed(session, take)

        fetched = await retried(
            lambda: download.fetch(
                take.address, recording, session.part(take), progressed
            )
        )
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
            if rest.exists() and rest.stat().st_size:
                take.reason += f"; what came of it is kept as {rest}"
                return


def is_whole(part: Path, take: Take) -> bool:
    """Whether an earlier run fetched the whole file and did not deliver it."""
    try:
        return part.stat().st_size == take.size_bytes
    except OSError:
        return False
