# From an order to devices that record.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has all devices of a session begin at one instant, each on its own.

A device that still records the print before is stopped first, and begins late.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import MultiCamError

from . import orders
from .session import Take, TakeState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from moonraker_prusacam.multicam_options import MultiCamConfig

    from .session import Session, SessionRecord
    from .turns import Turns

STEP_S = 0.1
"""What a clock that is kept right never moves at once."""

MAX_TAKES = 128
"""Of one session: an engine that dies again and again must not fill its record."""

CLOCK_WAS_SET = "the clock of this host was set meanwhile, so nobody knows the offsets"


class Starter:
    """Starts takes; ``saved`` keeps a session, ``changed`` tells of it as well.

    ``locate`` tells a take where its device is now.
    """

    def __init__(
        self,
        config: MultiCamConfig,
        turns: Turns,
        saved: Callable[[Session], Awaitable[None]],
        changed: Callable[[Session], Awaitable[None]],
        locate: Callable[[Take], None],
    ) -> None:
        self._config = config
        self._turns = turns
        self._saved = saved
        self._changed = changed
        self._locate = locate

    async def start(self, session: Session, *, is_resumed: bool = False) -> None:
        """Have each device begin that has not yet said that it records."""
        record = session.record
        if record.target is None:  # a kill was faster than the disk
            record.target = time.time() + self._config.delay_s
        if is_resumed:
            await asyncio.gather(
                *(self._look_after(session, take) for take in list(record.takes))
            )
        waiting = [take for take in record.takes if take.state is TakeState.ORDERED]
        ahead_s = _ahead_of_monotonic_s()
        await asyncio.gather(
            *(self._start(session, take, is_resumed=is_resumed) for take in waiting)
        )
        if abs(_ahead_of_monotonic_s() - ahead_s) > STEP_S:
            record.warning = CLOCK_WAS_SET
            for take in waiting:
                take.clock_offset_s, take.is_offset_unknown = None, True
        await self._changed(session)

    async def _start(self, session: Session, take: Take, *, is_resumed: bool) -> None:
        record = session.record
        target = record.target or 0.0
        self._locate(take)
        # One that has moved may be asked for where it was.
        places = [its.address for _, its in self._turns.unstopped(session, take)]
        async with self._turns.at(take.address, *places):
            for other, its in self._turns.unstopped(session, take):
                self._locate(its)
                await self._stop(other, its)
            is_ours = await orders.start(
                take,
                target,
                is_clock_set=record.is_clock_set is not False,
                is_resumed=is_resumed,
            )
        if not is_ours and (twin := _ordered_as(record, take)):
            take.leave_to(twin)
        await self._saved(session)  # whom we have record must never be forgotten
        if not take.is_over:
            await orders.verify(take, target)
        await self._changed(session)

    async def _look_after(self, session: Session, take: Take) -> None:
        """Have a device that was restarted with us begin again, as another take."""
        record = session.record
        if take.state is not TakeState.RECORDING or len(record.takes) >= MAX_TAKES:
            return
        self._locate(take)
        async with self._turns.at(take.address):
            others = self._turns.files_of_others(session, take)
            if not await orders.has_ended(take, record.created, others):
                return
            again = Take(
                name=take.name,
                known_as=take.device_name,
                camera=take.camera,
                host=take.host,
                port=take.port,
                file_key=take.file_key,
            )
            if take.recording is None:
                record.takes[record.takes.index(take)] = again
                return
            take.state = TakeState.STOPPED
            names = {each.name for each in record.takes}
            number = 2
            while again.name in names:
                again.name = f"{take.name} {number}"
                number += 1
            record.takes.append(again)

    async def _stop(self, session: Session, take: Take) -> None:
        """End what belongs to the session before, which its collector fetches."""
        record, limit_s = session.record, self._config.stop_timeout_s
        others = self._turns.files_of_others(session, take)
        with suppress(MultiCamError):
            await orders.stop(
                take, record.created, record.target, limit_s, others=others
            )
        await self._saved(session)


def _ordered_as(record: SessionRecord, take: Take) -> Take | None:
    """Under which other name the device of ``take`` was told to record."""
    for other in record.takes:
        is_same = other is not take and other.device_id == take.device_id
        if is_same and other.is_ordered and not other.is_over:
            return other
    return None


def _ahead_of_monotonic_s() -> float:
    return time.time() - time.monotonic()
