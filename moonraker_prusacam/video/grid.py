# Several pictures as one.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places equal tiles in rows, and encodes clips that are as long as each other so."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track

from .ffmpeg import file_url
from .segment import TIMESCALE
from .staging import numbered, whole_file, workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .ffmpeg import FFmpeg
    from .passthrough import PartSettings
    from .picture import Size

WIDE = 16 / 9
# Narrower and wider tiles waste more than they show.
NARROWEST, WIDEST = 9 / 20, 20 / 9
ASPECT_SLACK = 0.02
KEY_INTERVAL_S = 5
ROUNDING = 1e-6  # 360 may come as 359.99…
START_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 10.0


@attrs.frozen
class Grid:
    """``count`` tiles of ``tile``, at most ``columns`` in a row."""

    count: int
    columns: int
    tile: Size

    @property
    def rows(self) -> int:
        """How many rows there are; the last may be shorter, and is centred."""
        return math.ceil(self.count / self.columns)

    @property
    def size(self) -> Size:
        """Of the whole picture."""
        return self.tile[0] * self.columns, self.tile[1] * self.rows


def grid_for(sizes: Sequence[Size], height: int) -> Grid:
    """The grid for pictures of ``sizes`` within 16:9 of ``height``."""
    width, count, aspect = height * WIDE, len(sizes), _aspect(sizes)

    def misfit(columns: int) -> tuple[float, int]:
        shape = columns * aspect / math.ceil(count / columns)
        return round(abs(math.log(shape / WIDE)), 6), -columns

    columns = min(range(1, count + 1), key=misfit)
    rows = math.ceil(count / columns)
    tile_width = min(width / columns, height / rows * aspect)
    return Grid(count, columns, (even(tile_width), even(tile_width / aspect)))


def _aspect(sizes: Sequence[Size]) -> float:
    """That of all pictures where they agree, else what most of them are like."""
    aspects = sorted(width / height for width, height in sizes)
    if aspects[-1] - aspects[0] <= ASPECT_SLACK * aspects[0]:
        return min(WIDEST, max(NARROWEST, aspects[0]))
    is_wide = aspects[len(aspects) // 2] >= 1
    return WIDE if is_wide else 1 / WIDE


def even(length: float) -> int:
    """The largest even number of pixels in ``length``, at least 2."""
    return max(2, int(length + ROUNDING) // 2 * 2)


async def stack(
    ffmpeg: FFmpeg,
    clips: Sequence[Path],
    grid: Grid,
    piece: Path,
    settings: PartSettings,
    *,
    fps: int,
    frames: int,
) -> None:
    """Write ``clips`` of ``frames`` each to ``piece``; raises RenderError.

    Pieces of one grid and settings can be joined.
    """
    codec = settings.codec
    graph = ";".join([*_rows(grid), ",".join([_columns(grid), *codec.filters])])
    names = list(numbered(clips, ".mp4"))
    width, height = grid.size
    try:
        async with (
            workspace(numbered(clips, ".mp4"), ffmpeg.scratch) as folder,
            whole_file(piece) as partial,
        ):
            inputs = [part for name in names for part in ("-threads", "1", "-i", name)]
            await ffmpeg.run(
                [
                    *(*codec.before, *inputs, "-filter_complex_threads", "1"),
                    *("-filter_complex", graph, "-an", "-fps_mode", "passthrough"),
                    *("-c:v", codec.name, "-threads", "1"),
                    *codec.options(
                        settings.crf, KEY_INTERVAL_S * fps, width * height * fps
                    ),
                    *("-video_track_timescale", str(TIMESCALE)),
                    *("-f", "mp4", file_url(partial)),
                ],
                timeout_s=START_TIMEOUT_S + FRAME_TIMEOUT_S * frames,
                folder=folder,
            )
            made = await asyncio.to_thread(read_track, partial)
            if made.frames != frames:
                raise RenderError(f"{made.frames} of {frames} frames came out")
    except OSError as error:
        raise RenderError(f"{piece}: {error.strerror}") from error


def _rows(grid: Grid) -> Iterator[str]:
    """Filters that make each row of its tiles."""
    for row in range(grid.rows):
        numbers = range(row * grid.columns, min((row + 1) * grid.columns, grid.count))
        chain = f"hstack=inputs={len(numbers)}" if len(numbers) > 1 else "null"
        if len(numbers) < grid.columns:
            chain += f",pad={grid.size[0]}:{grid.tile[1]}:(ow-iw)/2:0"
        yield f"{''.join(f'[{number}:v]' for number in numbers)}{chain}[row{row}]"


def _columns(grid: Grid) -> str:
    rows = "".join(f"[row{row}]" for row in range(grid.rows))
    return f"{rows}{f'vstack=inputs={grid.rows}' if grid.rows > 1 else 'null'}"
