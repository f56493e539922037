# Jumps of the wall clock.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prusa Connect is told once when the times that it was told have become wrong.

A Raspberry Pi without a battery starts in the past and jumps when the network is there.
The tolerance is that of Prusa's printer SDK 0.8.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moonraker_prusacam.connect.clock import Clock

TOLERANCE_S = 1.0
CLOCK_ADJUSTED = "Clock-Adjusted"  # the header that tells of it, with 1


class ClockWatch:
    """Compares the wall clock with one that never jumps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_s = self._offset_s()

    def jump(self) -> float | None:
        """What is to be acknowledged when it has been told; None without a jump."""
        offset_s = self._offset_s()
        return offset_s if abs(offset_s - self._told_s) >= TOLERANCE_S else None

    def acknowledge(self, jump: float | None) -> None:
        """Prusa Connect has been told of ``jump``."""
        if jump is not None:
            self._told_s = jump

    def _offset_s(self) -> float:
        return self._clock.wall_s() - self._clock.monotonic_s()
