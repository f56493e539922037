# Waiting for a condition.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets tests wait until something is true, and look only when something has changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Changes:
    """Wakes who waits, whenever ``notify`` is called."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Something has changed."""
        self._changed.set()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds, or TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                # All that wait are woken by a set; each looks before it clears.
                self._changed.clear()
                await self._changed.wait()
