# The clock that uploads go by.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monotonic time for decisions, wall time for people; a test brings its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds, and a wait that ends early when something happens."""

    def monotonic_s(self) -> float:
        """A time that never jumps."""

    def wall_s(self) -> float:
        """Unix time, which does."""

    async def wait(self, event: asyncio.Event, until_s: float | None) -> None:
        """Until ``event``, or until ``until_s`` of ``monotonic_s``."""


class SystemClock:
    """The host's."""

    def monotonic_s(self) -> float:
        """See Clock."""
        return time.monotonic()

    def wall_s(self) -> float:
        """See Clock."""
        return time.time()

    async def wait(self, event: asyncio.Event, until_s: float | None) -> None:
        """See Clock."""
        left_s = None if until_s is None else max(0.0, until_s - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s):
                await event.wait()
