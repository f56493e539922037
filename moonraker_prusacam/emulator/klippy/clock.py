# The two clocks of the simulated printer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host time runs as it does; the micro-controller's print time runs ``speed`` faster.

Moves, dwells and heating happen in print time. Everything that Klipper times by its
host clock stays real: the status tick, job durations, delayed_gcode, idle_timeout.
"""

from __future__ import annotations

import asyncio
import time

# A micro-controller has been up for a moment when Klipper first asks it.
FIRST_PRINT_TIME_S = 2.0


class PrinterClock:
    """Converts between host time (CLOCK_MONOTONIC) and print time, in seconds."""

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0.0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.speed = speed
        self._epoch = time.monotonic()

    def now(self) -> float:
        """Host time: what Klipper calls ``eventtime``."""
        return time.monotonic()

    def print_time(self, eventtime: float | None = None) -> float:
        """Print time at ``eventtime``, by default now. Callable from any thread."""
        moment = self.now() if eventtime is None else eventtime
        return FIRST_PRINT_TIME_S + (moment - self._epoch) * self.speed

    def host_seconds(self, print_seconds: float) -> float:
        """How long ``print_seconds`` of print time take on the host clock."""
        return print_seconds / self.speed

    async def sleep(self, print_seconds: float) -> None:
        """Wait for ``print_seconds`` of print time."""
        await asyncio.sleep(max(0.0, self.host_seconds(print_seconds)))
