# How far a camera's newest connection has come.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of one attempt at a source, and how long each took.

They are noted as they happen, so a test of a camera never has to open a second
connection: many cameras serve one client only.
"""

from __future__ import annotations

import asyncio
import enum
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moonraker_prusacam.errors import SourceError


class Stage(enum.StrEnum):
    """What has to be reached, one after the other."""

    REACHABLE = "reachable"
    AUTHENTICATED = "authenticated"
    FIRST_FRAME = "first_frame"


class Attempt:
    """One attempt; times are seconds since its begin.

    ``error`` is why it ended, if that was not asked for. ``settled`` is set as soon as
    it has given a frame, or is over.
    """

    def __init__(self) -> None:
        self._begun_ns = time.monotonic_ns()
        self._reached_s: dict[Stage, float] = {}
        self._ended_s: float | None = None
        self.error: SourceError | None = None
        self.settled = asyncio.Event()

    def reached(self, stage: Stage) -> None:
        """Note ``stage``, and those before it that nobody noted."""
        passed_s = self.age_s
        for one in Stage:
            self._reached_s.setdefault(one, passed_s)
            if one is stage:
                break
        if stage is Stage.FIRST_FRAME:
            self.settled.set()

    def end(self, error: SourceError | None) -> None:
        """Note that it is over, and why."""
        self._ended_s, self.error = self.age_s, error
        self.settled.set()

    @property
    def is_over(self) -> bool:
        """Whether the source is not read any more."""
        return self._ended_s is not None

    @property
    def age_s(self) -> float:
        """Seconds since its begin."""
        return (time.monotonic_ns() - self._begun_ns) / 1e9

    @property
    def since_s(self) -> float:
        """Seconds from the last stage that was reached until now, or its end."""
        until_s = self.age_s if self._ended_s is None else self._ended_s
        return until_s - max(self._reached_s.values(), default=0.0)

    @property
    def durations_s(self) -> dict[Stage, float]:
        """How long each stage that was reached took after the one before it."""
        before_s, durations = 0.0, {}
        for stage, reached_s in self._reached_s.items():
            durations[stage] = reached_s - before_s
            before_s = reached_s
        return durations
