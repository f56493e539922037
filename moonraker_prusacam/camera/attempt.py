# How far a camera's newest connection has come.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of one attempt at a source, and how long each took.

They are noted as they happen, so a test of a camera never has to open a second
connection: many cameras serve one client only.
"""

from __future__ import annotations

import enum
import time


class Stage(enum.StrEnum):
    """What has to be reached, one after the other."""

    REACHABLE = "reachable"
    AUTHENTICATED = "authenticated"
    FIRST_FRAME = "first_frame"


class Attempt:
    """One attempt; times are seconds since its begin."""

    def __init__(self) -> None:
        self._begun_ns = time.monotonic_ns()
        self._reached_s: dict[Stage, float] = {}

    def reached(self, stage: Stage) -> None:
        """Note ``stage``, and those before it that nobody noted."""
        passed_s = (time.monotonic_ns() - self._begun_ns) / 1e9
        for one in Stage:
            self._reached_s.setdefault(one, passed_s)
            if one is stage:
                return

    @property
    def age_s(self) -> float:
        """Seconds since its begin."""
        return (time.monotonic_ns() - self._begun_ns) / 1e9

    @property
    def durations_s(self) -> dict[Stage, float]:
        """How long each stage that was reached took after the one before it."""
        before_s, durations = 0.0, {}
        for stage, reached_s in self._reached_s.items():
            durations[stage] = reached_s - before_s
            before_s = reached_s
        return durations
