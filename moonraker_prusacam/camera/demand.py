# Whether anybody wants a camera's frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps an on-demand camera running.

Consumers that stay hold it; those that only look in touch it, and are remembered for
the grace period; viewers, which are served by a native thread, are counted.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOK_S = 1.0
"""How often viewers are counted while a camera runs on demand."""


class Demand:
    """Consumers of one camera; ``grace_s`` after the last one left it ends."""

    def __init__(self, grace_s: float) -> None:
        self.grace_s = grace_s
        self._holds = 0
        self._last_s: float | None = None
        self._touched = asyncio.Event()
        self._counters: list[Callable[[], int]] = []

    @property
    def consumers(self) -> int:
        """How many hold or watch the camera at this moment."""
        return self._holds + sum(count() for count in self._counters)

    def count(self, counter: Callable[[], int]) -> None:
        """Ask ``counter`` for the number of viewers, for ever."""
        self._counters.append(counter)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the camera running in this block."""
        self._holds += 1
        self.touch()
        try:
            yield
        finally:
            self._holds -= 1
            self.touch()

    def touch(self) -> None:
        """Want frames now, and for the grace period."""
        with suppress(RuntimeError):  # no loop: nothing runs that could be kept
            self._last_s = asyncio.get_running_loop().time()
        self._touched.set()

    async def begin(self) -> None:
        """Return as soon as somebody wants frames."""
        while not self._is_wanted():
            self._touched.clear()
            await self._touched.wait()

    async def end(self) -> None:
        """Return when nobody has wanted frames for the grace period."""
        while self._is_wanted():  # noqa: ASYNC110 - viewers come and go natively
            await asyncio.sleep(min(LOOK_S, self.grace_s))

    def _is_wanted(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        if self.consumers:
            self._last_s = now_s
        return self._last_s is not None and now_s - self._last_s < self.grace_s
