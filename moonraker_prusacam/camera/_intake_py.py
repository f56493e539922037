# Pure-Python twin of ext/intake.pyx; both change together.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera's bytes into frames, from a descriptor or handed in.

The descriptor is read from the event loop, straight into the scanner's buffer. What the
compiled twin does lazily, for the sake of speed, is done at once here: every frame
wakes its owner.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

    from .scanner import Frame, Scanner

RECENT_FRAMES = 256


class Intake:
    """Reads one descriptor at a time into ``scanner``.

    ``on_wake`` is called on the event loop when there is something to look at: frames
    that were asked for, or the end of the descriptor.
    """

    def __init__(self, scanner: Scanner, on_wake: Callable[[], None]) -> None:
        self._scanner = scanner
        self._on_wake = on_wake
        self._descriptor = -1
        self._ended: int | None = None
        self._heard_ns = 0
        self._newest: Frame | None = None
        self._recent_ns: deque[tuple[int, int]] = deque(maxlen=RECENT_FRAMES)
        self._waiting: list[Frame] = []
        self._skip = 0

    def feed(self, data: Buffer) -> list[Frame]:
        """Take one read from elsewhere; the frames that it completed."""
        return self._note(self._scanner.feed(data))

    def skip(self, count: int) -> None:
        """Leave the next ``count`` frames out."""
        self._skip = count

    def open(self, fd: int) -> None:
        """Take a descriptor over and read it, until it ends or ``close``."""
        if self._descriptor >= 0:
            raise RuntimeError("the intake reads already")
        try:
            os.set_blocking(fd, False)
            asyncio.get_running_loop().add_reader(fd, self._read)
        except OSError as error:
            raise OSError("the descriptor cannot be read") from error
        self._descriptor = fd
        self._ended = None
        self._heard_ns = time.monotonic_ns()

    def close(self) -> None:
        """Let go of the descriptor; waits for a read that is under way. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    @property
    def ended(self) -> int | None:
        """None while it reads, else errno; 0 is the end of the stream."""
        return self._ended

    @property
    def heard_ns(self) -> int:
        """When bytes came last (monotonic)."""
        return self._heard_ns

    @property
    def newest(self) -> Frame | None:
        """The newest frame, or None."""
        return self._newest

    @property
    def recent_ns(self) -> list[tuple[int, int]]:
        """When first and last byte of the newest frames came, oldest frame first."""
        return list(self._recent_ns)

    @property
    def overrun(self) -> int:
        """Frames that were left out because the event loop did not take them."""
        return 0

    def take(self) -> list[Frame]:
        """What came since the last call: every frame, or the newest one."""
        frames, self._waiting = self._waiting, []
        return frames

    def want_all(self, wants_all: bool) -> None:
        """Ask to be woken for every frame, or no longer."""

    def want_next(self) -> None:
        """Ask to be woken once, for the first frame after what ``take`` gave."""

    def follow(self, sinks: Sequence[object], keep_ns: int) -> bool:  # noqa: ARG002
        """Show each frame to ``sinks`` for ``keep_ns``; False: Python has to do it."""
        return False

    def unfollow(self) -> None:
        """Show nothing to anybody any more. Idempotent."""

    def _read(self) -> None:
        try:
            count = os.readv(self._descriptor, [self._scanner.get_buffer()])
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error.errno or 0)
            return
        if count == 0:
            self._end(0)
            return
        self._heard_ns = time.monotonic_ns()
        frames = self._note(self._scanner.advance(count))
        if frames:
            self._waiting += frames
            self._on_wake()

    def _note(self, frames: list[Frame]) -> list[Frame]:
        """Those of ``frames`` that are to be seen."""
        skipped = min(self._skip, len(frames))
        self._skip -= skipped
        frames = frames[skipped:]
        if frames:
            self._newest = frames[-1]
            self._recent_ns.extend((frame.first_ns, frame.last_ns) for frame in frames)
        return frames

    def _end(self, error: int) -> None:
        self._ended = error
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self._on_wake()
