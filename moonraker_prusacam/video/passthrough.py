# A video of JPEGs as H.264, with the times of its frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes a recording anew, part by part, each frame shown when it was.

No frame is added or left out, and none is decoded before one that is shown earlier, so
the table of times of the new video is that of the old one, tick for tick. That is
looked up in each part, and in the whole.
"""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_times, read_track
from moonraker_prusacam.orientation import UPRIGHT, Orientation

from .codec import LIBX264, Codec, in_order
from .ffmpeg import file_url
from .inset import TRANSPOSE
from .join import Tags, metadata
from .segment import DEFAULT_CRF
from .staging import numbered, whole_file, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from moonraker_prusacam.mp4 import FrameTimes

    from .ffmpeg import FFmpeg

LIST = "parts.ffconcat"
START_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 10.0
JOIN_TIMEOUT_S = 1800.0
KEY_INTERVAL_S = 5.0
MOST_KEYINT = 600
MICROSECOND = 1e-6
FILTERS = "crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0,scale=out_range=tv,format=yuv420p"
# What a device sent is read as an MP4 and nothing else.
UNTRUSTED = ("-protocol_whitelist", "file", "-f", "mov")


@attrs.frozen(kw_only=True)
class PartSettings:
    """What all parts of one video have in common."""

    crf: float = DEFAULT_CRF
    codec: Codec = LIBX264
    orientation: Orientation = UPRIGHT


def oriented(orientation: Orientation) -> list[str]:
    """Filters that show pictures as viewers of the camera see them."""
    filters = list(TRANSPOSE[orientation.rotation])
    filters += ["hflip"] * orientation.flip_horizontal
    return filters + ["vflip"] * orientation.flip_vertical


async def encode_part(
    ffmpeg: FFmpeg,
    video: Path,
    times: FrameTimes,
    first: int,
    count: int,
    part: Path,
    settings: PartSettings,
) -> None:
    """Write ``count`` frames of ``video`` from number ``first``; raises RenderError."""
    codec, turns = in_order(settings.codec), oriented(settings.orientation)
    begin_s = times.seconds(times.begins[first])
    try:
        track = await asyncio.to_thread(read_track, video)
        fps = track.frames / max(float(track.duration_s), 0.001)
        keyint = min(MOST_KEYINT, max(1, round(fps * KEY_INTERVAL_S)))
        pixels_per_s = track.width * track.height * fps
        async with whole_file(part) as partial:
            await ffmpeg.run(
                [
                    *(*codec.before, "-threads", "1", *UNTRUSTED),
                    # Between this frame and the one before, whatever is rounded.
                    *("-ss", f"{max(0.0, begin_s - 3 * MICROSECOND):.6f}"),
                    *("-i", file_url(video), "-map", "0:v:0", "-an"),
                    *("-filter_threads", "1"),
                    *("-vf", ",".join([FILTERS, *turns, *codec.filters])),
                    *("-frames:v", str(count), "-fps_mode", "passthrough"),
                    *("-enc_time_base", f"1/{times.timescale}"),
                    *("-c:v", codec.name, "-threads", "1"),
                    *codec.options(settings.crf, keyint, pixels_per_s),
                    *("-video_track_timescale", str(times.timescale)),
                    *("-f", "mp4", file_url(partial)),
                ],
                timeout_s=START_TIMEOUT_S + FRAME_TIMEOUT_S * count,
            )
            await asyncio.to_thread(_verify, partial, times, first, count)
    except OSError as error:
        raise RenderError(f"{part}: {error.strerror}") from error


async def join_parts(
    ffmpeg: FFmpeg,
    parts: Sequence[Path],
    times: FrameTimes,
    firsts: Sequence[int],
    target: Path,
    tags: Tags,
) -> None:
    """Write ``parts``, which begin with the frames ``firsts``, to ``target``.

    It has the frames of ``times``, and they theirs. Raises RenderError.
    """
    try:
        async with (
            workspace(numbered(parts, ".mp4"), ffmpeg.scratch) as folder,
            whole_file(target) as partial,
        ):
            listing = _listing(times, firsts)
            await asyncio.to_thread((folder / LIST).write_text, listing)
            await ffmpeg.run(
                [
                    *("-f", "concat", "-safe", "0", "-i", LIST, "-map", "0:v:0"),
                    *("-c", "copy", "-video_track_timescale", str(times.timescale)),
                    *metadata(tags),
                    *("-movflags", "+faststart", "-f", "mp4", file_url(partial)),
                ],
                timeout_s=JOIN_TIMEOUT_S,
                folder=folder,
            )
            headers = {
                (await asyncio.to_thread(read_track, part)).headers for part in parts
            }
            if len(headers) != 1:
                raise RenderError("the parts of the video do not fit together")
            count = len(times.begins)
            await asyncio.to_thread(_verify, partial, times, 0, count)
    except OSError as error:
        raise RenderError(f"{target}: {error.strerror}") from error


def _listing(times: FrameTimes, firsts: Sequence[int]) -> str:
    """Where each part begins, to the microsecond, whatever was rounded before."""
    begins = [times.begins[first] for first in firsts] + [times.end]
    rounded = [round(Fraction(begin * 1_000_000, times.timescale)) for begin in begins]
    lines = ["ffconcat version 1.0"]
    for number, begin in enumerate(rounded[:-1]):
        duration = rounded[number + 1] - begin
        lines.append(f"file '{number:06d}.mp4'")
        lines.append(f"duration {duration // 1_000_000}.{duration % 1_000_000:06d}")
    return "\n".join([*lines, ""])


def _verify(video: Path, times: FrameTimes, first: int, count: int) -> None:
    """Raise RenderError unless ``video`` has these frames at their times."""
    made = read_times(video)
    if len(made.begins) != count:
        raise RenderError(f"{len(made.begins)} of {count} frames were encoded")
    is_same_scale = made.timescale == times.timescale
    if not is_same_scale or made.passed(0, count) != times.passed(first, count):
        raise RenderError("frames of the new video are not shown when they were")
