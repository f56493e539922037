# The recorded motion of a real print.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads tests/data/motion.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moonraker_prusacam.motion import Position

RECORDING = Path(__file__).parent.parent / "data" / "motion.jsonl"


@attrs.frozen
class Line:
    """A batch of moves, or a push of status; ``arrived`` in s, CLOCK_MONOTONIC."""

    arrived: float
    moves: list[Any] | None = None
    eventtime: float = 0.0
    status: dict[str, dict[str, Any]] | None = None

    @property
    def print_time(self) -> float | None:
        toolhead = (self.status or {}).get("toolhead", {})
        found: float | None = toolhead.get("estimated_print_time")
        return found


def read_recording() -> list[Line]:
    lines = map(json.loads, RECORDING.read_text().splitlines())
    return [
        Line(
            line["t"], line.get("moves"), line.get("eventtime", 0.0), line.get("status")
        )
        for line in lines
    ]


def live_positions() -> Iterator[tuple[float, Position, float]]:
    """Print time, position and speed as each status told them."""
    report: dict[str, Any] = {}
    for line in read_recording():
        report.update((line.status or {}).get("motion_report", {}))
        if line.print_time is not None:
            x, y, z = report["live_position"]
            yield line.print_time, (x, y, z), report["live_velocity"]
