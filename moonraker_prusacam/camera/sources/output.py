# Reads the pictures that a child process writes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program's output to its end, unless it turns out that no pictures are in it.

A native thread reads; the scanner's counters tell from time to time what it found.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.frame_watch import expect_frames
from moonraker_prusacam.camera.receiver import Broken, Silence
from moonraker_prusacam.errors import SourceStalled, SourceUnfit

if TYPE_CHECKING:
    from moonraker_prusacam.camera.child import Child
    from moonraker_prusacam.camera.receiver import Receiver

LOOK_S = 0.5
# H.264, or text, that nobody would take for the junk between two pictures.
MOST_JUNK_BYTES = 256 << 10
# For a program that writes, but never a whole picture.
PICTURE_TIMEOUT_S = 30.0


async def read_output(child: Child, receiver: Receiver, silence_s: float) -> None:
    """Return when ``child`` has closed its output.

    Raises SourceStalled after ``silence_s`` without a byte, or without a picture for
    long; SourceUnfit.
    """
    limit = asyncio.timeout(None)
    watch = _JunkWatch(receiver, limit)
    try:
        async with expect_frames(receiver, child.name, PICTURE_TIMEOUT_S), limit:
            await receiver.read(child.take_output(), silence_s)
    except Silence as error:
        raise SourceStalled(
            f"{child.name} runs, but has written nothing for {silence_s:g} s",
            advice="stop whatever else uses the camera, or plug it in anew",
        ) from error
    except Broken:
        return
    except TimeoutError:
        if not limit.expired():
            raise
        raise SourceUnfit(
            f"what {child.name} writes is no MJPEG",
            advice="let it write MJPEG, as by --codec mjpeg or -f mjpeg",
        ) from None
    finally:
        watch.end()


class _JunkWatch:
    """Lets ``limit`` expire when much comes before any picture."""

    def __init__(self, receiver: Receiver, limit: asyncio.Timeout) -> None:
        self._receiver = receiver
        self._limit = limit
        self._begin = receiver.stats
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        stats = self._receiver.stats
        if stats.frames != self._begin.frames:
            return
        if stats.junk_bytes - self._begin.junk_bytes > MOST_JUNK_BYTES:
            self._limit.reschedule(self._loop.time())
        else:
            self._timer = self._loop.call_later(LOOK_S, self._look)
