# How long a source is left alone after it failed.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pauses between the attempts at one source, longer and longer.

Somebody who wants to know can end a pause. Not so the time for which a camera that has
refused us is left alone: it locks out who knocks too often.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress


class Backoff:
    """The pauses of one camera; ``delay_s`` is about how long the next one takes."""

    def __init__(self, first_s: float) -> None:
        self.delay_s = first_s
        self._may_ask_s: float | None = None
        self._hastened = asyncio.Event()

    def reset(self, first_s: float) -> None:
        """Begin anew with a short pause."""
        self.delay_s = first_s

    @property
    def left_alone_s(self) -> float:
        """Seconds until the source may be asked again, whoever wants it."""
        if self._may_ask_s is None:
            return 0.0
        return max(0.0, self._may_ask_s - asyncio.get_running_loop().time())

    def hasten(self) -> None:
        """End the pause of now, as soon as that may be."""
        self._hastened.set()

    async def pause(self, last_s: float, least_s: float) -> None:
        """Wait for ``delay_s``, at most ``last_s``, at least ``least_s``."""
        # Jitter keeps many cameras from knocking at one host in step.
        pause_s = min(self.delay_s * random.uniform(0.8, 1.2), last_s)  # noqa: S311
        self.delay_s = min(self.delay_s * 2, last_s)
        self._may_ask_s = asyncio.get_running_loop().time() + least_s
        self._hastened.clear()
        await asyncio.sleep(least_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s - least_s):
                await self._hastened.wait()
