# The picture that stands for a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the JPEG beside a video, the same way up as the video."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import RenderError

from .ffmpeg import file_url
from .inset import TRANSPOSE
from .picture import JPEG_INPUT, PATTERN, inspect, memory_limit
from .staging import numbered, workspace

if TYPE_CHECKING:
    from pathlib import Path

    from .ffmpeg import FFmpeg

POSTER_TIMEOUT_S = 60.0
# 2 is the best of ffmpeg's scale, 31 the worst.
QUALITY = 3
OUTPUT = "poster.jpg"
LAST_S = 2  # of a video, which are decoded for its last picture


async def make_poster(
    ffmpeg: FFmpeg,
    frame: Path,
    poster: Path,
    *,
    flip_horizontal: bool = False,
    flip_vertical: bool = False,
    rotation: int = 0,
    max_width: int | None = None,
) -> None:
    """Write ``frame`` to ``poster``, turned as a segment and ``join`` would turn it.

    Flips come first, then ``rotation`` in degrees clockwise. A frame that needs no
    change is copied. Raises RenderError; then there is no new file.
    """
    filters = ["hflip"] * flip_horizontal + ["vflip"] * flip_vertical
    filters += TRANSPOSE[rotation]
    picture = await asyncio.to_thread(inspect, frame)
    if max_width is not None:
        filters.append(f"scale='min(iw,{max_width})':-1")
    try:
        if picture.is_whole and not filters:
            await asyncio.to_thread(_copy, frame, poster)
            return
        async with workspace(numbered([frame], ".jpg"), ffmpeg.scratch) as folder:
            arguments = [*JPEG_INPUT, "-start_number", "0", "-i", PATTERN]
            if filters:
                arguments += ["-vf", ",".join(filters)]
            arguments += ["-frames:v", "1", "-c:v", "mjpeg", "-q:v", str(QUALITY)]
            arguments += ["-f", "image2", "-update", "1", OUTPUT]
            await ffmpeg.run(
                arguments,
                timeout_s=POSTER_TIMEOUT_S,
                folder=folder,
                memory_limit_bytes=memory_limit([picture.size]),
            )
            await asyncio.to_thread(_copy, folder / OUTPUT, poster)
    except FileNotFoundError as error:
        raise RenderError(f"{frame.name} is no picture") from error
    except OSError as error:
        raise RenderError(f"{poster}: {error.strerror}") from error


async def make_video_poster(ffmpeg: FFmpeg, video: Path, poster: Path) -> None:
    """Write the last picture of ``video`` to ``poster``; raises RenderError.

    The file may be of anybody: it is read as an MP4 and nothing else.
    """
    arguments = ["-protocol_whitelist", "file", "-f", "mov", "-sseof", f"-{LAST_S}"]
    arguments += ["-i", file_url(video), "-map", "0:v:0", "-q:v", str(QUALITY)]
    # Every picture is written over the one before it.
    arguments += ["-f", "image2", "-update", "1", OUTPUT]
    try:
        async with workspace({}, ffmpeg.scratch) as folder:
            await ffmpeg.run(arguments, timeout_s=POSTER_TIMEOUT_S, folder=folder)
            picture = await asyncio.to_thread(inspect, folder / OUTPUT)
            if not picture.is_whole:
                raise RenderError(f"{video.name} has no last picture")
            await asyncio.to_thread(_copy, folder / OUTPUT, poster)
    except OSError as error:
        raise RenderError(f"{poster}: {error.strerror}") from error


def _copy(source: Path, target: Path) -> None:
    write_file(target, source.read_bytes())
