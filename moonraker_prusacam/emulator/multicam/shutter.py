# When a virtual device records.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shutter of a virtual device: its frames, its clock, and how wrong that is.

Frames come at a steady rate whether they are recorded or not. A recording begins with
the first frame at or after its target, by the clock of the device.
"""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable


@attrs.define(eq=False)
class Shutter:
    """``clock_error_s`` is how far the device's clock is ahead of the true one."""

    fps: float = 30.0
    clock_error_s: float = 0.0
    clock: Callable[[], float] = time.time
    phase: float = attrs.field(factory=random.random)
    target_s: float | None = None
    asked_s: float = 0.0

    def now_s(self) -> float:
        """What the device believes the time is."""
        return self.clock() + self.clock_error_s

    @property
    def is_armed(self) -> bool:
        """Whether a recording was asked for and not ended."""
        return self.target_s is not None

    @property
    def is_due(self) -> bool:
        """Whether the recording has reached its target."""
        return self.target_s is not None and self.now_s() >= self.target_s

    def arm(self, target_s: float) -> None:
        """Record from ``target_s`` on, by the device's clock; at once if it is past."""
        self.asked_s = self.clock()
        self.target_s = max(target_s, self.now_s())

    def first_frame_s(self) -> float:
        """The true time of the first frame at or after the target."""
        if self.target_s is None:
            raise ValueError("not armed")
        true_s = self.target_s - self.clock_error_s
        return (math.ceil(true_s * self.fps - self.phase) + self.phase) / self.fps

    def frames(self) -> int:
        """How many frames have been recorded by now."""
        return max(0, math.ceil((self.clock() - self.first_frame_s()) * self.fps))

    def disarm(self) -> None:
        """Record no more."""
        self.target_s = None
