# The command of the timelapse benchmark.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares our videos with moonraker-timelapse's, of the same frames, by turns.

python -m tests.bench_timelapse [--frames N] [--rounds N] [--crf N] [SET…]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import attrs
from rich.console import Console

from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from tests.benchmarks.figure import Figure, Spread, table

from .frames import SETS
from .render import render_along, render_at_end, ssim

if TYPE_CHECKING:
    from .render import Render

TABLE_WIDTH = 160
MANY_FRAMES = 1000
MAX_PEAK_BYTES = 150 << 20
# CPU, size and SSIM lost, to reach: a still camera's pictures, and noise.
MAX_CPU = {"scene": 0.6, "noisy": 0.6}
MAX_SIZE = {"scene": 0.4, "noisy": 0.8}
MAX_SSIM_LOSS = {"scene": 0.002, "noisy": None}


@attrs.frozen
class Pair:
    """One round: their video and ours."""

    theirs: Render
    ours: Render


def main() -> int:
    """Measure, and print the table; status 1 when a figure was not reached."""
    options = _parse()
    ffmpeg = find_ffmpeg(options.ffmpeg)
    figures: list[Figure] = []
    for name in options.sets or SETS:
        with tempfile.TemporaryDirectory(prefix="prusacam-bench-") as folder:
            SETS[name](Path(folder), options.frames, ffmpeg)
            figures += _measure(name, Path(folder), ffmpeg, options)
    console = Console(width=None if sys.stdout.isatty() else TABLE_WIDTH)
    console.print(table(figures))
    console.print(
        f"{options.frames} frames of 1920 x 1080, {options.rounds} rounds by turns;"
        " moonraker-timelapse is 1.00. Tail: from the last frame to the finished MP4,"
        " with a whole segment left to encode."
    )
    return int(any(figure.is_reached is False for figure in figures))


def _measure(
    name: str, folder: Path, ffmpeg: str, options: argparse.Namespace
) -> list[Figure]:
    count: int = options.frames
    pairs = []
    for number in range(options.rounds):
        theirs = render_at_end(ffmpeg, folder, count, folder / "theirs.mp4")
        ours = asyncio.run(
            render_along(ffmpeg, folder, count, folder / "ours.mp4", options.crf)
        )
        pairs.append(Pair(theirs, ours))
        print(f"{name}: round {number + 1}", file=sys.stderr, flush=True)
    last = pairs[-1]
    quality = [ssim(ffmpeg, folder, one.video) for one in (last.theirs, last.ours)]
    return _figures(name, count, pairs, quality)


def _figures(
    name: str, count: int, pairs: list[Pair], quality: list[float]
) -> list[Figure]:
    tail = Spread.of([pair.ours.tail_s / pair.theirs.tail_s for pair in pairs])
    cpu = Spread.of([pair.ours.usage.cpu_s / pair.theirs.usage.cpu_s for pair in pairs])
    theirs, ours = pairs[-1].theirs, pairs[-1].ours
    size = ours.size_bytes / theirs.size_bytes
    lost = quality[0] - quality[1]
    peak_bytes = max(pair.ours.usage.peak_bytes for pair in pairs)
    their_peak_bytes = max(pair.theirs.usage.peak_bytes for pair in pairs)
    max_tail = 0.03 if count >= MANY_FRAMES else 0.10
    max_lost = MAX_SSIM_LOSS[name]
    return [
        Figure(
            f"{name}: tail",
            f"{tail.middle:.3f} ({tail.least:.3f}-{tail.most:.3f})",
            f"<= {max_tail}",
            tail.middle <= max_tail,
            f"{median(pair.ours.tail_s for pair in pairs):.2f} s,"
            f" theirs {median(pair.theirs.tail_s for pair in pairs):.2f} s",
        ),
        Figure(
            f"{name}: CPU",
            str(cpu),
            f"<= {MAX_CPU[name]}",
            cpu.middle <= MAX_CPU[name],
            f"{ours.usage.cpu_s:.2f} s, theirs {theirs.usage.cpu_s:.2f} s",
        ),
        Figure(
            f"{name}: size",
            f"{size:.3f}",
            f"<= {MAX_SIZE[name]}",
            size <= MAX_SIZE[name],
            f"{ours.size_bytes >> 10} KiB, theirs {theirs.size_bytes >> 10} KiB",
        ),
        Figure(
            f"{name}: SSIM",
            f"{-lost:+.4f}",
            "-" if max_lost is None else f">= -{max_lost}",
            None if max_lost is None else lost <= max_lost,
            f"{quality[1]:.4f}, theirs {quality[0]:.4f}",
        ),
        Figure(
            f"{name}: memory",
            f"{peak_bytes / (1 << 20):.0f} MiB",
            f"<= {MAX_PEAK_BYTES >> 20} MiB",
            peak_bytes <= MAX_PEAK_BYTES,
            f"theirs {their_peak_bytes / (1 << 20):.0f} MiB",
        ),
    ]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("tests.bench_timelapse", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crf", type=float, help="instead of the default")
    parser.add_argument("--ffmpeg", type=Path, help="another program")
    options = parser.parse_args()
    for name in options.sets:
        if name not in SETS:
            parser.error(f"no set '{name}'; there is: {', '.join(SETS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
