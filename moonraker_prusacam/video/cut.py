# The first frames of a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a finished video back to what it was joined of, without encoding anything.

What is held at the end of a video is a segment of its own, so the frames before it can
be decoded without it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import RenderError
from moonraker_prusacam.mp4 import read_track

from .ffmpeg import file_url
from .join import retimed, turned
from .segment import SEGMENT_FPS
from .staging import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from .ffmpeg import FFmpeg

CUT_TIMEOUT_S = 120.0


async def cut(ffmpeg: FFmpeg, video: Path, frames: int, segment: Path) -> None:
    """Write the first ``frames`` of ``video`` to ``segment``; raises RenderError."""
    try:
        track = await asyncio.to_thread(read_track, video)
        timing = retimed(track, track.timescale // SEGMENT_FPS)
        async with whole_file(segment) as partial:
            # As pieces are: the way up is told when they are joined.
            arguments = await turned(ffmpeg, ["-i", file_url(video)], 0)
            arguments += ["-map", "0:v:0", "-c", "copy"]
            arguments += ["-frames:v", str(frames), "-bsf:v", timing]
            arguments += ["-video_track_timescale", str(track.timescale)]
            arguments += ["-f", "mp4", file_url(partial)]
            await ffmpeg.run(arguments, timeout_s=CUT_TIMEOUT_S)
            written = (await asyncio.to_thread(read_track, partial)).frames
            if written != frames:
                raise RenderError(f"{video.name} has {written} of {frames} frames")
    except OSError as error:
        raise RenderError(f"{video}: {error.strerror}") from error
