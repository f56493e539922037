# The command of the benchmarks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures figures and prints one table.

python -m tests.benchmarks [--rounds N] [--quick] [FIGURE…]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from . import (
    access,
    hindered,
    latency,
    memory,
    moonraker,
    multicam,
    scan,
    snapshots,
    sources,
    streams,
)
from .figure import Figure, table
from .native import CompilerMissing
from .processes import ChildFailed
from .stand import Stand

if TYPE_CHECKING:
    from collections.abc import Callable

FIGURES: dict[str, Callable[[Stand], list[Figure]]] = {
    "scan": scan.measure_in_place,
    "feed": scan.measure_feed,
    "snapshots": snapshots.measure,
    "access": access.measure,
    "streams": streams.measure,
    "ustreamer": streams.measure_ustreamer,
    "http": sources.measure,
    "latency": latency.measure_added,
    "stalls": latency.measure_stalled,
    "slow": hindered.measure_slow,
    "stalled": hindered.measure_stalled,
    "memory": memory.measure,
    "moonraker": moonraker.measure,
    "multicam": multicam.measure_start,
    "recording": multicam.measure_recording,
}
QUICK_SCALE = 0.4
QUICK_ROUNDS = 1
TABLE_WIDTH = 200


def main() -> int:
    """Measure what was asked for; status 1 when something could not be measured."""
    options = _parse()
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    figures: list[Figure] = []
    failed = False
    with tempfile.TemporaryDirectory(prefix="prusacam-bench-") as folder:
        rounds = QUICK_ROUNDS if options.quick else options.rounds
        scale = QUICK_SCALE if options.quick else 1.0
        with Stand(Path(folder), rounds=rounds, scale=scale) as stand:
            for name in options.figures or FIGURES:
                begin_s = time.monotonic()
                try:
                    figures += FIGURES[name](stand)
                except (ChildFailed, CompilerMissing, OSError, ValueError) as error:
                    failed = True
                    figures.append(Figure(name, "failed", "", None, str(error)))
                taken_s = time.monotonic() - begin_s
                print(f"{name}: {taken_s:.0f} s", file=sys.stderr, flush=True)
    console.print(table(figures))
    console.print(
        f"Medians of {rounds} rounds by turns (least-most); load before: "
        f"{options.load:.2f}."
    )
    return int(failed)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.benchmarks", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(FIGURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round of each")
    options = parser.parse_args()
    for name in options.figures:
        if name not in FIGURES:
            parser.error(f"no figure '{name}'; there is: {', '.join(FIGURES)}")
    options.load = os.getloadavg()[0]
    return options


if __name__ == "__main__":
    sys.exit(main())
