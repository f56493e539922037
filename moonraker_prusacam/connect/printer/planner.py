# When telemetry is due, and what is in it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every second while something goes on, every four while nothing does.

All of it after an INFO and every five minutes, what has changed in between; the state
is always in it, so that there is a sign of life. Source of the figures: the telemetry
of Prusa's firmware. Nothing here waits or sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTIVE_S = 1.0
IDLE_S = 4.0
FULL_S = 300.0
# What tells of which thing the rest is, and so is never left out.
ALWAYS = ("state", "job_id", "transfer_id", "command_id", "dialog_id")


class TelemetryPlanner:
    """Knows what Prusa Connect was told last."""

    def __init__(self) -> None:
        self._told: dict[str, Any] | None = None  # None: nothing that counts
        self._full_at_s = 0.0
        self._last_s: float | None = None

    def due_s(self, *, is_active: bool) -> float | None:
        """When the next telemetry is due; None is at once."""
        if self._last_s is None:
            return None
        return self._last_s + (ACTIVE_S if is_active else IDLE_S)

    def refresh(self) -> None:
        """Tell everything next time."""
        self._told = None

    def plan(self, current: Mapping[str, Any], now_s: float) -> dict[str, Any]:
        """What to tell now, of all that there is to tell."""
        told = self._told
        is_full = told is None or now_s >= self._full_at_s or told.keys() - current
        if told is None or is_full:
            return dict(current)
        return {
            name: value
            for name, value in current.items()
            if name in ALWAYS or told.get(name) != value
        }

    def delivered(
        self, current: Mapping[str, Any], now_s: float, *, was_full: bool
    ) -> None:
        """It has been told; ``current`` is now known there."""
        self._told = dict(current)
        self._last_s = now_s
        if was_full:
            self._full_at_s = now_s + FULL_S
