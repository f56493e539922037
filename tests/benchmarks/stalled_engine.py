# An engine that Python stalls.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the engine, and on SIGUSR1 begins to hold the GIL for 40 ms every 140 ms.

SIGUSR2 ends that. It is what a large JSON answer does to a process: ``spin`` is called
from the event loop, without letting go of the GIL, and keeps a processor busy.

    python -m tests.benchmarks.stalled_engine prusacam.conf LIBRARY
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam import app, config, log

if TYPE_CHECKING:
    from collections.abc import Callable

STALL_NS = 40_000_000
PERIOD_S = 0.140


class Stalls:
    """Stalls the event loop that runs it, while it is told to."""

    def __init__(self, spin: Callable[[int], object]) -> None:
        self._spin = spin
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Stall every PERIOD_S from now on."""
        loop = asyncio.get_running_loop()
        self.end()
        self._timer = loop.call_later(PERIOD_S, self._stall, loop.time() + PERIOD_S)

    def end(self) -> None:
        """Stall no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _stall(self, due: float) -> None:
        self._spin(STALL_NS)
        due += PERIOD_S
        self._timer = asyncio.get_running_loop().call_at(due, self._stall, due)


async def run(file: Path, library: Path) -> None:
    """Run the engine until SIGTERM."""
    spin = ctypes.PyDLL(str(library)).spin  # PyDLL keeps the GIL
    spin.argtypes = [ctypes.c_int64]
    stalls = Stalls(spin)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, stalls.begin)
    loop.add_signal_handler(signal.SIGUSR2, stalls.end)
    await app.run(config.load(file))


if __name__ == "__main__":
    with log.logging_to():
        asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
