# A measured figure, and the table of them.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, what is to be reached, and on which machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import attrs
from rich import box
from rich.table import Table

from moonraker_prusacam.camera.scanner import IMPLEMENTATION

if TYPE_CHECKING:
    from collections.abc import Sequence


@attrs.frozen
class Figure:
    """One line of the table; ``is_reached`` is None where nothing was measured."""

    name: str
    value: str
    target: str
    is_reached: bool | None
    detail: str = ""


@attrs.frozen
class Spread:
    """The median of all rounds, the least and the most."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.least:.2f}-{self.most:.2f})"


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that is not below ``percent`` % of all (nearest rank)."""
    if not values:
        raise ValueError("there is nothing to take a percentile of")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def table(figures: Sequence[Figure]) -> Table:
    """All figures, with the machine's name."""
    shown = Table(
        "figure",
        "measured",
        "to reach",
        "",
        "detail",
        box=box.MARKDOWN,
        title=machine(),
    )
    for figure in figures:
        verdict = {True: "yes", False: "no", None: "-"}[figure.is_reached]
        shown.add_row(figure.name, figure.value, figure.target, verdict, figure.detail)
    return shown


def machine() -> str:
    """What these numbers are true for."""
    return (
        f"{platform.node()}: {_processor()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, "
        f"{'compiled' if IMPLEMENTATION == 'c' else 'pure-Python'} scanner"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):  # a PC's, a Raspberry Pi's
            return value.strip()
    return platform.machine()
