# Which session a device records for.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders to one device are given one after the other, in the order of the sessions.

A print may begin while the one before is not stopped yet, and a device may be away when
it should be stopped, and back when it records the next print: that goes on.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from .session import Phase, TakeState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from moonraker_prusacam.multicam_options import Address

    from .session import Session, Take

OPEN = frozenset({TakeState.ORDERED, TakeState.RECORDING})


class Turns:
    """Of ``sessions``, the oldest first, of which there may be more at any time."""

    def __init__(self, sessions: list[Session]) -> None:
        self._sessions = sessions
        self._locks: defaultdict[Address, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def at(self, *addresses: Address) -> AsyncIterator[None]:
        """Hold what is there while a device is told to begin or to end.

        All that are wanted at once, and always in the same order: two devices that have
        changed places would wait for each other.
        """
        async with AsyncExitStack() as held:
            for address in sorted(set(addresses), key=str):
                await held.enter_async_context(self._locks[address])
            yield

    def unstopped(self, session: Session, take: Take) -> Iterator[tuple[Session, Take]]:
        """What the device of ``take`` may still record of sessions that are over."""
        for other in self._sessions[: self._sessions.index(session)]:
            if other.record.phase is not Phase.COLLECTING:
                continue
            for its in other.record.takes:
                if its.is_of_device(take) and its.state in OPEN:
                    yield other, its

    def files_of_others(self, session: Session, take: Take) -> frozenset[str]:
        """What the device of ``take`` calls its recordings of other sessions."""
        keys: set[str | None] = set()
        for other in self._sessions:
            if other is session:
                continue
            for its in other.record.takes:
                if its.device_id == take.device_id:
                    keys |= {its.file_id, its.file_name}
        return frozenset(key for key in keys if key)

    def ordered_since(self, session: Session, take: Take) -> float | None:
        """When a later session has had the device of ``take`` begin; None if none."""
        for other in self._sessions[self._sessions.index(session) + 1 :]:
            for its in other.record.takes:
                if not its.is_of_device(take) or not its.is_ordered:
                    continue
                if its.accepted is not None or its.state in OPEN:
                    return its.accepted or other.record.created
        return None
