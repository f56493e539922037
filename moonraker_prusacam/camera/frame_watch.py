# Bytes that never become a frame.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a connection that goes on, but has given no whole frame for too long.

Silence is noticed where bytes are read. This is for what is not silent: a camera that
sends a byte a second, text for ever, or pictures that break off.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import SourceStalled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .receiver import Receiver

FRAME_TIMEOUT_S = 60.0
LOOK_S = 5.0
"""How often frames are counted: a thread that makes them tells nobody."""


@asynccontextmanager
async def expect_frames(
    receiver: Receiver, where: str, timeout_s: float
) -> AsyncIterator[None]:
    """Raise SourceStalled in this block when no frame comes for ``timeout_s``."""
    limit = asyncio.timeout(None)
    watch = _Watch(receiver, timeout_s, limit)
    try:
        async with limit:
            watch.look()
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise SourceStalled(
            f"{where} goes on sending, but no whole JPEG in {timeout_s:g} s",
            advice="is the way to the camera too slow for it, or does it send "
            "something else than MJPEG?",
        ) from None
    finally:
        watch.end()


class _Watch:
    """Lets ``limit`` expire when the frames of ``receiver`` stay away."""

    def __init__(
        self, receiver: Receiver, timeout_s: float, limit: asyncio.Timeout
    ) -> None:
        self._receiver = receiver
        self._timeout_s = timeout_s
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._seen, self._seen_s = receiver.stats.frames, self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Count frames, now and again and again."""
        frames, now_s = self._receiver.stats.frames, self._loop.time()
        if frames != self._seen:
            self._seen, self._seen_s = frames, now_s
        left_s = self._seen_s + self._timeout_s - now_s
        if left_s > 0:
            self._timer = self._loop.call_later(min(left_s, LOOK_S), self.look)
        else:
            self._limit.reschedule(now_s)

    def end(self) -> None:
        """Count no more."""
        if self._timer is not None:
            self._timer.cancel()
