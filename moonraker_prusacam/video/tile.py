# A while of one video, small and even.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a clip of some frames for a place in a larger picture.

Whatever the video is, the clip has as many frames as were asked for, at a constant
rate, each showing what the video showed at that moment: its first frame before it
began, its last one after its end. Only one large video is decoded at a time; so many
of them side by side would need more memory than a small host has.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import JPEG, read_track
from moonraker_prusacam.orientation import UPRIGHT, Orientation

from .caption import FONT, MOST_CHARACTERS, Caption, find_font, write_captions
from .ffmpeg import file_url
from .grid import even
from .passthrough import UNTRUSTED, oriented
from .staging import whole_file, workspace

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.mp4 import FrameTimes

    from .ffmpeg import FFmpeg
    from .picture import Size

# The codecs of phones and cameras; no other decoder is tried on what they send.
DECODERS = "h264,hevc,mjpeg,mpeg4,av1,libdav1d,vp9,libvpx-vp9"
# Quick, and good enough to be encoded again.
CLIP_CODEC = (
    *("-c:v", "libx264", "-threads", "1", "-preset", "ultrafast"),
    *("-tune", "fastdecode", "-crf", "14"),
)
START_TIMEOUT_S = 60.0
FRAME_TIMEOUT_S = 10.0
# By so much a frame may be decoded before one that is shown earlier.
REORDERED_S = 0.6
TAIL_S = 2  # the last frame's times in two tables differ by less
NAME_SHARE = 14  # the smaller side of the tile to the height of its text


@attrs.frozen
class Excerpt:
    """What ``video`` shows from ``begin_s`` of its time on.

    ``size`` is that of its pictures as they are to be seen: pixels may be no squares.
    """

    video: Path
    times: FrameTimes
    begin_s: float
    size: Size
    orientation: Orientation = UPRIGHT


@attrs.frozen
class TileShape:
    """``frames`` pictures of ``size`` at ``fps``, with a ``name`` on them if any.

    Whether this ffmpeg can draw it is to be asked before.
    """

    frames: int
    fps: int
    size: Size
    name: str = ""


async def make_tile(
    ffmpeg: FFmpeg,
    excerpt: Excerpt,
    shape: TileShape,
    clip: Path,
    *,
    font: Path | None = None,
) -> str:
    """Write ``excerpt`` to ``clip``; what ffmpeg has against the video, "" if nothing.

    Raises RenderError; then there is no new file.
    """
    before, filters = _read(excerpt, shape)
    source = [
        *(*UNTRUSTED, "-codec_whitelist", DECODERS),
        # The times stay those of the video, whatever else is in the file.
        *("-copyts", *before, "-i", file_url(excerpt.video)),
    ]
    return await _make(ffmpeg, shape, clip, source, filters, font)


async def make_blank_tile(
    ffmpeg: FFmpeg, shape: TileShape, clip: Path, *, font: Path | None = None
) -> None:
    """Like ``make_tile``, for a video that shows nothing."""
    width, height = shape.size
    picture = f"color=black:size={width}x{height}:rate={shape.fps}"
    picture += f",format=yuv420p,trim=end_frame={shape.frames}"
    source = ["-f", "lavfi", "-i", picture]
    await _make(ffmpeg, shape, clip, source, ["setsar=1"], font)


async def _make(
    ffmpeg: FFmpeg,
    shape: TileShape,
    clip: Path,
    source: list[str],
    filters: list[str],
    font: Path | None,
) -> str:
    try:
        async with workspace({}, ffmpeg.scratch) as folder, whole_file(clip) as partial:
            drawn = await asyncio.to_thread(_drawn, shape, folder, font)
            completed = await ffmpeg.run(
                [
                    # How much of it can be decoded shows in what comes out.
                    *("-max_error_rate", "1", "-threads", "1", *source),
                    *("-map", "0:v:0", "-an", "-filter_threads", "1"),
                    *("-vf", ",".join([*filters, *drawn])),
                    *("-fps_mode", "passthrough", *CLIP_CODEC),
                    *("-f", "mp4", file_url(partial)),
                ],
                timeout_s=START_TIMEOUT_S + FRAME_TIMEOUT_S * shape.frames,
                folder=folder,
            )
            made = await asyncio.to_thread(read_track, partial)
            if made.frames != shape.frames:
                raise RenderError(f"{made.frames} of {shape.frames} frames came out")
    except OSError as error:
        raise RenderError(f"{clip}: {error.strerror}") from error
    return completed.stderr.partition("\n")[0][:MOST_CHARACTERS]


def _read(excerpt: Excerpt, shape: TileShape) -> tuple[list[str], list[str]]:
    """Options for the input, and filters that bring its frames to their places."""
    times, fps = excerpt.times, shape.fps
    begin_s = min(excerpt.begin_s, times.last_s)
    seek_s = times.begin_of(begin_s) - (0.001 if times.codec == JPEG else REORDERED_S)
    before = ["-noaccurate_seek", "-ss", f"{seek_s:.6f}"] if seek_s > 0 else []
    width, height = shape.size
    fit = min(width / excerpt.size[0], height / excerpt.size[1])
    fitted = ":".join(str(even(side * fit)) for side in excerpt.size)
    scale = [*oriented(excerpt.orientation), f"scale={fitted}:out_range=tv"]
    scale += ["format=yuv420p", "setsar=1"]
    steady = [
        # First a constant rate, wherever that begins; then from 0 on, gaps closed.
        *(f"setpts=PTS-({begin_s:.6f})/TB", f"fps={fps}"),
        f"tpad=stop={shape.frames + TAIL_S * fps}:stop_mode=clone",
        *(f"fps={fps}:start_time=0", f"trim=end_frame={shape.frames}"),
    ]
    # As few pictures as possible are scaled.
    told_fps = len(times.begins) / max(times.seconds(times.end), 0.001)
    is_still = not -shape.frames / fps < excerpt.begin_s < times.last_s
    chain = [*scale, *steady] if told_fps <= fps or is_still else [*steady, *scale]
    return before, [*chain, f"pad={width}:{height}:-1:-1"]


def _drawn(shape: TileShape, folder: Path, font: Path | None) -> list[str]:
    if not shape.name:
        return []
    if (found := find_font(font)) is not None:
        (folder / FONT).symlink_to(found.absolute())
    return write_captions(
        [Caption(shape.name)],
        folder,
        fps=shape.fps,
        height=shape.size[1],
        with_font=found is not None,
        share=NAME_SHARE * shape.size[1] // min(shape.size),
    )
