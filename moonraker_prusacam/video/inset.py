# A small picture of another camera in the corner of each picture.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Picture in picture, drawn by filters of ffmpeg.

The picture of the other camera is an extra: where it is missing or damaged, the one
before is shown, and where there is none at all, nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .picture import inspect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .picture import Size

BORDER = 2  # pixels
BORDER_COLOUR = "white"
MOST_OF_HEIGHT = 0.9
TRANSPOSE = {
    0: (),
    90: ("transpose=clock",),
    180: ("hflip", "vflip"),
    270: ("transpose=cclock",),
}
PLACES = {
    "top_left": ("{gap}", "{gap}"),
    "top_right": ("W-w-{gap}", "{gap}"),
    "bottom_left": ("{gap}", "H-h-{gap}"),
    "bottom_right": ("W-w-{gap}", "H-h-{gap}"),
}


@attrs.frozen(kw_only=True)
class Inset:
    """Where the small picture is, and how much of the width it takes, in percent.

    It is flipped, and then turned by ``rotation`` degrees clockwise.
    """

    place: str = "top_right"
    width_percent: float = 30.0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    rotation: int = 0


def usable(pictures: Sequence[Path]) -> list[Path]:
    """One whole picture for each that is asked for; empty when there is none.

    All are of the size of the first one: another would make ffmpeg begin anew.
    """
    seen = {path: inspect(path) for path in dict.fromkeys(pictures)}
    before = next((path for path in pictures if seen[path].is_whole), None)
    if before is None:
        return []
    size, shown = seen[before].size, []
    for path in pictures:
        if seen[path].is_whole and seen[path].size == size:
            before = path
        shown.append(before)
    return shown


def chain(inset: Inset, picture: Size, video: Size) -> str:
    """Filters that make a ``picture`` small enough for ``video``, with a border."""
    turned = picture if inset.rotation % 180 == 0 else picture[::-1]
    width, height = _box(turned, video, inset.width_percent)
    filters = ["hflip"] * inset.flip_horizontal + ["vflip"] * inset.flip_vertical
    filters += TRANSPOSE[inset.rotation]
    filters += [
        f"scale=out_range=tv:w={width}:h={height}:force_original_aspect_ratio=decrease",
        f"pad={width}:{height}:-1:-1",
        "setsar=1",
        "format=yuv420p",
        f"pad=iw+{2 * BORDER}:ih+{2 * BORDER}:{BORDER}:{BORDER}:{BORDER_COLOUR}",
    ]
    return ",".join(filters)


def overlay(inset: Inset, video: Size) -> str:
    """The filter that puts the small picture into ``video``."""
    x, y = (part.format(gap=max(2, video[0] // 64)) for part in PLACES[inset.place])
    return f"overlay=x={x}:y={y}:eof_action=repeat:repeatlast=1"


def _box(picture: Size, video: Size, percent: float) -> Size:
    width = video[0] * percent / 100
    height = width * picture[1] / max(1, picture[0])
    factor = min(1.0, video[1] * MOST_OF_HEIGHT / max(1.0, height))
    return _even(width * factor), _even(height * factor)


def _even(pixels: float) -> int:
    return max(2, round(pixels / 2) * 2)
