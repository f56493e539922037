# What a source puts a camera's bytes into.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a source's bytes or descriptors to the frames of one camera.

A source that has a descriptor lends it to ``read``: then a native thread reads it, and
frames reach viewers whatever this process is busy with. Others ``feed`` what they have.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from .attempt import Attempt
from .intake import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

    from .scanner import Frame, Scanner, ScannerStats


class Silence(Exception):
    """Nothing came for too long."""


class Broken(Exception):
    """The descriptor ended with an error, which is the cause."""


class Receiver:
    """Owns the intake of one camera; ``on_frames`` is told of frames that are wanted.

    Told of: every frame while ``want_all(True)``; else the first of each connection,
    and what ``want_next`` asks for.
    """

    def __init__(
        self, scanner: Scanner, on_frames: Callable[[list[Frame]], None]
    ) -> None:
        self._on_frames = on_frames
        self._scanner = scanner
        self._intake = Intake(scanner, self._woken)
        self._ended: asyncio.Future[None] | None = None
        self.attempt = Attempt()
        self.attempt.end(None)  # none has begun
        self.reached = self.attempt.reached
        self.want_all = self._intake.want_all
        self.want_next = self._intake.want_next
        self.unfollow = self._intake.unfollow

    @property
    def newest(self) -> Frame | None:
        """The newest frame, whatever its age."""
        return self._intake.newest

    @property
    def stats(self) -> ScannerStats:
        """What the scanner has counted, whoever reads."""
        return self._scanner.stats

    @property
    def recent_ns(self) -> list[tuple[int, int]]:
        """When first and last byte of the newest frames came, oldest frame first."""
        return self._intake.recent_ns

    @property
    def overrun(self) -> int:
        """Frames that somebody wanted, and that were gone before they were taken."""
        return self._intake.overrun

    def follow(self, sinks: Sequence[object], keep_s: float) -> bool:
        """Show each frame to native ``sinks``; False: it has to be done in Python."""
        return self._intake.follow(sinks, int(keep_s * 1e9))

    def feed(self, data: Buffer) -> None:
        """Take one read."""
        frames = self._intake.feed(data)
        if frames:
            self._on_frames(frames)

    async def read(self, fd: int, silence_s: float) -> None:
        """Read a descriptor to its end, and close it.

        It is not the caller's any more, whatever happens. Raises Silence when nothing
        comes for ``silence_s``, Broken, or what ``on_frames`` raised.
        """
        try:
            self._intake.open(fd)
        except BaseException:
            with suppress(OSError):
                os.close(fd)
            raise
        self._ended = asyncio.get_running_loop().create_future()
        self._intake.want_next()
        try:
            while not self._ended.done():
                silent_s = (time.monotonic_ns() - self._intake.heard_ns) / 1e9
                if silent_s >= silence_s:
                    raise Silence
                await asyncio.wait([self._ended], timeout=silence_s - silent_s)
            self._ended.result()
        finally:
            self._ended = None
            self._intake.close()
        self._tell()  # what came last

    def begin(self, warmup_frames: int) -> None:
        """Forget what began of a frame: its rest will not come.

        The first ``warmup_frames`` of what comes now are left out.
        """
        self._scanner.reset()
        self._intake.skip(warmup_frames)
        self.attempt = Attempt()
        self.reached = self.attempt.reached

    def _woken(self) -> None:
        try:
            self._tell()
        except Exception as error:  # noqa: BLE001 - is raised by read
            if self._ended is not None and not self._ended.done():
                self._ended.set_exception(error)
            return
        ended = self._intake.ended
        if ended is None or self._ended is None or self._ended.done():
            return
        if ended == 0:
            self._ended.set_result(None)
            return
        broken = Broken()
        broken.__cause__ = OSError(ended, os.strerror(ended))
        self._ended.set_exception(broken)

    def _tell(self) -> None:
        frames = self._intake.take()
        if frames:
            self._on_frames(frames)
