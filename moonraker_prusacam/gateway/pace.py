# How fast viewers may ask.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pace that everybody keeps by waiting.

Moonraker answers on one thread, which also feeds the print. A user interface asks some
dozens of times as it starts, then hardly ever. Who asks more waits, and is not read any
further meanwhile, so a flood stays with the one who sends it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_ASKERS = 256


class Pace:
    """At most ``burst`` at once, and ``per_second`` in the long run."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._clock = asyncio.get_running_loop().time
        self._seen = self._clock()
        # Those who wait go on in the order in which they came.
        self._turn = asyncio.Lock()

    async def keep(self, cost: float = 1.0) -> None:
        """Wait until what takes ``cost`` is in order."""
        async with self._turn:
            now = self._clock()
            grown = self._left + (now - self._seen) * self._per_second
            self._left, self._seen = min(self._burst, grown) - cost, now
            if self._left < 0:
                await asyncio.sleep(-self._left / self._per_second)


class Paces:
    """A ``Pace`` for each of those who ask, as far as they can be remembered."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._paces: OrderedDict[Hashable, Pace] = OrderedDict()

    def of(self, asker: Hashable) -> Pace:
        """The pace of ``asker``, who is forgotten after ``MAX_ASKERS`` others."""
        if asker not in self._paces:
            self._paces[asker] = Pace(self._per_second, self._burst)
        self._paces.move_to_end(asker)
        while len(self._paces) > MAX_ASKERS:
            self._paces.popitem(last=False)
        return self._paces[asker]
