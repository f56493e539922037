# Another speed and another end for a video that exists.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the pictures of a video at another rate, without encoding them again.

The last picture may be held at the end. For another hold the held frames are cut off,
which begin with a key frame, and new ones are joined on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track

from .ffmpeg import file_url
from .join import Tags, Timing, join
from .segment import SEGMENT_FPS, EncodeSettings, hold_segment

if TYPE_CHECKING:
    from pathlib import Path

    from moonraker_prusacam.mp4 import Track

    from .ffmpeg import FFmpeg
    from .join import JoinResult

WHOLE, SHOWN, HOLD, LAST = "whole.mp4", "shown.mp4", "hold.mp4", "last.jpg"
CUT_TIMEOUT_S = 600.0
PICTURE_TIMEOUT_S = 60.0
# More than from one key frame to the next.
TAIL_S = 3


@attrs.frozen
class Retimed:
    """The new video; its last ``held`` frames are the same."""

    result: JoinResult
    held: int


async def retime(
    ffmpeg: FFmpeg,
    video: Path,
    target: Path,
    timing: Timing | None,
    *,
    held: int = 0,
    hold_s: float | None = None,
    settings: EncodeSettings | None = None,
    tags: Tags | None = None,
) -> Retimed:
    """Write ``video``, whose last ``held`` frames are the same, to ``target``.

    It keeps its rate without ``timing``, and holds as long as before without
    ``hold_s``. ``settings`` are those that it was encoded with. Leaves temporary files
    in the folder of ``target``. Raises RenderError.
    """
    track = await asyncio.to_thread(_read, video)
    if track.fps is None or track.rotation is None:
        raise RenderError(f"{video.name} is not timed as prusacam times videos")
    shown = track.frames - held
    timing = timing or Timing(fps=float(track.fps))
    before_s = float(held / track.fps)
    wanted = timing.held_frames(shown, before_s if hold_s is None else hold_s)
    pieces = [video]
    if wanted != held:
        folder = target.parent
        cut = await _cut(ffmpeg, video, shown, folder)
        pieces = [cut]
        if wanted:
            hold = await _hold(ffmpeg, cut, wanted, folder / HOLD, settings)
            pieces = [cut, hold]
            if (await asyncio.to_thread(_read, hold)).headers != track.headers:
                if hold_s is not None:
                    raise RenderError(
                        f"{video.name} was encoded in another way than today, so its "
                        "last picture cannot be held longer or shorter"
                    )
                pieces, wanted = [video], held
    result = await join(
        ffmpeg,
        pieces,
        target,
        timing,
        rotation=track.rotation,
        tags=tags,
        held=wanted,
    )
    return Retimed(result, wanted)


async def _cut(ffmpeg: FFmpeg, video: Path, frames: int, folder: Path) -> Path:
    """The first ``frames`` of ``video``, timed like a segment.

    Frames come in the order of decoding, which is that of showing at a key frame.
    """
    timed = await join(ffmpeg, [video], folder / WHOLE, Timing(fps=SEGMENT_FPS))
    if timed.frames == frames:
        return timed.path
    arguments = ["-i", file_url(timed.path), "-map", "0:v:0", "-c", "copy"]
    arguments += ["-frames:v", str(frames), "-f", "mp4", file_url(folder / SHOWN)]
    await ffmpeg.run(arguments, timeout_s=CUT_TIMEOUT_S)
    return folder / SHOWN


async def _hold(
    ffmpeg: FFmpeg,
    video: Path,
    count: int,
    segment: Path,
    settings: EncodeSettings | None,
) -> Path:
    """The last picture of ``video``, ``count`` times."""
    last = segment.with_name(LAST)
    # Every picture is written over the one before it.
    await ffmpeg.run(
        [
            *("-sseof", f"-{TAIL_S}", "-i", file_url(video), "-q:v", "2"),
            *("-f", "image2", "-update", "1", str(last)),
        ],
        timeout_s=PICTURE_TIMEOUT_S,
    )
    track = await asyncio.to_thread(_read, video)
    settings = attrs.evolve(
        settings or EncodeSettings(), size=(track.width, track.height)
    )
    await hold_segment(ffmpeg, last, count, segment, settings)
    return segment


def _read(video: Path) -> Track:
    try:
        return read_track(video)
    except OSError as error:
        raise RenderError(f"{video.name}: {error.strerror}") from error
