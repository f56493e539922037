# Which of a camera's modes is used.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats, sizes and rates that a camera offers, and the nearest to what is wanted.

A camera has few modes, and its list says which: asked for another one, drivers take
whatever they like.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# JPEGs one after the other, by the two names that drivers have for it.
MJPEG = ("MJPG", "JPEG")
# What ffmpeg calls the other formats that it can read of a device, the cheapest first.
# Source: fmt_conversion_table of libavdevice.
FFMPEG_NAMES = {
    "YUYV": "yuyv422",
    "UYVY": "uyvy422",
    "NV12": "nv12",
    "YU12": "yuv420p",
    "422P": "yuv422p",
    "RGB3": "rgb24",
    "BGR3": "bgr24",
    "RGBP": "rgb565",
    "GREY": "gray",
    "H264": "h264",
}
MOST_RATES_TOLD = 6
FRAMES = "frames a second"


@attrs.frozen
class Format:
    """One format, by the four letters of its code."""

    name: str
    description: str = ""


@attrs.frozen
class Sizes:
    """All sizes from the least to the most; a single one has both alike."""

    least: tuple[int, int]
    most: tuple[int, int]
    step: tuple[int, int] = (1, 1)

    def nearest(self, wanted: tuple[int, int]) -> tuple[int, int]:
        """The one that is the least away from ``wanted``."""
        width, height = (
            _stepped(*axis)
            for axis in zip(wanted, self.least, self.most, self.step, strict=True)
        )
        return width, height

    def __str__(self) -> str:
        if self.least == self.most:
            return written(self.least)
        return f"{written(self.least)} to {written(self.most)}"


@attrs.frozen
class Intervals:
    """Seconds from one picture to the next, from the shortest to the longest."""

    shortest_s: Fraction
    longest_s: Fraction

    def nearest(self, fps: float) -> Fraction:
        """The one whose rate is the least away from ``fps``."""
        wanted_s = 1 / Fraction(fps).limit_denominator(1000)
        return max(self.shortest_s, min(wanted_s, self.longest_s))

    def __str__(self) -> str:
        if self.shortest_s == self.longest_s:
            return rate_of(self.shortest_s)
        return f"{rate_of(self.longest_s)} to {rate_of(self.shortest_s)}"


@attrs.frozen
class Mode:
    """A format with a size and, where there is a choice, seconds between pictures."""

    format_name: str
    size: tuple[int, int]
    interval_s: Fraction | None = None

    @property
    def fps(self) -> float:
        """Pictures a second; 0: unknown."""
        return float(1 / self.interval_s) if self.interval_s else 0.0

    def __str__(self) -> str:
        rate = f" at {rate_of(self.interval_s)} {FRAMES}" if self.interval_s else ""
        return f"{self.format_name} {written(self.size)}{rate}"


def best_format(formats: Iterable[Format]) -> str | None:
    """The name of the format that costs the least; None: none can be read."""
    offered = {found.name for found in formats}
    return next((name for name in (*MJPEG, *FFMPEG_NAMES) if name in offered), None)


def nearest_size(wanted: tuple[int, int], offered: Sequence[Sizes]) -> tuple[int, int]:
    """Of all sizes the nearest, or of two the larger; no list: ``wanted`` itself."""
    candidates = [sizes.nearest(wanted) for sizes in offered] or [wanted]
    return min(candidates, key=lambda size: (_distance(size, wanted), -size[0]))


def nearest_interval(fps: float, offered: Sequence[Intervals]) -> Fraction:
    """Of all intervals that of the nearest rate, or of two the faster one."""
    wanted_s = 1 / Fraction(fps).limit_denominator(1000)
    candidates = [intervals.nearest(fps) for intervals in offered] or [wanted_s]
    return min(candidates, key=lambda time_s: (abs(1 / time_s - fps), time_s))


def written(size: tuple[int, int]) -> str:
    """``1280x720``."""
    return f"{size[0]}x{size[1]}"


def rate_of(interval_s: Fraction) -> str:
    """Pictures a second, as short as can be."""
    return f"{round(float(1 / interval_s), 2):g}"


def offer(sizes: Iterable[tuple[Sizes, Sequence[Intervals]]]) -> str:
    """A camera's sizes with their rates, in words."""
    return ", ".join(
        f"{one} ({', '.join(map(str, rates[:MOST_RATES_TOLD]))})" if rates else str(one)
        for one, rates in sizes
    )


def _stepped(wanted: int, least: int, most: int, step: int) -> int:
    bounded = max(least, min(wanted, most))
    below = least + (bounded - least) // step * step
    return (
        below + step if bounded - below > step / 2 and below + step <= most else below
    )


def _distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])
