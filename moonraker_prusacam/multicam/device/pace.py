# How many frames a second a recording has.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leaves frames out, so that a recording has room until the print is over.

JPEGs of 1080p30 fill 8 GB in half an hour, and a print takes hours. A recording that
would be full before its end takes fewer frames a second from its begin, by what is
known of the print; where nothing is, as much again is to come as was there. Frames keep
their times, so the video is as long as the print.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .ring import RingFrame

LONGEST_PERIOD_S = 10.0  # from one frame to the next
UNKNOWN_AHEAD_S = 600.0
"""Of a recording of which nothing is known, so much is to come at least."""
LATE_SHARE, LATE_S = 0.25, 60.0
"""A print that takes longer than was thought goes on for so much of its time more."""


class Thinning:
    """Keeps at most ``fps`` frames a second, 0 for all, and the first one."""

    def __init__(self, fps: float) -> None:
        self._least_period_ns = self._period_ns = int(1e9 / fps) if fps else 0
        self._due_ns = 0

    @property
    def is_slowed(self) -> bool:
        """Whether fewer frames are kept than ``fps``."""
        return self._period_ns > self._least_period_ns

    @property
    def fps(self) -> float:
        """Frames a second that are kept now at most; 0: all."""
        return 1e9 / self._period_ns if self._period_ns else 0.0

    def slow(self, period_s: float) -> None:
        """Keep a frame each ``period_s`` from now on, if that is fewer than ``fps``."""
        self._period_ns = max(self._least_period_ns, int(period_s * 1e9))

    def kept(self, frames: Sequence[RingFrame]) -> list[RingFrame]:
        """Those of ``frames``, which follow the ones before, that are to be kept."""
        kept = []
        for frame in frames:
            # Frames that come a little early are those that are due.
            if frame.first_ns >= self._due_ns - self._period_ns // 10:
                kept.append(frame)
                next_ns = self._due_ns + self._period_ns
                self._due_ns = max(next_ns, frame.first_ns + self._period_ns // 2)
        return kept


class Ahead:
    """How much is still to be recorded, as far as somebody has told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end_s: float | None = None

    def expect(self, length_s: float) -> None:
        """What is recorded, or will be next, lasts so much longer."""
        self._end_s = self._clock() + length_s

    def forget(self) -> None:
        """What was told is over."""
        self._end_s = None

    def seconds(self, recorded_s: float) -> float:
        """What is to come of a recording that has ``recorded_s``."""
        if self._end_s is None:
            return max(recorded_s, UNKNOWN_AHEAD_S)
        left_s = self._end_s - self._clock()
        return max(left_s, recorded_s * LATE_SHARE, LATE_S)


def period_s(room_bytes: float, ahead_s: float, frame_bytes: float) -> float:
    """Seconds between frames of which ``ahead_s`` fit into the room."""
    frames = room_bytes / max(1.0, frame_bytes)
    return min(LONGEST_PERIOD_S, ahead_s / frames) if frames >= 1 else LONGEST_PERIOD_S
