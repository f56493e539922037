# A clock that tests turn.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual time: hours pass as fast as nobody has anything to do in them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING

from moonraker_prusacam.camera import demand

if TYPE_CHECKING:
    import pytest

START_S = 1000.0
WAIT_S = 10.0
# What a wait without end comes to, when nothing happens in it.
TICKS = 3


class VirtualClock:
    """Stands still while work is done, and jumps to the end of each wait.

    ``hold`` keeps waits until ``release``, for tests that look at what is waited for.
    """

    def __init__(self) -> None:
        self.now_s = START_S
        self.wall = 1_800_000_000.0
        self.waits: list[float] = []
        self._free = asyncio.Event()
        self._free.set()

    def hold(self) -> None:
        """Let time stand still."""
        self._free.clear()

    def release(self) -> None:
        """Let it go on."""
        self._free.set()

    def monotonic_s(self) -> float:
        """See connect.clock.Clock."""
        return self.now_s

    def wall_s(self) -> float:
        """See connect.clock.Clock."""
        return self.wall

    async def wait(self, event: asyncio.Event, until_s: float | None) -> None:
        """See connect.clock.Clock; what is ready to run goes first."""
        for _ in range(TICKS):
            await asyncio.sleep(0)
        if until_s is None:
            await event.wait()
            return
        if not self._free.is_set():
            free = asyncio.ensure_future(self._free.wait())
            told = asyncio.ensure_future(event.wait())
            try:
                await asyncio.wait({free, told}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                free.cancel()
                told.cancel()
        if event.is_set():
            return
        passed_s = max(0.0, until_s - self.now_s)
        self.waits.append(passed_s)
        self.now_s += passed_s
        self.wall += passed_s


class DemandClock:
    """The time by which cameras rest, which stands still until a test turns it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = START_S
        self.looks = 0
        told = SimpleNamespace(
            Event=asyncio.Event, sleep=self._sleep, get_running_loop=lambda: self
        )
        monkeypatch.setattr(demand, "asyncio", told)

    def time(self) -> float:
        """As a loop tells it."""
        return self.now_s

    async def looked(self) -> None:
        """Wait until a camera that runs has been looked after by the time of now."""
        async with asyncio.timeout(WAIT_S):
            before = self.looks
            while self.looks < before + 2:  # noqa: ASYNC110 - nobody tells of looks
                await asyncio.sleep(0.002)

    async def _sleep(self, delay_s: float) -> None:
        self.looks += 1
        await asyncio.sleep(delay_s)
