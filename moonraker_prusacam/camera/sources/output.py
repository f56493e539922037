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

from moonraker_prusacam.camera.receiver import Broken, Silence
from moonraker_prusacam.errors import SourceError, SourceStalled, SourceUnfit

if TYPE_CHECKING:
    from moonraker_prusacam.camera.child import Child
    from moonraker_prusacam.camera.receiver import Receiver

LOOK_S = 0.5
# H.264, or text, that nobody would take for the junk between two pictures.
MOST_JUNK_BYTES = 256 << 10
# For a program that writes, but never a whole picture.
PICTURE_TIMEOUT_S = 30.0
UNFIT_ADVICE = "let it write MJPEG, as by --codec mjpeg or -f mjpeg"


async def read_output(child: Child, receiver: Receiver, silence_s: float) -> None:
    """Return when ``child`` has closed its output.

    Raises SourceStalled after ``silence_s`` without a byte, or without a picture for
    long; SourceUnfit.
    """
    leash = asyncio.timeout(None)
    watch = _Watch(child.name, receiver, leash)
    try:
        async with leash:
            await receiver.read(child.take_output(), silence_s)
    except Silence as error:
        raise SourceStalled(
            f"{child.name} runs, but has written nothing for {silence_s:g} s",
            advice="stop whatever else uses the camera, or plug it in anew",
        ) from error
    except Broken:
        return
    except TimeoutError:
        if watch.verdict is None:
            raise
        raise watch.verdict from None
    finally:
        watch.close()


class _Watch:
    """Ends a reading in which there are no pictures."""

    def __init__(self, name: str, receiver: Receiver, leash: asyncio.Timeout) -> None:
        self.verdict: SourceError | None = None
        self._name = name
        self._receiver = receiver
        self._leash = leash
        self._loop = asyncio.get_running_loop()
        self._begin = receiver.stats
        self._frames = self._begin.frames
        self._since_s = self._loop.time()
        self._timer = self._loop.call_later(LOOK_S, self._look)

    def close(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        now_s = self._loop.time()
        stats = self._receiver.stats
        junk_bytes = stats.junk_bytes - self._begin.junk_bytes
        if stats.frames != self._frames:
            self._frames, self._since_s = stats.frames, now_s
        elif self._frames == self._begin.frames and junk_bytes > MOST_JUNK_BYTES:
            self.verdict = SourceUnfit(
                f"what {self._name} writes is no MJPEG", advice=UNFIT_ADVICE
            )
        elif now_s - self._since_s > PICTURE_TIMEOUT_S:
            self.verdict = SourceStalled(
                f"{self._name} writes, but no whole picture for "
                f"{PICTURE_TIMEOUT_S:g} s",
                advice=UNFIT_ADVICE,
            )
        if self.verdict is None:
            self._timer = self._loop.call_later(LOOK_S, self._look)
        else:
            self._leash.reschedule(now_s)
